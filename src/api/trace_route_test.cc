// SPDX-License-Identifier: Apache-2.0
#include "api/trace_route.h"

#include <memory>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/service.h"
#include "base/json_reader.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(TraceWishText, EveryMistakeIsNamed) {
  const auto good = [](std::string_view body, const TraceWish& want) {
    const auto wish = read_trace_wish(body);
    ASSERT_TRUE(wish) << body;
    EXPECT_EQ(wish->pid, want.pid);
    EXPECT_EQ(wish->duration, want.duration);
    EXPECT_EQ(wish->max_events, want.max_events);
  };
  good(R"({"pid":7})", {.pid = 7, .duration = 5s, .max_events = 100'000});
  good(R"({"pid":4194304,"duration_ms":100,"max_events":1})",
       {.pid = 4'194'304, .duration = 100ms, .max_events = 1});
  good(R"({"pid":1,"duration_ms":60000,"max_events":250000})",
       {.pid = 1, .duration = 60s, .max_events = 250'000});

  const auto bad = [](std::string_view body, std::vector<std::string> want) {
    const auto wish = read_trace_wish(body);
    ASSERT_FALSE(wish) << body;
    std::vector<std::string> found;
    for (const ParameterError& error : wish.error()) found.push_back(error.parameter);
    EXPECT_EQ(found, want) << body;
  };
  bad("", {"body"});
  bad("[]", {"body"});
  bad("{", {"body"});
  bad("{}", {"pid"});
  for (const char* pid : {"0", "-1", "4194305", "1.5", "\"7\"", "null", "true", "1e99"}) {
    bad(std::string(R"({"pid":)") + pid + "}", {"pid"});
  }
  for (const char* span : {"99", "60001", "-1", "\"5s\"", "5000.5"}) {
    bad(std::string(R"({"pid":1,"duration_ms":)") + span + "}", {"duration_ms"});
  }
  for (const char* most : {"0", "250001", "[]"}) {
    bad(std::string(R"({"pid":1,"max_events":)") + most + "}", {"max_events"});
  }
  bad(R"({"duration_ms":1,"more":1})", {"pid", "duration_ms", "more"});
}

/// Two executions on a device that the frames know, and one on another.
ProcessTrace example() {
  ProcessTrace trace;
  trace.data.devices = {{.index = 0, .name = "", .uuid = "GPU-new"},
                        {.index = 1, .name = "", .uuid = "GPU-known"}};
  trace.data.series = {{.name = "gemm", .kind = KernelKind::kCompute, .device = 1},
                       {.name = "copy", .kind = KernelKind::kMemcpy, .device = 0}};
  trace.data.details = {{.stream = 7}};
  trace.data.events = {{.series = 0, .detail = 0, .start_ns = 1000, .duration_ns = 10},
                       {.series = 0, .detail = 0, .start_ns = 2000, .duration_ns = 10},
                       {.series = 1, .detail = 0, .start_ns = 3000, .duration_ns = 10}};
  trace.writers = {"cuda", "opencl"};
  trace.overwritten = 1;
  trace.over_limit = 2;
  trace.untimed = 4;
  trace.lost = 8;
  trace.unreadable = 16;
  trace.is_complete = false;
  return trace;
}

TEST(TraceJson, DevicesHaveTheNumbersOfTheFramesAndNothingMissingIsHidden) {
  const auto json = parse_json(
      trace_json(example(), 77, {{.index = 4, .name = "A GPU", .uuid = "GPU-known"}}), 1 << 20);
  ASSERT_TRUE(json);
  const JsonValue& told = (*json)["otherData"];
  const auto f = [&](std::string_view key, std::int64_t want) {
    ASSERT_NE(told[key].as_int(), nullptr) << key;
    EXPECT_EQ(*told[key].as_int(), want) << key;
  };
  f("pid", 77);
  f("executions", 34);
  f("executions_in_this_file", 3);
  f("executions_not_in_this_file", 31);
  f("executions_overwritten", 1);
  f("executions_over_limit", 2);
  f("executions_without_times", 4);
  f("executions_lost", 8);
  f("executions_unreadable", 16);
  EXPECT_FALSE(*told["is_complete"].as_bool());
  EXPECT_EQ(told["source"].string_or(""), "cuda, opencl");
  std::vector<std::pair<std::string, std::int64_t>> devices;
  for (const JsonValue& event : *(*json)["traceEvents"].as_array()) {
    if (event["ph"].string_or("") == "X") {
      devices.emplace_back(event["name"].string_or(""), *event["pid"].as_int());
    }
  }
  EXPECT_EQ(devices, (std::vector<std::pair<std::string, std::int64_t>>{
                         {"gemm", 4}, {"gemm", 4}, {"copy", 5}}));
}

/// Answers as it is told to.
class ScriptedTracer final : public Tracer {
 public:
  void trace(const TraceWish& wish, Asker asker) override {
    asked = wish;
    EXPECT_TRUE(asker.is_waiting());
    asker.done(std::move(outcome));
  }
  Outcome outcome = std::unexpected(TraceFailure{});
  std::optional<TraceWish> asked;
};

class KeptReply final : public Deferral {
 public:
  Reply later(Duration given) override {
    patience = given;
    return Reply([this](std::optional<HttpResponse> response) { answer = std::move(response); });
  }
  Duration patience{};
  std::optional<HttpResponse> answer;
};

class TraceRouteTest : public ::testing::Test {
 protected:
  TraceRouteTest() {
    engine_.start();
    service_ = std::make_unique<Service>(engine_, access_, 1s);
    service_->set_tracer(&tracer_);
  }

  HttpResponse post(std::string body, std::string type = "application/json") {
    HttpRequest request;
    request.method = Method::kPost;
    request.path = "/api/v1/gpu/traces";
    request.headers = {{"content-type", std::move(type)}};
    request.body = std::move(body);
    auto response = service_->handle(request, deferral_);
    if (!response) response = deferral_.answer;
    EXPECT_TRUE(response);
    return response.value_or(HttpResponse{.status = 0, .headers = {}});
  }

  void expect_refusal(TraceFailure::Kind kind, unsigned status) {
    tracer_.outcome = std::unexpected(TraceFailure{kind, "this is why"});
    const HttpResponse response = post(R"({"pid":7})");
    EXPECT_EQ(response.status, status);
    const bool is_known = kind != TraceFailure::Kind::kNobody;
    EXPECT_THAT(*response.body, HasSubstr(is_known ? "this is why" : "no process of that pid"));
    EXPECT_EQ(!response.headers.empty(), status == 429 || status == 503);
  }

  SystemClock clock_;
  Engine engine_{{.no_device_reason = "none"}, clock_};
  Access access_{{.mode = AuthMode::kOff, .rate = std::nullopt}, TokenFile({}), clock_};
  ScriptedTracer tracer_;
  KeptReply deferral_;
  std::unique_ptr<Service> service_;
};

TEST_F(TraceRouteTest, TheAnswerIsTheTrace) {
  tracer_.outcome = example();
  const HttpResponse response = post(R"({"pid":7,"duration_ms":1500,"max_events":9})");
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_THAT(*response.body, HasSubstr(R"("name":"gemm")"));
  ASSERT_TRUE(tracer_.asked);
  EXPECT_EQ(tracer_.asked->pid, 7U);
  EXPECT_EQ(tracer_.asked->max_events, 9U);
  EXPECT_GT(deferral_.patience, 1500ms);
}

TEST_F(TraceRouteTest, EachRefusalHasItsStatus) {
  using Kind = TraceFailure::Kind;
  expect_refusal(Kind::kNobody, 404);
  expect_refusal(Kind::kCannot, 409);
  expect_refusal(Kind::kAlready, 409);
  expect_refusal(Kind::kTooMany, 429);
  expect_refusal(Kind::kSilent, 503);
  expect_refusal(Kind::kEnded, 503);
}

TEST_F(TraceRouteTest, WhatIsWrongIsToldAtOnce) {
  EXPECT_EQ(post(R"({"pid":0})").status, 400U);
  EXPECT_EQ(post(R"({"pid":1})", "text/plain").status, 415U);
  EXPECT_EQ(post(std::string(5000, ' ')).status, 413U);
  EXPECT_FALSE(tracer_.asked);
  service_->drain();
  EXPECT_EQ(post(R"({"pid":1})").status, 503U);
  EXPECT_FALSE(tracer_.asked);
}

TEST_F(TraceRouteTest, AServerThatNobodyReportsToTracesNobody) {
  service_->set_tracer(nullptr);
  EXPECT_EQ(post(R"({"pid":7})").status, 404U);
}

}  // namespace
}  // namespace gpuvigil
