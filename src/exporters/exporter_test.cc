// SPDX-License-Identifier: Apache-2.0
#include "exporters/exporter.h"

#include <cstdlib>
#include <filesystem>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/wakeup.h"
#include "exporters/remote_write.h"
#include "exporters/testing_frames.h"
#include "exporters/testing_remote_write.h"
#include "outbound/testing_receiver.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::http_reply;
using testing::kEdge;
using testing::Received;
using testing::ScriptedReceiver;

class ExporterTest : public ::testing::Test {
 protected:
  ExporterTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "gpuvigil-exporter-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~ExporterTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Exporter> start(const std::string& url) {
    auto exporter =
        Exporter::start({.name = "remote_write",
                         .url = *OutboundUrl::parse(url),
                         .authorization = Secret("Bearer sesame"),
                         .outbound = {.addresses = {.loopback = true}, .deadline = 20s},
                         .spool = {.directory = folder_ + "/spool"},
                         .backoff = {.first = 1ms, .most = 5ms},
                         .interval = 15s,
                         .host = "node1"},
                        std::make_unique<RemoteWriteFormat>(Labels{{"job", "gpuvigil"}}), clock_);
    EXPECT_TRUE(exporter) << exporter.error().message;
    return *std::move(exporter);
  }

  /// The edge that many seconds after the first one.
  static std::shared_ptr<const Frame> edge(int seconds) {
    auto frame = std::make_shared<Frame>(testing::frame_with_devices(1));
    frame->edge = kEdge + std::chrono::seconds(seconds);
    return frame;
  }

  /// Waits until the state is as wished; false when it never was.
  static bool eventually(const Exporter& exporter,
                         const std::function<bool(const ExportStats&)>& holds) {
    const Wakeup nothing;
    for (int i = 0; i < 20'000; ++i) {
      if (holds(exporter.stats())) return true;
      nothing.wait(1ms);
    }
    return false;
  }

  /// Of each request: the time of its samples, in seconds after the first edge.
  static std::vector<std::int64_t> times(const std::vector<Received>& requests) {
    std::vector<std::int64_t> all;
    const std::int64_t first = to_unix_ns(kEdge) / 1'000'000;
    for (const Received& one : requests) {
      all.push_back((testing::read_remote_write(one.body).at(0).time_ms - first) / 1000);
    }
    return all;
  }

  SystemClock clock_;
  std::string folder_;
};

ScriptedReceiver::Script statuses(std::vector<int> first, std::string headers = {}) {
  return [first = std::move(first), headers = std::move(headers)](const Received&, std::size_t i) {
    return i < first.size() ? http_reply(first[i], headers) : http_reply(204);
  };
}

TEST_F(ExporterTest, SendsOneEdgeAnInterval) {
  ScriptedReceiver receiver(statuses({}));
  const auto exporter = start(receiver.url("/api/v1/write"));
  for (const int seconds : {0, 15, 16, 17, 30}) {
    exporter->offer(edge(seconds));
    const std::uint64_t want = seconds == 0 ? 1 : seconds < 30 ? 2 : 3;
    EXPECT_TRUE(receiver.wait_for(want));
  }
  EXPECT_TRUE(eventually(*exporter, [](const ExportStats& now) {
    return now.batches_waiting == 0 && now.last_sent.has_value();
  }));
  EXPECT_THAT(times(receiver.received()), ElementsAre(0, 15, 30));
  const Received request = receiver.received().front();
  EXPECT_THAT(request.head, ::testing::HasSubstr("POST /api/v1/write HTTP/1.1\r\n"));
  EXPECT_THAT(request.head, ::testing::HasSubstr("\r\nAuthorization: Bearer sesame\r\n"));
  EXPECT_THAT(request.head, ::testing::HasSubstr("\r\nContent-Encoding: snappy\r\n"));
  EXPECT_GT(exporter->stats().samples_sent, 30);
  EXPECT_TRUE(exporter->stats().is_up);
}

TEST_F(ExporterTest, TriesAgainInOrderWhatMayPass) {
  ScriptedReceiver receiver(statuses({500, 503, 429, 204, 502}));
  const auto exporter = start(receiver.url());
  exporter->offer(edge(0));
  ASSERT_TRUE(receiver.wait_for(4));
  exporter->offer(edge(15));
  ASSERT_TRUE(receiver.wait_for(6));
  EXPECT_THAT(times(receiver.received()), ElementsAre(0, 0, 0, 0, 15, 15));
  EXPECT_TRUE(
      eventually(*exporter, [](const ExportStats& now) { return now.batches_waiting == 0; }));
  EXPECT_EQ(exporter->stats().requests_failed, 4);
  EXPECT_EQ(exporter->stats().samples_refused, 0);
}

TEST_F(ExporterTest, DropsAndCountsWhatWillNeverBeTaken) {
  ScriptedReceiver receiver(statuses({400}));
  const auto exporter = start(receiver.url());
  exporter->offer(edge(0));
  ASSERT_TRUE(receiver.wait_for(1));
  exporter->offer(edge(15));
  ASSERT_TRUE(receiver.wait_for(2));
  EXPECT_THAT(times(receiver.received()), ElementsAre(0, 15));
  EXPECT_TRUE(eventually(*exporter, [](const ExportStats& now) { return now.samples_sent > 0; }));
  EXPECT_GT(exporter->stats().samples_refused, 0);
  EXPECT_EQ(exporter->stats().requests_failed, 0);
}

TEST_F(ExporterTest, WaitsAsLongAsItIsAskedTo) {
  ScriptedReceiver receiver(statuses({429}, "Retry-After: 1\r\n"));
  const Timestamp began = clock_.now();
  const auto exporter = start(receiver.url());
  exporter->offer(edge(0));
  ASSERT_TRUE(receiver.wait_for(2));
  EXPECT_GE(clock_.now() - began, 1s);
}

TEST_F(ExporterTest, LosesNothingWhileTheOtherSideIsAwayNorWhenWeAre) {
  std::string url;
  {
    const ScriptedReceiver gone(statuses({}));
    url = gone.url();
  }
  {
    const auto exporter = start(url);
    for (int i = 0; i < 5; ++i) {
      exporter->offer(edge(15 * i));
      ASSERT_TRUE(eventually(*exporter, [&](const ExportStats& now) {
        return now.batches_waiting == static_cast<std::uint64_t>(i) + 1;
      }));
    }
    EXPECT_TRUE(eventually(*exporter, [](const ExportStats& now) { return !now.is_up; }));
    EXPECT_FALSE(exporter->stats().problem.empty());
  }
  ScriptedReceiver back(statuses({}));
  const auto exporter = start(back.url());
  ASSERT_TRUE(back.wait_for(5));
  EXPECT_THAT(times(back.received()), ElementsAre(0, 15, 30, 45, 60));
}

TEST_F(ExporterTest, ASilentReceiverDelaysNobody) {
  ScriptedReceiver silent(
      [](const Received&, std::size_t) { return std::string(ScriptedReceiver::kSilence); });
  const auto exporter = start(silent.url());
  exporter->offer(edge(0));
  ASSERT_TRUE(silent.wait_for(1));
  const Timestamp began = clock_.now();
  for (int i = 1; i < 1000; ++i) exporter->offer(edge(i));
  EXPECT_LT(clock_.now() - began, 5s);  // and its end, which cancels the request
}

}  // namespace
}  // namespace gpuvigil
