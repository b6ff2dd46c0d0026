// SPDX-License-Identifier: Apache-2.0
#include "fleet/promql_client.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "outbound/testing_receiver.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::http_reply;
using testing::Received;
using testing::ScriptedReceiver;

constexpr std::string_view kOne =
    R"({"status":"success","data":{"resultType":"vector","result":[)"
    R"({"metric":{"instance":"a"},"value":[1700000000.123,"12.5"]}]}})";

std::unique_ptr<PromqlClient> client_of(const std::string& url) {
  auto client =
      PromqlClient::open({.base = *OutboundUrl::parse(url),
                          .authorization = Secret("Bearer sesame"),
                          .outbound = {.addresses = {.loopback = true}, .deadline = 20s}});
  return *std::move(client);
}

TEST(PromAnswer, IsRead) {
  const auto got = parse_prom_answer(
      R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"uuid":"GPU-1"},)"
      R"("values":[[1,"1"],[2.5,"NaN"],[3,"+Inf"],[4,"-2e3"]]}]}})");
  ASSERT_TRUE(got) << got.error().message;
  ASSERT_EQ(got->size(), 1U);
  const PromSeries& series = got->front();
  EXPECT_EQ(series.label("uuid"), "GPU-1");
  EXPECT_EQ(series.label("host"), "");
  ASSERT_EQ(series.points.size(), 4U);
  EXPECT_EQ(series.points[1].at_ms, 2500);
  EXPECT_TRUE(std::isnan(series.points[1].value));
  EXPECT_FALSE(std::isfinite(series.points[2].value));
  EXPECT_EQ(series.points[3].value, -2000);
}

TEST(PromAnswer, IsRefusedWhenItIsNone) {
  const auto f = [](std::string_view body) {
    const auto got = parse_prom_answer(body);
    ASSERT_FALSE(got) << body;
    EXPECT_EQ(got.error().code, Errc::kCorrupt) << body;
  };
  f("");
  f("<html>");
  f("{}");
  f(R"({"status":"error","error":"x"})");
  f(R"({"status":"success","data":{"result":[{}]}})");
  f(R"({"status":"success","data":{"result":[{"metric":{},"value":[1]}]}})");
  f(R"({"status":"success","data":{"result":[{"metric":{},"value":[1,2]}]}})");
  f(R"({"status":"success","data":{"result":[{"metric":{},"value":["x","2"]}]}})");
  f(R"({"status":"success","data":{"result":[{"metric":{},"value":[1e300,"2"]}]}})");
}

TEST(PromqlClient, AsksWithTheTokenBelowThePathItWasGiven) {
  ScriptedReceiver receiver([](const Received&, std::size_t) { return http_reply(200, {}, kOne); });
  const auto client = client_of(receiver.url("/select/0/prometheus/"));
  const auto got = client->query("up{a=\"b&c\"}", from_unix_ns(1'700'000'000'123'000'000));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->front().points.front().value, 12.5);
  const Received asked = receiver.received().front();
  EXPECT_TRUE(asked.head.starts_with("POST /select/0/prometheus/api/v1/query HTTP/1.1\r\n"));
  EXPECT_THAT(asked.head, HasSubstr("Authorization: Bearer sesame\r\n"));
  EXPECT_EQ(asked.body, "query=up%7Ba%3D%22b%26c%22%7D&time=1700000000.123&nocache=1");
}

TEST(PromqlClient, AsksForARangeByItsFirstAndLastPoint) {
  ScriptedReceiver receiver([](const Received&, std::size_t) { return http_reply(200, {}, kOne); });
  const auto client = client_of(receiver.url());
  const PromRange range{.first = from_unix_ns(14'999'000'000), .step = 15s, .points = 3};
  ASSERT_TRUE(client->query_range("x", range));
  EXPECT_EQ(receiver.received().front().body, "query=x&start=14.999&end=44.999&step=15&nocache=1");
  EXPECT_EQ(client->query_range("x", {.first = {}, .step = 1s, .points = 10'001}).error().code,
            Errc::kTooLarge);
}

TEST(PromqlClient, SaysWhoDoesNotAnswerAndWhy) {
  const auto f = [](int status, const std::string& body, Errc code, const char* says) {
    ScriptedReceiver receiver(
        [status, &body](const Received&, std::size_t) { return http_reply(status, {}, body); });
    const auto got = client_of(receiver.url())->query("x", {});
    ASSERT_FALSE(got) << status;
    EXPECT_EQ(got.error().code, code) << status;
    EXPECT_THAT(got.error().message, HasSubstr(says));
    EXPECT_THAT(got.error().message, ::testing::Not(HasSubstr("sesame")));
  };
  f(401, "", Errc::kUnavailable, "does not let this server in (HTTP 401)");
  f(404, "", Errc::kUnavailable, "(HTTP 404)");
  f(422, R"({"status":"error","error":"too many\nsamples"})", Errc::kTooLarge, "samples");
  f(429, "", Errc::kUnavailable, "too often");
  f(503, R"({"error":5})", Errc::kUnavailable, "(HTTP 503)");
  f(200, "<html>", Errc::kCorrupt, "");
  f(200, std::string(PromqlClient::kMaxAnswerBytes + 1, ' '), Errc::kTooLarge, "8 MiB");
}

TEST(PromqlClient, SaysWhenNobodyIsThere) {
  std::string url;
  {
    const ScriptedReceiver gone([](const Received&, std::size_t) { return std::string(); });
    url = gone.url();
  }
  const auto got = client_of(url)->query("x", {});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::kUnavailable);
}

}  // namespace
}  // namespace gpuvigil
