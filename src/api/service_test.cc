// SPDX-License-Identifier: Apache-2.0
#include "api/service.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "api/routes.h"
#include "base/json_reader.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

class NoDeferral final : public Deferral {
 public:
  Reply later(Duration) override {
    ADD_FAILURE() << "this answer was to be given at once";
    return Reply([](std::optional<HttpResponse>) {});
  }
};

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() : engine_({.no_device_reason = "none"}, clock_) {
    engine_.start();
    engine_.recorder().record("sgemm", 0, 1000);
    engine_.recorder().record("softmax", 1, 3000);
    (void)engine_.peek();
    service_ = std::make_unique<Service>(engine_, access_, 1s);
  }

  HttpResponse get(std::string path, std::vector<std::pair<std::string, std::string>> query = {},
                   Method method = Method::kGet) {
    HttpRequest request;
    request.method = method;
    request.path = std::move(path);
    request.query = std::move(query);
    NoDeferral deferral;
    const auto response = service_->handle(request, deferral);
    EXPECT_TRUE(response);
    return response.value_or(HttpResponse{.headers = {}});
  }

  JsonValue json(const HttpResponse& response) {
    const auto value = parse_json(*response.body, 1 << 20);
    EXPECT_TRUE(value) << *response.body;
    return value ? *value : JsonValue();
  }

  SystemClock clock_;
  Engine engine_;
  Access access_{{.mode = AuthMode::kOff, .rate = std::nullopt}, TokenFile({}), clock_};
  std::unique_ptr<Service> service_;
};

TEST_F(ServiceTest, EveryRouteIsInTheContractAndTheOtherWayRound) {
  std::ifstream file(std::string(GPUVIGIL_SOURCE_DIR) + "/api/openapi.yaml");
  ASSERT_TRUE(file);
  std::vector<std::string> documented;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("  /") && line.ends_with(":")) {
      documented.push_back(line.substr(2, line.size() - 3));
    }
  }
  std::vector<std::string> built;
  for (const Route& route : routes()) built.emplace_back(route.pattern);
  std::ranges::sort(documented);
  std::ranges::sort(built);
  built.erase(std::ranges::unique(built).begin(), built.end());  // one path, several methods
  EXPECT_EQ(built, documented);
}

TEST_F(ServiceTest, ThePathDecidesBeforeTheMethod) {
  EXPECT_EQ(get("/nope", {}, Method::kPost).status, 404U);
  const HttpResponse wrong = get("/api/v1/gpu/status", {}, Method::kDelete);
  EXPECT_EQ(wrong.status, 405U);
  ASSERT_EQ(wrong.headers.size(), 1U);
  EXPECT_EQ(wrong.headers[0], (std::pair<std::string, std::string>("Allow", "GET, HEAD")));
  EXPECT_EQ(get("/api/v1/gpu/status", {}, Method::kHead).status, 200U);
  EXPECT_EQ(get("/api/v1/gpu/kernels/", {}).status, 404U);
  EXPECT_EQ(get("/api/v1/gpu/kernels/1/2", {}).status, 404U);
}

TEST_F(ServiceTest, AnAnswerIsMadeOnceAFrame) {
  engine_.stop();  // no frame but the last one
  const HttpResponse first = get("/api/v1/gpu/kernels", {{"limit", "5"}});
  const HttpResponse again = get("/api/v1/gpu/kernels", {{"limit", "5"}});
  const HttpResponse other = get("/api/v1/gpu/kernels", {{"limit", "6"}});
  EXPECT_EQ(first.body.get(), again.body.get());
  EXPECT_NE(first.body.get(), other.body.get());
}

TEST_F(ServiceTest, AKernelIsFoundByItsIdAndItsHistogramAddsUp) {
  const JsonValue rows = json(get("/api/v1/gpu/kernels"));
  const JsonValue& row = rows["kernels"].as_array()->at(0);
  EXPECT_EQ(row["name"].string_or(""), "softmax");
  const JsonValue detail = json(get("/api/v1/gpu/kernels/" + std::string(row["id"].string_or(""))));
  EXPECT_EQ(detail["name"].string_or(""), "softmax");
  const JsonValue& buckets = detail["histogram"]["buckets"];
  ASSERT_EQ(buckets.as_array()->size(), 1U);
  EXPECT_EQ(buckets.as_array()->at(0)["count"].number_or(0), 1);
}

TEST_F(ServiceTest, ReportsComeInThreeFormats) {
  const auto f = [&](const char* format, std::string_view type) {
    const HttpResponse response = get("/api/v1/gpu/report", {{"format", format}});
    EXPECT_EQ(response.status, 200U);
    EXPECT_EQ(response.content_type, type);
    EXPECT_NE(response.body->find("sgemm"), std::string::npos) << format;
  };
  f("json", "application/json");
  f("text", "text/plain; charset=utf-8");
  f("html", "text/html; charset=utf-8");
}

/// Feeds nothing, and says how it stands with its drivers.
class FailingSource final : public Source {
 public:
  void feed(Timestamp, Intake&) override {}
  [[nodiscard]] bool finished() const override { return false; }
  [[nodiscard]] std::vector<BackendStatus> backends() const override {
    return {
        {.name = "a", .state = BackendState::kFailing, .problem = "a: \"no\"", .calls_failed = 3},
        {.name = "b", .state = BackendState::kOk, .devices = 2}};
  }
};

TEST_F(ServiceTest, TheSystemTellsWhatDriversSay) {
  Engine engine({}, clock_);
  engine.add_source(std::make_unique<FailingSource>());
  engine.start();
  service_ = std::make_unique<Service>(engine, access_, 1s);
  const HttpResponse response = get("/api/v1/system");
  EXPECT_EQ(response.status, 200U);
  const std::string want =
      R"("backends":[{"name":"a","state":"failing","problem":"a: \"no\"","devices":0,)"
      R"("calls_failed_total":3,"devices_refused_total":0},{"name":"b","state":"ok",)"
      R"("problem":null,"devices":2,"calls_failed_total":0,"devices_refused_total":0}])";
  EXPECT_NE(response.body->find(want), std::string::npos) << *response.body;
  EXPECT_NE(response.body->find(R"("samples_dropped_total":0)"), std::string::npos);
  service_.reset();
}

TEST_F(ServiceTest, DrainingIsNotReadyButAlive) {
  EXPECT_EQ(get("/readyz").status, 200U);
  service_->drain();
  EXPECT_EQ(get("/readyz").status, 503U);
  EXPECT_EQ(get("/healthz").status, 200U);
}

TEST_F(ServiceTest, ProblemsNameEachParameter) {
  const HttpResponse response =
      get("/api/v1/gpu/kernels", {{"limit", "0"}, {"<script>", "1"}, {"order", "up"}});
  EXPECT_EQ(response.status, 400U);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(response.body->find("<script>"), std::string::npos);
  const JsonValue problem = json(response);
  EXPECT_EQ(problem["errors"].as_array()->size(), 3U);
  EXPECT_EQ(problem["status"].number_or(0), 400);
}

TEST_F(ServiceTest, PagesBringAPolicyThatLetsNothingElseIn) {
  for (const char* path : {"/", "/kernels", "/devices/0", "/login", "/assets/app.css", "/docs"}) {
    const HttpResponse response = get(path);
    EXPECT_EQ(response.status, 200U);
    ASSERT_GE(response.headers.size(), 1U);
    EXPECT_EQ(response.headers[0].first, "Content-Security-Policy");
    EXPECT_TRUE(response.headers[0].second.starts_with("default-src 'none'"));
    EXPECT_EQ(response.body->find("https://"), std::string::npos) << path;
    EXPECT_EQ(response.body, get(path).body);  // one text for all
  }
}

}  // namespace
}  // namespace gpuvigil
