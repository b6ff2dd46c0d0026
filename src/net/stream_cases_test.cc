// SPDX-License-Identifier: Apache-2.0
//
// A table of what may come over a stream, over real sockets.
#include "net/stream_cases.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "net/server_test_kit.h"
#include "net/socket.h"
#include "net/websocket_codec.h"

namespace gpuvigil {

namespace testing {

std::string wire_of(const ClientFrame& frame) {
  constexpr std::array<std::uint8_t, 4> kMask = {0xA5, 0x00, 0xFF, 0x3C};
  std::string wire = encode_masked_frame(static_cast<Opcode>(frame.opcode), frame.payload, kMask);
  wire[0] =
      static_cast<char>((frame.is_final ? 0x80U : 0U) | (frame.reserved << 4U) | frame.opcode);
  return wire;
}

std::string close_wire(unsigned code, std::string_view reason) {
  std::string payload = {static_cast<char>(code >> 8U), static_cast<char>(code & 0xFFU)};
  return wire_of({.opcode = kClose, .payload = payload.append(reason)});
}

std::string fragmented(unsigned opcode, std::string_view payload, std::size_t size) {
  std::string wire;
  for (std::size_t at = 0; at < payload.size(); at += size) {
    wire += wire_of({.opcode = at == 0 ? opcode : kContinuation,
                     .payload = payload.substr(at, size),
                     .is_final = at + size >= payload.size()});
  }
  return wire;
}

std::vector<std::string> chopped(std::string_view wire, std::size_t size) {
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < wire.size(); at += size) {
    pieces.emplace_back(wire.substr(at, size));
  }
  return pieces;
}

}  // namespace testing

namespace {

using testing::RawClient;
using testing::StreamCase;
using testing::TestServer;

/// What came, in the words of StreamCase::wants. Pings of the server are passed over.
std::string next_word(RawClient& client) {
  for (;;) {
    const auto frame = client.read_frame();
    switch (frame.opcode) {
      case testing::kText:
        return "t" + frame.payload;
      case testing::kPong:
        return "p" + frame.payload;
      case testing::kPing:
        continue;
      case testing::kClose:
        if (frame.payload.empty()) return "c";
        return fmt::format("c{}", static_cast<unsigned char>(frame.payload[0]) * 256 +
                                      static_cast<unsigned char>(frame.payload[1]));
      default:
        return fmt::format("an opcode {} and {} bytes", frame.opcode, frame.payload.size());
    }
  }
}

/// Short enough to be looked at.
std::string shown(const std::string& word) {
  return word.size() <= 100 ? word
                            : fmt::format("{}... of {} bytes", word.substr(0, 50), word.size());
}

void expect_words(RawClient& client, const std::vector<std::string>& wants) {
  for (const std::string& want : wants) {
    const std::string word = next_word(client);
    ASSERT_TRUE(word == want) << shown(word) << " instead of " << shown(want);
  }
}

void run_case(const TestServer& server, const StreamCase& one) {
  RawClient client(server.port());
  ASSERT_TRUE(client.upgrade());
  set_option(client.fd(), IPPROTO_TCP, TCP_NODELAY);
  for (int i = 0; i < one.repeats; ++i) {
    for (const std::string& piece : one.pieces) {
      if (!client.send(piece)) break;  // the server has closed; what it said is there to be read
    }
    expect_words(client, one.wants);
    if (::testing::Test::HasFatalFailure()) return;
  }
  if (one.repeats > 1) {
    client.send(testing::close_wire(1000));
    expect_words(client, {"c1000"});
  } else {
    client.send(testing::close_wire(1000));  // in case it was the server who began to close
  }
  EXPECT_EQ(client.read_to_end(), "");
}

void expect_all(const std::vector<StreamCase>& cases) {
  TestServer server(
      {.limits = {.message_bytes = 16 * 1024 * 1024}, .times = {.close = testing::kPatience}});
  for (const StreamCase& one : cases) {
    SCOPED_TRACE(one.number);
    EXPECT_NO_THROW(run_case(server, one));
  }
  EXPECT_TRUE(server.eventually([](const auto& stats) { return stats.streams == 0; }));
  ::testing::Test::RecordProperty("cases", static_cast<int>(cases.size()));
}

TEST(StreamCases, Framing) {
  expect_all(testing::stream_framing_cases());
}

TEST(StreamCases, Pings) {
  expect_all(testing::stream_ping_cases());
}

TEST(StreamCases, ReservedBitsAndOpcodes) {
  expect_all(testing::stream_reserved_cases());
}

TEST(StreamCases, Fragmentation) {
  expect_all(testing::stream_fragmentation_cases());
}

TEST(StreamCases, Text) {
  expect_all(testing::stream_text_cases());
}

TEST(StreamCases, Closing) {
  expect_all(testing::stream_close_cases());
}

TEST(StreamCases, LimitsAndLoad) {
  expect_all(testing::stream_limit_cases());
}

}  // namespace
}  // namespace gpuvigil
