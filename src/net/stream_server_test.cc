// SPDX-License-Identifier: Apache-2.0
#include <future>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/http_server.h"
#include "net/server_test_kit.h"
#include "net/websocket_codec.h"

namespace gpuvigil {
namespace {

using std::chrono::milliseconds;
using testing::get;
using ::testing::HasSubstr;
using testing::kPatience;
using ::testing::Not;
using testing::RawClient;
using testing::status_of;
using testing::TestServer;

constexpr std::array<std::uint8_t, 4> kMask = {9, 8, 7, 6};
constexpr unsigned kTextFrame = 1;
constexpr unsigned kCloseFrame = 8;
constexpr unsigned kPingFrame = 9;
constexpr unsigned kPongFrame = 10;

unsigned close_code(const RawClient::Frame& frame) {
  if (frame.opcode != kCloseFrame || frame.payload.size() < 2) return 0;
  return static_cast<unsigned char>(frame.payload[0]) * 256U +
         static_cast<unsigned char>(frame.payload[1]);
}

std::string client_close(std::uint16_t code) {
  return encode_masked_frame(Opcode::kClose, close_payload(code, ""), kMask);
}

/// Reads on until a close frame or the end, and returns it.
RawClient::Frame read_to_close(RawClient& client) {
  for (;;) {
    auto frame = client.read_frame();
    if (frame.opcode == kCloseFrame || frame.opcode == 0) return frame;
  }
}

TEST(Stream, IsUpgradedAndEchoes) {
  const TestServer server;
  RawClient client(server.port());
  ASSERT_TRUE(client.upgrade());
  client.send_text("hello");
  EXPECT_EQ(client.read_frame().payload, "hello");
  client.send(encode_masked_frame(Opcode::kPing, "are you there", kMask));
  const auto pong = client.read_frame();
  EXPECT_EQ(pong.opcode, kPongFrame);
  EXPECT_EQ(pong.payload, "are you there");
  EXPECT_EQ(server.server->stats().streams, 1U);
  EXPECT_EQ(server.server->stats().connections, 1U);
}

TEST(Stream, ReadsWhatCameWithTheUpgrade) {
  const TestServer server;
  RawClient client(server.port());
  client.send(get("/greet",
                  "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n") +
              encode_masked_frame(Opcode::kText, "early", kMask));
  EXPECT_EQ(status_of(client.read_until("\r\n\r\n")), 101);
  // What the application sent inside upgrade() comes after the handshake, not before.
  EXPECT_EQ(client.read_frame().payload, "hello");
  EXPECT_EQ(client.read_frame().payload, "early");
}

TEST(Stream, IsRefusedProperly) {
  const TestServer server;
  const auto f = [&](std::string_view path, std::string_view more, int want) {
    RawClient client(server.port());
    client.send(get(path, fmt::format("Upgrade: websocket\r\nConnection: Upgrade\r\n{}", more)));
    const auto response = client.read_response();
    EXPECT_EQ(status_of(response), want) << path << more;
    return response;
  };
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const std::string good = key + "Sec-WebSocket-Version: 13\r\n";
  f("/none", good, 404);
  f("/throw", good, 500);
  f("/stream", key, 426);
  EXPECT_THAT(f("/stream", key + "Sec-WebSocket-Version: 8\r\n", 426),
              HasSubstr("Sec-WebSocket-Version: 13\r\n"));
  f("/stream", "Sec-WebSocket-Version: 13\r\n", 400);
  f("/stream", good + "Origin: http://evil.example\r\n", 403);
  f("/stream", good + "Origin: " + std::string(testing::own_scheme()) + "localhost\r\n", 101);
  EXPECT_TRUE(server.eventually([](const auto& stats) { return stats.connections == 0; }));
}

TEST(Stream, NamesTheSubprotocolThatTheApplicationChose) {
  const TestServer server;
  const auto f = [&](std::string_view path) {
    RawClient client(server.port());
    client.send(get(path,
                    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                    "Sec-WebSocket-Protocol: other, gpuvigil.test\r\n"));
    return client.read_until("\r\n\r\n");
  };
  EXPECT_THAT(f("/named"), HasSubstr("\r\nSec-WebSocket-Protocol: gpuvigil.test\r\n\r\n"));
  EXPECT_THAT(f("/stream"), Not(HasSubstr("Sec-WebSocket-Protocol")));
}

TEST(Stream, GoesOnWithHttpAfterTheApplicationRefused) {
  const TestServer server;
  RawClient client(server.port());
  EXPECT_FALSE(client.upgrade("/none"));
  client.read_until("}");
  client.send(get("/echo"));
  EXPECT_EQ(status_of(client.read_response()), 200);
}

TEST(Stream, AnswersCloseWithClose) {
  const TestServer server({.times = {.close = milliseconds(300)}});
  const auto f = [&](std::string_view wire, unsigned want) {
    RawClient client(server.port());
    ASSERT_TRUE(client.upgrade());
    client.send(wire);
    EXPECT_EQ(close_code(client.read_frame()), want);
    EXPECT_TRUE(client.is_closed());
  };
  f(client_close(1000), 1000);
  f(client_close(4321), 4321);
  f(client_close(1005), kCloseProtocolError);
  f(encode_frame(Opcode::kText, "not masked"), kCloseProtocolError);
  f(encode_masked_frame(Opcode::kText, "\xFF", kMask), kCloseBadText);
  f(encode_masked_frame(Opcode::kBinary, "\xFF", kMask), kCloseUnsupported);
  f(encode_masked_frame(Opcode::kText, std::string(16 * 1024 + 1, 'x'), kMask), kCloseTooLarge);
  EXPECT_TRUE(server.eventually([](const auto& stats) { return stats.streams == 0; }));
  EXPECT_EQ(server.app.sessions_ended, 7);
}

TEST(Stream, AStormOfAnswersWaitsForASlowReader) {
  const TestServer server;
  RawClient slow(server.port(), 4096);
  ASSERT_TRUE(slow.upgrade());
  const std::string alert(300, 'a');
  constexpr int kAlerts = 800;  // about 240 KiB
  server.on_thread([&] {
    for (int i = 0; i < kAlerts; ++i) server.app.peers.front()->answer(alert);
  });
  for (int i = 0; i < kAlerts; ++i) ASSERT_EQ(slow.read_frame().payload, alert) << i;
  EXPECT_EQ(server.server->stats().streams, 1U);
}

TEST(Stream, ClosesWhoDoesNotReadItsAnswers) {
  const TestServer server({.limits = {.answer_bytes = 10'000}, .times = {.close = kPatience}});
  RawClient stuck(server.port());
  ASSERT_TRUE(stuck.upgrade());
  const std::string large(1'000'000, 'a');
  server.on_thread([&] {
    StreamPeer& peer = *server.app.peers.front();
    peer.answer(large);           // begun: on its way
    peer.answer(large);           // one may always wait,
    peer.answer("one too many");  // another one not
    peer.answer("and nothing after that");
  });
  EXPECT_EQ(stuck.read_frame().payload, large);
  const auto second = stuck.read_frame();
  EXPECT_EQ(second.payload, large);
  EXPECT_EQ(close_code(stuck.read_frame()), kCloseTryLater);
}

TEST(Stream, EndsWhenTheClientGoesWithoutAWord) {
  const TestServer server;
  {
    RawClient client(server.port());
    ASSERT_TRUE(client.upgrade());
    client.send_text("hello");
    EXPECT_EQ(client.read_frame().payload, "hello");
  }
  EXPECT_TRUE(server.eventually([](const auto& stats) { return stats.streams == 0; }));
  EXPECT_EQ(server.app.sessions_ended, 1);
}

TEST(Stream, IsClosedByTheApplication) {
  TestServer server;
  server.app.on_text = [](StreamPeer& peer, std::string_view text) {
    peer.answer("last");
    peer.close(4000, text);
    peer.answer("too late");
    peer.send(frame_text("too late"));
    peer.close(4001, "too late");
  };
  RawClient client(server.port());
  ASSERT_TRUE(client.upgrade());
  client.send_text("bye");
  EXPECT_EQ(client.read_frame().payload, "last");
  const auto close = client.read_frame();
  EXPECT_EQ(close_code(close), 4000U);
  EXPECT_EQ(close.payload.substr(2), "bye");
  client.send(client_close(4000));
  EXPECT_TRUE(client.is_closed());

  RawClient at_once(server.port());
  ASSERT_TRUE(at_once.upgrade("/close"));
  EXPECT_EQ(close_code(at_once.read_frame()), kClosePolicy);
}

TEST(Stream, SurvivesASessionThatThrows) {
  TestServer server;
  server.app.on_text = [](StreamPeer&, std::string_view) { throw std::runtime_error("by a test"); };
  RawClient client(server.port());
  ASSERT_TRUE(client.upgrade());
  client.send_text("x");
  EXPECT_EQ(close_code(client.read_frame()), kCloseInternal);
}

TEST(Stream, PingsAndKeepsWhoAnswers) {
  const TestServer server({.times = {.ping = milliseconds(20), .silent = milliseconds(800)}});
  RawClient client(server.port());
  ASSERT_TRUE(client.upgrade());
  for (int i = 0; i < 60; ++i) {
    const auto frame = client.read_frame();
    ASSERT_EQ(frame.opcode, kPingFrame) << "after " << i;
    ASSERT_TRUE(client.send(encode_masked_frame(Opcode::kPong, frame.payload, kMask)));
  }
}

TEST(Stream, ClosesWhoIsSilent) {
  const TestServer server(
      {.times = {
           .ping = milliseconds(20), .silent = milliseconds(100), .close = milliseconds(50)}});
  RawClient client(server.port());
  ASSERT_TRUE(client.upgrade());
  EXPECT_EQ(close_code(read_to_close(client)), kClosePolicy);
  EXPECT_TRUE(client.is_closed());  // our close was not answered, and not waited for for ever
  EXPECT_EQ(server.server->stats().timeouts, 1U);
}

/// Sends the numbered message to everybody; 8 KiB, so that a socket is full after a few.
void broadcast(TestServer& server, int number) {
  const auto framed = frame_text(fmt::format("{:08}{}", number, std::string(8192, '.')));
  server.on_thread([&] {
    for (auto* peer : server.app.peers) peer->send(framed);
  });
}

TEST(Stream, KeepsOneMessageForASlowReaderAndDisturbsNobody) {
  TestServer server;
  RawClient slow(server.port(), 4096);
  RawClient fast(server.port());
  ASSERT_TRUE(slow.upgrade());
  ASSERT_TRUE(fast.upgrade());
  constexpr int kMessages = 500;
  for (int i = 0; i < kMessages; ++i) {
    broadcast(server, i);
    ASSERT_EQ(fast.read_frame().payload.substr(0, 8), fmt::format("{:08}", i));
  }
  std::uint64_t dropped_slow = 0;
  std::uint64_t dropped_fast = 1;
  server.on_thread([&] {
    dropped_slow = server.app.peers[0]->dropped();
    dropped_fast = server.app.peers[1]->dropped();
  });
  EXPECT_EQ(dropped_fast, 0U);
  EXPECT_GT(dropped_slow, 400U);
  EXPECT_EQ(server.server->stats().messages_dropped, dropped_slow);

  std::uint64_t received = 0;
  std::string last;
  do {
    const auto next = slow.read_frame().payload.substr(0, 8);
    EXPECT_LT(last, next);
    last = next;
    ++received;
  } while (last != fmt::format("{:08}", kMessages - 1));
  EXPECT_EQ(received + dropped_slow, static_cast<std::uint64_t>(kMessages));
}

TEST(Stream, ClosesWhoReadsNothingForTooLong) {
  TestServer server({.times = {.stuck = milliseconds(200)}});
  RawClient stuck(server.port(), 4096);
  ASSERT_TRUE(stuck.upgrade());
  for (int i = 0; server.server->stats().messages_dropped == 0; ++i) broadcast(server, i);
  EXPECT_TRUE(server.eventually([](const auto& stats) { return stats.timeouts == 1; }));
  EXPECT_TRUE(server.eventually([&](const auto&) { return server.app.sessions_ended == 1; }));
  EXPECT_EQ(close_code(read_to_close(stuck)), kCloseTryLater);
}

TEST(Stream, GivesUpWhoReadsNotEvenTheClose) {
  TestServer server({.times = {.stuck = milliseconds(50), .close = milliseconds(50)}});
  RawClient stuck(server.port(), 4096);
  ASSERT_TRUE(stuck.upgrade());
  for (int i = 0; server.server->stats().messages_dropped == 0; ++i) broadcast(server, i);
  EXPECT_TRUE(server.eventually([](const auto& stats) { return stats.streams == 0; }));
}

TEST(Stream, ClosesWhoDoesNotReadAnswers) {
  TestServer server;
  RawClient client(server.port(), 4096);
  ASSERT_TRUE(client.upgrade());
  const std::string text(16 * 1024, 'a');
  server.on_thread([&] {
    for (int i = 0; i < 1000; ++i) server.app.peers[0]->answer(text);
  });
  EXPECT_EQ(close_code(read_to_close(client)), kCloseTryLater);
  EXPECT_EQ(server.app.sessions_ended, 1);
}

TEST(Stream, LosesNoAnswerToAClientThatAsksALot) {
  const TestServer server;
  RawClient client(server.port());
  ASSERT_TRUE(client.upgrade());
  std::string all;
  for (int i = 0; i < 500; ++i) {
    all += encode_masked_frame(Opcode::kText, std::to_string(i), kMask);
    all += encode_masked_frame(Opcode::kPing, std::to_string(i), kMask);
  }
  client.send(all);
  for (int i = 0; i < 500; ++i) {
    auto frame = client.read_frame();
    while (frame.opcode == kPongFrame) frame = client.read_frame();
    ASSERT_EQ(frame.opcode, kTextFrame);
    ASSERT_EQ(frame.payload, std::to_string(i));
  }
}

}  // namespace
}  // namespace gpuvigil
