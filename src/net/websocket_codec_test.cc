// SPDX-License-Identifier: Apache-2.0
#include "net/websocket_codec.h"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "net/handshake.h"
#include "net/http.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kLimit = 128 * 1024;

std::string describe(const WebSocketEvent& event) {
  using enum WebSocketEvent::Kind;
  const auto payload = event.payload.size() > 64 ? fmt::format("<{}>", event.payload.size())
                                                 : std::string(event.payload);
  switch (event.kind) {
    case kText:
      return "text:" + payload;
    case kBinary:
      return "binary:" + payload;
    case kPing:
      return "ping:" + payload;
    case kPong:
      return "pong:" + payload;
    case kClose:
      return fmt::format("close:{}:{}", event.code, payload);
    case kError:
      return fmt::format("error:{}", event.code);
  }
  return "?";
}

/// What a decoder makes of `wire` when it comes in pieces of `step` bytes.
std::string decode(std::string wire, std::size_t step, std::size_t limit = kLimit) {
  WebSocketDecoder decoder(WebSocketDecoder::Sender::kClient, limit);
  std::string out;
  for (std::size_t at = 0; at < wire.size(); at += step) {
    std::span<char> piece = std::span(wire).subspan(at, std::min(step, wire.size() - at));
    while (const auto event = decoder.next(piece)) {
      if (!out.empty()) out += ' ';
      out += describe(*event);
    }
    EXPECT_TRUE(piece.empty());
  }
  return out;
}

/// One frame from a client. The first byte as it stands on the wire: FIN, RSV, opcode.
std::string frame(unsigned first, std::string_view payload) {
  std::string out = encode_masked_frame(Opcode::kText, payload, {0x12, 0x34, 0x56, 0x78});
  out[0] = static_cast<char>(first);
  return out;
}

constexpr unsigned kFin = 0x80;
constexpr unsigned kContinue = 0;
constexpr unsigned kText = 1;
constexpr unsigned kBinary = 2;
constexpr unsigned kClose = 8;
constexpr unsigned kPing = 9;
constexpr unsigned kPong = 10;

std::string text(std::string_view payload) {
  return frame(kFin | kText, payload);
}
std::string ping(std::string_view payload) {
  return frame(kFin | kPing, payload);
}
std::string close(unsigned code, std::string_view reason = {}) {
  return frame(kFin | kClose, close_payload(static_cast<std::uint16_t>(code), reason));
}

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return out;
}

std::string repeat(std::string_view what, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += what;
  return out;
}

/// The wire must be understood alike however it is cut.
void f(std::string_view number, const std::string& wire, std::string_view want) {
  for (const std::size_t step : {wire.size(), std::size_t{1}, std::size_t{3}, std::size_t{997}}) {
    EXPECT_EQ(decode(wire, std::max<std::size_t>(step, 1)), want)
        << "case " << number << " in pieces of " << step;
  }
}

// The numbers are those of the Autobahn test suite, so that a case can be compared with it.

TEST(WebSocketDecoder, Part1ReadsMessagesOfEverySize) {
  f("1.1.1", text(""), "text:");
  f("1.1.2", text(std::string(125, '*')), "text:<125>");
  f("1.1.3", text(std::string(126, '*')), "text:<126>");
  f("1.1.4", text(std::string(127, '*')), "text:<127>");
  f("1.1.5", text(std::string(128, '*')), "text:<128>");
  f("1.1.6", text(std::string(65535, '*')), "text:<65535>");
  f("1.1.7", text(std::string(65536, '*')), "text:<65536>");
  f("1.2.1", frame(kFin | kBinary, ""), "binary:");
  f("1.2.2", frame(kFin | kBinary, std::string(125, '\xFE')), "binary:<125>");
  f("1.2.3", frame(kFin | kBinary, std::string(126, '\xFE')), "binary:<126>");
  f("1.2.4", frame(kFin | kBinary, std::string(127, '\xFE')), "binary:<127>");
  f("1.2.5", frame(kFin | kBinary, std::string(128, '\xFE')), "binary:<128>");
  f("1.2.6", frame(kFin | kBinary, std::string(65535, '\xFE')), "binary:<65535>");
  f("1.2.7", frame(kFin | kBinary, std::string(65536, '\xFE')), "binary:<65536>");
}

TEST(WebSocketDecoder, Part2ReadsPingsAndPongs) {
  f("2.1", ping(""), "ping:");
  f("2.2", ping("Hello, world!"), "ping:Hello, world!");
  f("2.3", ping(from_hex("00fffefdfcfb00ff")), "ping:" + from_hex("00fffefdfcfb00ff"));
  f("2.4", ping(std::string(125, '\xFE')), "ping:<125>");
  f("2.5", ping(std::string(126, '\xFE')), "error:1002");
  f("2.7", frame(kFin | kPong, ""), "pong:");
  f("2.8", frame(kFin | kPong, "unsolicited"), "pong:unsolicited");
  f("2.9", frame(kFin | kPong, "unsolicited") + ping("x"), "pong:unsolicited ping:x");
  f("2.10", ping("0") + ping("1") + ping("2") + ping("3"), "ping:0 ping:1 ping:2 ping:3");
}

TEST(WebSocketDecoder, Part3RefusesReservedBits) {
  f("3.1", frame(kFin | 0x40 | kText, "a"), "error:1002");
  f("3.2", text("a") + frame(kFin | 0x20 | kText, "b") + ping(""), "text:a error:1002");
  f("3.4", text("a") + frame(kFin | 0x10 | kText, "b") + ping(""), "text:a error:1002");
  f("3.5", frame(kFin | 0x50 | kBinary, std::string(8, '\xFF')), "error:1002");
  f("3.6", frame(kFin | 0x60 | kPing, "a"), "error:1002");
  f("3.7", frame(kFin | 0x70 | kClose, ""), "error:1002");
}

TEST(WebSocketDecoder, Part4RefusesReservedOpcodes) {
  for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U}) {
    f("4.1", frame(kFin | opcode, ""), "error:1002");
    f("4.1", text("a") + frame(kFin | opcode, "b") + ping(""), "text:a error:1002");
  }
  for (const unsigned opcode : {11U, 12U, 13U, 14U, 15U}) {
    f("4.2", frame(kFin | opcode, ""), "error:1002");
    f("4.2", text("a") + frame(kFin | opcode, "b") + ping(""), "text:a error:1002");
  }
}

TEST(WebSocketDecoder, Part5JoinsFragments) {
  f("5.1", frame(kPing, "a") + frame(kFin | kContinue, "b"), "error:1002");
  f("5.2", frame(kPong, "a") + frame(kFin | kContinue, "b"), "error:1002");
  f("5.3", frame(kText, "a") + frame(kFin | kContinue, "b"), "text:ab");
  f("5.6", frame(kText, "a") + ping("p") + frame(kFin | kContinue, "b"), "ping:p text:ab");
  f("5.9", frame(kFin | kContinue, "non") + text("a"), "error:1002");
  f("5.12", frame(kContinue, "non") + text("a"), "error:1002");
  f("5.15", frame(kText, "1") + frame(kFin | kContinue, "2") + frame(kContinue, "3") + text("4"),
    "text:12 error:1002");
  f("5.16", repeat(frame(kContinue, "1") + frame(kText, "2"), 2), "error:1002");
  f("5.17", repeat(frame(kFin | kContinue, "1") + frame(kText, "2"), 2), "error:1002");
  f("5.18", frame(kText, "1") + text("2"), "error:1002");
  f("5.18b", frame(kText, "1") + frame(kFin | kBinary, "2"), "error:1002");
  f("5.19",
    frame(kText, "1") + frame(kContinue, "2") + ping("p1") + frame(kContinue, "3") +
        frame(kContinue, "4") + ping("p2") + frame(kFin | kContinue, "5"),
    "ping:p1 ping:p2 text:12345");
  f("5.21", frame(kBinary, "") + frame(kContinue, "") + frame(kFin | kContinue, ""), "binary:");
}

TEST(WebSocketDecoder, Part6JoinsTextsThatAreEmptyOrCutInsideACharacter) {
  f("6.1.1", text(""), "text:");
  f("6.1.2", frame(kText, "") + frame(kContinue, "") + frame(kFin | kContinue, ""), "text:");
  f("6.1.3", frame(kText, "") + frame(kContinue, "middle") + frame(kFin | kContinue, ""),
    "text:middle");
  f("6.2.1", text("Hello-µ@ßöäüàá-UTF-8!!"), "text:Hello-µ@ßöäüàá-UTF-8!!");
  f("6.2.4", frame(kText, "\xCE") + frame(kFin | kContinue, "\xBA"), "text:κ");
  f("6.3.2", frame(kText, from_hex("cebae1bdb9cf83")) + frame(kFin | kContinue, from_hex("eda080")),
    "error:1007");
}

TEST(WebSocketDecoder, Part6NoticesBadTextBeforeTheMessageEnds) {
  // 6.4: the first impossible byte ends it, though frame and message go on.
  const std::string wire = frame(kText, from_hex("cebae1bdb9cf83cebcceb5f4908080656469746564"));
  f("6.4.1", wire, "error:1007");
  EXPECT_EQ(decode(wire.substr(0, 6 + 13), 1), "error:1007");
  EXPECT_EQ(decode(wire.substr(0, 6 + 12), 1), "");
}

TEST(WebSocketDecoder, Part6AcceptsEveryCharacter) {
  const std::pair<std::string_view, std::vector<std::string_view>> cases[] = {
      {"6.5", {"cebae1bdb9cf83cebcceb5"}},
      {"6.6", {"ceba", "cebae1bdb9", "cebae1bdb9cf83", "cebae1bdb9cf83cebc"}},
      {"6.7", {"00", "c280", "e0a080", "f0908080"}},
      {"6.9", {"7f", "dfbf", "efbfbf", "f48fbfbf"}},
      {"6.11", {"ed9fbf", "ee8080", "efbfbd", "f48fbfbf"}},
      {"6.22", {"efbfbe",   "efbfbf",   "f09fbfbe", "f09fbfbf", "f0afbfbe", "f0afbfbf",
                "f0bfbfbe", "f0bfbfbf", "f18fbfbe", "f18fbfbf", "f19fbfbe", "f1afbfbf",
                "f1bfbfbe", "f28fbfbf", "f29fbfbe", "f2afbfbf", "f2bfbfbe", "f38fbfbf",
                "f39fbfbe", "f3afbfbf", "f3bfbfbe", "f3bfbfbf", "f48fbfbe"}},
      {"6.23", {"efbfb0", "efbfb9", "efbfba", "efbfbb", "efbfbc", "efbfbd"}},
  };
  for (const auto& [number, texts] : cases) {
    for (const auto hex : texts) f(number, text(from_hex(hex)), "text:" + from_hex(hex));
  }
}

TEST(WebSocketDecoder, Part6RefusesWhatIsNoCharacter) {
  const std::pair<std::string_view, std::vector<std::string_view>> cases[] = {
      {"6.6", {"ce", "cebae1", "cebae1bd", "cebae1bdb9cf", "cebae1bdb9cf83ce"}},
      {"6.8", {"f888808080", "fc8480808080"}},
      {"6.10", {"f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf"}},
      {"6.11", {"f4908080"}},
      {"6.12", {"80", "bf", "80bf", "80bf80", "80bf80bf", "80bf80bf80", "80bf80bf80bf"}},
      {"6.13", {"c020c120c220", "e020e120e220", "f020f120f220", "f820f920fa20", "fc20fd20"}},
      {"6.14",
       {"c0", "e080", "f08080", "f8808080", "fc80808080", "df", "efbf", "f7bfbf", "fbbfbfbf",
        "fdbfbfbfbf"}},
      {"6.15", {"c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf"}},
      {"6.16", {"fe", "ff", "fefeffff"}},
      {"6.17", {"c0af", "e080af", "f08080af", "f8808080af", "fc80808080af"}},
      {"6.18", {"c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf"}},
      {"6.19", {"c080", "e08080", "f0808080", "f880808080", "fc8080808080"}},
      {"6.20", {"eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf"}},
      {"6.21",
       {"eda080edb080", "eda080edbfbf", "edadbfedb080", "edadbfedbfbf", "edae80edb080",
        "edae80edbfbf", "edafbfedb080", "edafbfedbfbf"}},
  };
  for (const auto& [number, texts] : cases) {
    for (const auto hex : texts) f(number, text(from_hex(hex)), "error:1007");
  }
}

TEST(WebSocketDecoder, Part7ReadsCloseFrames) {
  f("7.1.1", text("Hello World!") + close(1000), "text:Hello World! close:1000:");
  f("7.1.2", close(1000) + close(1000), "close:1000:");
  f("7.1.3", close(1000) + ping("x"), "close:1000:");
  f("7.1.4", close(1000) + text("x"), "close:1000:");
  f("7.1.5", frame(kText, "a") + close(1000) + frame(kFin | kContinue, "b"), "close:1000:");
  f("7.3.1", frame(kFin | kClose, ""), "close:1005:");
  f("7.3.2", frame(kFin | kClose, "a"), "error:1002");
  f("7.3.3", close(1000), "close:1000:");
  f("7.3.4", close(1000, "Hello World!"), "close:1000:Hello World!");
  f("7.3.5", close(1000, std::string(123, '*')), "close:1000:<123>");
  f("7.3.6", frame(kFin | kClose, from_hex("03e8") + std::string(124, '*')), "error:1002");
  f("7.5.1", frame(kFin | kClose, from_hex("03e8cebae1bdb9cf83cebcceb5eda080656469746564")),
    "error:1007");
  for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 1012U,
                              1013U, 1014U, 3000U, 3999U, 4000U, 4999U}) {
    f("7.7", close(code), fmt::format("close:{}:", code));
  }
  for (const unsigned code :
       {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65535U}) {
    f("7.9", close(code), "error:1002");
  }
}

TEST(WebSocketDecoder, RefusesWrongMaskingAndLengths) {
  f("unmasked", encode_frame(Opcode::kText, "a"), "error:1002");
  f("16 bits for 125", from_hex("81fe007d00000000") + std::string(125, 'a'), "error:1002");
  f("64 bits for 65535", from_hex("81ff000000000000ffff00000000"), "error:1002");
  f("the highest bit", from_hex("81ff800000000000000000000000"), "error:1002");
  f("a control frame of 16 bits", from_hex("89fe007e00000000"), "error:1002");

  std::string from_server = encode_frame(Opcode::kText, "a") + text("b");
  std::span<char> bytes(from_server);
  WebSocketDecoder decoder(WebSocketDecoder::Sender::kServer, kLimit);
  EXPECT_EQ(describe(*decoder.next(bytes)), "text:a");
  EXPECT_EQ(describe(*decoder.next(bytes)), "error:1002");
}

TEST(WebSocketDecoder, RefusesMessagesOverTheLimitBeforeTheyCome) {
  EXPECT_EQ(decode(text("0123456789"), 1, 10), "text:0123456789");
  EXPECT_EQ(decode(text("0123456789a").substr(0, 6), 1, 10), "error:1009");
  EXPECT_EQ(decode(frame(kText, "01234567") + frame(kFin | kContinue, "89"), 1, 10),
            "text:0123456789");
  EXPECT_EQ(decode(frame(kText, "01234567") + frame(kFin | kContinue, "89a").substr(0, 6), 1, 10),
            "error:1009");
  EXPECT_EQ(decode(from_hex("81ff7fffffffffffffff00000000"), 1, 10), "error:1009");
  EXPECT_EQ(decode(frame(kText, "01234567") + ping("a ping does not count") +
                       frame(kFin | kContinue, "89"),
                   4, 10),
            "ping:a ping does not count text:0123456789");
}

RC_GTEST_PROP(WebSocketDecoder, AnyMessageInAnyFragmentsAndPiecesComesOutWhole, ()) {
  const auto payload = *rc::gen::container<std::string>(rc::gen::inRange<char>(32, 127));
  const auto fragment = *rc::gen::inRange<std::size_t>(1, 40);
  const auto step = *rc::gen::inRange<std::size_t>(1, 60);
  std::string wire;
  for (std::size_t at = 0;; at += fragment) {
    const bool last = at + fragment >= payload.size();
    const unsigned first = (at == 0 ? kText : kContinue) | (last ? kFin : 0);
    wire += frame(first, std::string_view(payload).substr(std::min(at, payload.size()), fragment));
    if (last) break;
  }
  WebSocketDecoder decoder(WebSocketDecoder::Sender::kClient, payload.size());
  std::vector<std::string> got;
  for (std::size_t at = 0; at < wire.size(); at += step) {
    auto piece = std::span(wire).subspan(at, std::min(step, wire.size() - at));
    while (const auto event = decoder.next(piece)) got.emplace_back(event->payload);
  }
  RC_ASSERT(got == std::vector<std::string>{payload});
}

TEST(WebSocketFrames, AreWrittenInTheShortestForm) {
  EXPECT_EQ(*frame_text("abc"), from_hex("8103616263"));
  EXPECT_EQ(frame_text(std::string(125, 'a'))->substr(0, 2), from_hex("817d"));
  EXPECT_EQ(frame_text(std::string(126, 'a'))->substr(0, 4), from_hex("817e007e"));
  EXPECT_EQ(frame_text(std::string(65535, 'a'))->substr(0, 4), from_hex("817effff"));
  EXPECT_EQ(frame_text(std::string(65536, 'a'))->substr(0, 10), from_hex("817f0000000000010000"));
  EXPECT_EQ(encode_frame(Opcode::kClose, close_payload(1000, "")), from_hex("880203e8"));
  EXPECT_EQ(close_payload(1000, std::string(200, 'a')).size(), 125U);
  // A reason is cut between two characters.
  EXPECT_EQ(close_payload(1000, std::string(122, 'a') + "ß").size(), 124U);
}

TEST(WebSocketHandshake, ProvesThatTheKeyWasUnderstood) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(make_websocket_key().size(), 24U);
  EXPECT_NE(make_websocket_key(), make_websocket_key());
}

TEST(WebSocketHandshake, RefusesWhatIsNoProperUpgrade) {
  using Headers = std::vector<std::pair<std::string, std::string>>;
  const Headers good = {{"host", "localhost:8080"},
                        {"upgrade", "websocket"},
                        {"connection", "keep-alive, Upgrade"},
                        {"sec-websocket-version", "13"},
                        {"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  const auto f = [&](std::string_view name, std::string_view value, unsigned want) {
    HttpRequest request{.headers = good};
    std::erase_if(request.headers, [&](const auto& header) { return header.first == name; });
    if (!value.empty()) request.headers.emplace_back(name, value);
    const auto outcome = check_handshake(request);
    const auto* refusal = std::get_if<Refusal>(&outcome);
    EXPECT_EQ(refusal == nullptr ? 101U : refusal->status, want) << name << ": " << value;
  };
  f("", "", 101);
  f("sec-websocket-version", "8", 426);
  f("sec-websocket-version", "", 426);
  f("sec-websocket-key", "", 400);
  f("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=", 400);
  f("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ======", 400);
  f("sec-websocket-key", "dGhlIHNhbXBsZSBub25j Q==", 400);

  HttpRequest post{.method = Method::kPost, .headers = good};
  EXPECT_EQ(std::get<Refusal>(check_handshake(post)).status, 400U);
  HttpRequest with_body{.headers = good, .body = "a"};
  EXPECT_EQ(std::get<Refusal>(check_handshake(with_body)).status, 400U);

  EXPECT_TRUE(asks_for_websocket({.headers = good}));
  EXPECT_FALSE(asks_for_websocket({.headers = {{"upgrade", "h2c"}, {"connection", "upgrade"}}}));
  EXPECT_FALSE(asks_for_websocket({.headers = {{"upgrade", "websocket"}}}));
}

}  // namespace
}  // namespace gpuvigil
