// SPDX-License-Identifier: Apache-2.0
#include "api/stream_hub.h"

#include <gtest/gtest.h>

#include "base/json_reader.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

/// A connection that keeps what it was sent.
class RecordingPeer final : public StreamPeer {
 public:
  void send(std::shared_ptr<const std::string> framed) override { sent.push_back(framed); }
  void answer(std::string_view text) override { answers.emplace_back(text); }
  void close(std::uint16_t, std::string_view) override { closed = true; }
  [[nodiscard]] std::uint64_t dropped() const override { return missed; }

  /// The JSON of a message; an unmasked text frame has a header of 2, 4 or 10 bytes.
  [[nodiscard]] JsonValue message(std::size_t i) const {
    const std::string& framed = *sent.at(i);
    const auto json = parse_json(framed.substr(framed.find('{')), 1 << 20);
    EXPECT_TRUE(json);
    return *json;
  }

  std::vector<std::shared_ptr<const std::string>> sent;
  std::vector<std::string> answers;
  std::uint64_t missed = 0;
  bool closed = false;
};

class StreamHubTest : public ::testing::Test {
 protected:
  StreamHubTest() : hub_([this] { return frame_; }, [this] { ++refreshes_; }, 1s) {
    auto frame = std::make_shared<Frame>();
    frame->windows = std::make_shared<WindowLadder>();
    frame->edge = from_unix_ns(1'000'000'000);
    frame_ = frame;
  }

  /// Time passes; an edge is closed 2 ms after every whole second.
  void run(Duration span) {
    for (const auto end = now_ + span; now_ < end; now_ += StreamHub::kTick) {
      hub_.tick(now_);
      if (now_.time_since_epoch() % 1s == 0s) hub_.frame_closed(now_ + 2ms);
    }
  }

  /// Frames whose executions are numbered on from the last one's.
  void ran(const std::vector<std::string>& names) {
    auto frame = std::make_shared<Frame>(*frame_);
    for (const std::string& name : names) {
      RecentExecution one{.name = make_kernel_name(name)};
      one.order = ++order_;
      one.end = frame->edge + Duration(static_cast<std::int64_t>(order_));
      frame->recent.insert(frame->recent.begin(), one);
    }
    frame->edge += 1s;
    frame_ = frame;
  }

  std::shared_ptr<const Frame> frame_;
  int refreshes_ = 0;
  std::uint64_t order_ = 0;
  std::chrono::steady_clock::time_point now_{1000s};
  StreamHub hub_;
};

TEST_F(StreamHubTest, EqualSubscriptionsShareTheBytesOfAMessage) {
  RecordingPeer a;
  RecordingPeer b;
  RecordingPeer c;
  const auto first = hub_.open({}, a);
  const auto second = hub_.open({}, b);
  const auto third = hub_.open({.recent = 1}, c);
  EXPECT_EQ(hub_.groups(), 2U);
  run(100ms);
  ASSERT_EQ(a.sent.size(), 1U);
  EXPECT_EQ(a.sent[0].get(), b.sent[0].get());
  EXPECT_NE(a.sent[0].get(), c.sent[0].get());
}

TEST_F(StreamHubTest, MessagesComeAtTheIntervalThatWasAskedFor) {
  RecordingPeer second;
  RecordingPeer fast;
  const auto one = hub_.open({}, second);
  const auto two = hub_.open({.interval = 200ms}, fast);
  run(10s);
  EXPECT_NEAR(static_cast<double>(second.sent.size()), 10, 1);
  EXPECT_NEAR(static_cast<double>(fast.sent.size()), 50, 1);
  EXPECT_GT(refreshes_, 0);
}

TEST_F(StreamHubTest, AMessageGoesOutWithTheEdgeOfItsFrame) {
  RecordingPeer each;
  RecordingPeer every_third;
  const auto one = hub_.open({}, each);
  const auto two = hub_.open({.interval = 3s}, every_third);
  now_ += 300ms;
  hub_.tick(now_);
  EXPECT_EQ(each.sent.size(), 1U);  // at once
  for (int second = 1; second <= 9; ++second) {
    now_ += 1s;
    hub_.tick(now_);
    const auto before = each.sent.size();
    hub_.frame_closed(now_);
    EXPECT_EQ(each.sent.size(), before + 1);
  }
  EXPECT_EQ(each.sent.size(), 10U);
  EXPECT_EQ(every_third.sent.size(), 4U);
}

TEST_F(StreamHubTest, WhoComesJustBeforeAnEdgeIsNotToldTwice) {
  RecordingPeer peer;
  const auto session = hub_.open({}, peer);
  hub_.tick(now_);
  hub_.frame_closed(now_ + 100ms);
  EXPECT_EQ(peer.sent.size(), 1U);
  hub_.frame_closed(now_ + 1100ms);
  EXPECT_EQ(peer.sent.size(), 2U);
}

TEST_F(StreamHubTest, MessagesComeAlsoWhereEdgesDoNot) {
  RecordingPeer peer;
  const auto session = hub_.open({}, peer);
  for (const auto end = now_ + 9s; now_ < end; now_ += StreamHub::kTick) hub_.tick(now_);
  EXPECT_EQ(peer.sent.size(), 6U);
}

TEST_F(StreamHubTest, WhoMissedMessagesIsToldHowManyAndOthersAreNot) {
  RecordingPeer slow;
  RecordingPeer good;
  slow.missed = 3;
  const auto one = hub_.open({}, slow);
  const auto two = hub_.open({}, good);
  run(100ms);
  EXPECT_EQ(slow.message(0)["dropped"].number_or(-1), 3);
  EXPECT_EQ(good.message(0)["dropped"].number_or(-1), 0);
}

TEST_F(StreamHubTest, EachExecutionIsToldOnceNewestFirst) {
  RecordingPeer peer;
  const auto session = hub_.open({.recent = 2}, peer);
  const auto names = [&](std::size_t i) {
    std::string out;
    const JsonValue message = peer.message(i);
    for (const auto& kernel : *message["recent_kernels"].as_array()) {
      out += std::string(kernel["name"].string_or("?")) + " ";
    }
    return out;
  };
  ran({"a", "b", "c"});
  run(100ms);
  EXPECT_EQ(names(0), "c b ");
  run(1s);
  EXPECT_EQ(names(1), "");
  ran({"d"});
  run(1s);
  EXPECT_EQ(names(2), "d ");
}

TEST_F(StreamHubTest, ARareKernelIsFoundThoughTheListOfNewestIsFullOfOthers) {
  RecordingPeer peer;
  const auto session = hub_.open({.kernels = {"rare*"}, .recent = 3}, peer);
  auto frame = std::make_shared<Frame>(*frame_);
  for (std::size_t i = 0; i < Frame::kMaxRecent; ++i) {
    RecentExecution one{.name = make_kernel_name("common")};
    one.order = 1 + i;
    one.end = frame->edge + 500ms;
    frame->recent.push_back(one);
  }
  frame->kernels.push_back({.name = make_kernel_name("rare kernel"), .series_count = 1});
  frame->series.push_back({.last_end = frame->edge + 100ms, .last_duration_ns = 7000});
  frame_ = frame;
  run(100ms);
  const JsonValue message = peer.message(0);
  ASSERT_EQ(message["recent_kernels"].as_array()->size(), 1U);
  EXPECT_EQ(message["recent_kernels"].as_array()->at(0)["duration_ms"].number_or(0), 0.007);
}

TEST_F(StreamHubTest, AMessageFromTheClientReplacesItsSubscription) {
  RecordingPeer peer;
  const auto session = hub_.open({}, peer);
  session->on_text(R"({"type":"subscribe","interval_ms":500,"channels":["alerts"]})");
  ASSERT_EQ(peer.answers.size(), 1U);
  EXPECT_EQ(peer.answers[0],
            R"({"type":"subscribed","kernels":[],"devices":null,"interval_ms":500,"recent":5,)"
            R"("channels":["alerts"]})");
  run(3s);
  EXPECT_TRUE(peer.sent.empty());
  session->on_text(R"({"type":"ping"})");
  EXPECT_EQ(peer.answers.back(), R"({"type":"pong"})");
  EXPECT_EQ(hub_.groups(), 1U);
}

TEST_F(StreamHubTest, RefusalsNameTheMistakeAndKeepWhatHolds) {
  RecordingPeer peer;
  const auto session = hub_.open({}, peer);
  const auto f = [&](std::string_view text, std::string_view code, std::string_view word) {
    session->on_text(text);
    const auto answer = parse_json(peer.answers.back(), 10000);
    EXPECT_EQ((*answer)["code"].string_or(""), code) << text;
    EXPECT_NE((*answer)["detail"].string_or("").find(word), std::string_view::npos) << text;
  };
  f("nonsense", "bad_json", "JSON");
  f("3", "bad_json", "object");
  f(R"({"type":"dance"})", "unknown_type", "subscribe");
  f(R"({"type":"subscribe","interval_ms":99})", "bad_subscription", "interval_ms");
  f(R"({"type":"subscribe","interval_ms":1.5})", "bad_subscription", "interval_ms");
  f(R"({"type":"subscribe","devices":[9]})", "bad_subscription", "devices");
  f(R"({"type":"subscribe","devices":3})", "bad_subscription", "list");
  f(R"({"type":"subscribe","kernels":["1","2","3","4","5","6","7","8","9"]})", "bad_subscription",
    "at most 8");
  f(R"({"type":"subscribe","channels":["news"]})", "bad_subscription", "metrics or alerts");
  f(R"({"type":"subscribe","nonsense":1})", "bad_subscription", "unknown parameter");
  run(100ms);
  EXPECT_EQ(peer.sent.size(), 1U);
}

TEST_F(StreamHubTest, AlertsGoToThoseWhoAskedForThem) {
  RecordingPeer all;
  RecordingPeer none;
  RecordingPeer other_device;
  const auto one = hub_.open({}, all);
  const auto two = hub_.open({.alerts = false}, none);
  const auto three = hub_.open({.devices = std::vector<std::uint32_t>{5}}, other_device);
  const Alert alert{.id = "x", .rule = "r", .message = "m"};
  hub_.alerts_changed(std::span(&alert, 1));
  ASSERT_EQ(all.answers.size(), 1U);
  EXPECT_NE(all.answers[0].find(R"("type":"alert")"), std::string::npos);
  EXPECT_TRUE(none.answers.empty());
  EXPECT_TRUE(other_device.answers.empty());
}

TEST_F(StreamHubTest, WhoLeavesIsForgotten) {
  RecordingPeer peer;
  {
    const auto session = hub_.open({}, peer);
  }
  EXPECT_EQ(hub_.clients(), 0U);
  EXPECT_EQ(hub_.groups(), 0U);
  run(3s);
  EXPECT_TRUE(peer.sent.empty());
}

}  // namespace
}  // namespace gpuvigil
