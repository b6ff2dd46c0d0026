// SPDX-License-Identifier: Apache-2.0
#include "api/metrics_page.h"

#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/service.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class NoDeferral final : public Deferral {
 public:
  Reply later(Duration /*patience*/) override {
    ADD_FAILURE() << "this answer was to be given at once";
    return Reply([](std::optional<HttpResponse>) {});
  }
};

class MetricsPageTest : public ::testing::Test {
 protected:
  MetricsPageTest() : engine_({.no_device_reason = "none"}, clock_) {
    engine_.start();
    engine_.recorder().record("sgemm", 0, 1000);
    engine_.update_device(0, {.at = clock_.now(), .gpu_utilization = Percent(50)});
    (void)engine_.peek();
    engine_.stop();  // no frame but this one
    service_ = std::make_unique<Service>(
        engine_, access_, 1s, MetricsOptions{.names = MetricNames::kOwn, .host = "node1"});
  }

  HttpResponse get(std::vector<std::pair<std::string, std::string>> query = {},
                   std::string accept = {}) {
    HttpRequest request;
    request.path = "/metrics";
    request.query = std::move(query);
    if (!accept.empty()) request.headers = {{"accept", std::move(accept)}};
    NoDeferral deferral;
    return service_->handle(request, deferral).value_or(HttpResponse{.headers = {}});
  }

  SystemClock clock_;
  Engine engine_;
  Access access_{{.mode = AuthMode::kOff, .rate = std::nullopt}, TokenFile({}), clock_};
  std::unique_ptr<Service> service_;
};

TEST_F(MetricsPageTest, SpeaksTheFormatThatIsAskedFor) {
  const HttpResponse plain = get();
  EXPECT_EQ(plain.status, 200U);
  EXPECT_EQ(plain.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(*plain.body, HasSubstr("\n# TYPE gpuvigil_kernel_calls_total counter\n"));
  EXPECT_THAT(*plain.body, HasSubstr("\ngpuvigil_kernel_calls_total{kernel=\"sgemm\""));
  EXPECT_THAT(*plain.body, HasSubstr("host=\"node1\"} 0.5\n"));
  EXPECT_THAT(*plain.body, HasSubstr("\ngpuvigil_build_info{version=\""));
  const HttpResponse open = get({}, "application/openmetrics-text; version=1.0.0");
  EXPECT_EQ(open.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_TRUE(open.body->ends_with("\n# EOF\n"));
  EXPECT_THAT(*open.body, HasSubstr("\n# UNIT gpuvigil_server_resident_bytes bytes\n"));
}

TEST_F(MetricsPageTest, SpeaksTheNamesThatAreAskedFor) {
  EXPECT_THAT(*get().body, Not(HasSubstr("DCGM_FI")));
  const std::string dcgm = *get({{"names", "dcgm"}}).body;
  EXPECT_THAT(dcgm, HasSubstr("\nDCGM_FI_DEV_GPU_UTIL{gpu=\"0\""));
  EXPECT_THAT(dcgm, Not(HasSubstr("gpuvigil_")));
  const std::string all = *get({{"names", "all"}}).body;
  EXPECT_THAT(all, HasSubstr("\nDCGM_FI_DEV_GPU_UTIL{"));
  EXPECT_THAT(all, HasSubstr("\ngpuvigil_gpu_utilization_ratio{"));
  EXPECT_EQ(get({{"names", "nvidia"}}).status, 400U);
  EXPECT_EQ(get({{"name", "own"}}).status, 400U);
}

TEST_F(MetricsPageTest, IsMadeOnceAFrame) {
  EXPECT_EQ(get().body.get(), get().body.get());
  EXPECT_NE(get().body.get(), get({{"names", "all"}}).body.get());
  const auto before = get().body;
  service_->frame_closed(std::chrono::steady_clock::now());
  EXPECT_NE(get().body.get(), before.get());
}

TEST_F(MetricsPageTest, CountsItsOwnRequests) {
  get();
  service_->frame_closed(std::chrono::steady_clock::now());
  EXPECT_THAT(*get().body,
              HasSubstr("\ngpuvigil_http_requests_total{method=\"GET\",path=\"/metrics\"} 1\n"));
}

/// docs/metrics.md has a row for each metric and no others; where it has not, this prints them.
TEST(MetricsPage, HasEveryMetricInItsManual) {
  FrameMetrics frame({}, "");
  SelfMetrics self;
  DeviceMetrics dcgm(dcgm_device_families(), dcgm_device_labels, "");
  std::vector<const MetricFamily*> families = frame.families();
  for (const MetricFamily* one : self.families()) families.push_back(one);
  for (const MetricFamily& one : dcgm.families()) {
    if (one.head.is_foreign) families.push_back(&one);
  }
  std::string want;
  for (const MetricFamily* one : families) {
    want +=
        fmt::format("| `{}{}` | {} | {} |\n", one->head.name, sample_suffix(one->head),
                    one->head.kind == FamilyKind::kCounter ? "counter" : "gauge", one->head.help);
  }
  std::ifstream file(std::string(GPUVIGIL_SOURCE_DIR) + "/docs/metrics.md");
  std::string found;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| `gpuvigil_") || line.starts_with("| `DCGM_")) found += line + "\n";
  }
  EXPECT_EQ(found, want) << want;
}

}  // namespace
}  // namespace gpuvigil
