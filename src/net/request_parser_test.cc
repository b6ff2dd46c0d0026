// SPDX-License-Identifier: Apache-2.0
#include "net/request_parser.h"

#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "net/chunk_reader.h"
#include "net/target.h"
#include "net/utf8.h"

namespace gpuvigil {
namespace {

constexpr RequestLimits kLimits = {.header_bytes = 512, .header_fields = 8, .body_bytes = 64};

/// "path|body" of the request that `wire` begins with, the status of its refusal, or "more"; behind
/// it what was left over.
std::string parse(std::string_view wire, std::size_t step) {
  RequestParser parser(kLimits);
  std::string waiting;
  for (std::size_t at = 0; at < wire.size(); at += step) {
    waiting += wire.substr(at, step);
    waiting.erase(0, parser.feed(waiting));
    if (parser.state() == RequestParser::State::kRefused) {
      return std::to_string(parser.refusal().status);
    }
    if (parser.state() != RequestParser::State::kDone) continue;
    waiting += wire.substr(std::min(at + step, wire.size()));
    const auto& request = parser.request();
    return request.path + "|" + request.body + (waiting.empty() ? "" : " then " + waiting);
  }
  return "more";
}

void f(std::string_view wire, std::string_view want) {
  for (const std::size_t step : {wire.size(), std::size_t{1}, std::size_t{7}}) {
    EXPECT_EQ(parse(wire, step), want) << wire << " in pieces of " << step;
  }
}

/// The same with a good beginning before `fields`.
void with(std::string_view fields, std::string_view want) {
  f(fmt::format("POST /p HTTP/1.1\r\nHost: a\r\n{}", fields), want);
}

TEST(RequestParser, ReadsGoodRequests) {
  f("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "/|");
  f("GET / HTTP/1.0\r\n\r\n", "/|");
  f("GET /a?b=c HTTP/1.1\r\nHost: a\r\nX:\t y \r\nEmpty:\r\n\r\n", "/a|");
  f("GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", "/b|");
  f("GET http://a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "/|");
  f("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "/|");
  f("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next", "/| then GET /next");
  f("FROB / HTTP/1.1\r\nHost: a\r\n\r\n", "/|");
  f("GET / HTTP/1.1\r\nHost: a\r\nX: \xC3\xA4\xFF\r\n\r\n", "/|");  // obs-text stays bytes
  with("\r\n", "/p|");
  with("Content-Length: 0\r\n\r\n", "/p|");
  with("Content-Length: 3\r\n\r\nabc", "/p|abc");
  with("content-LENGTH:3\r\n\r\nabcdef", "/p|abc then def");
  with("Content-Length: 000003\r\n\r\nabc", "/p|abc");
  with("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "/p|");
  with("Transfer-Encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "/p|abc");
  with("Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x=y\r\nbc\r\n0\r\nT: v\r\n\r\nxy",
       "/p|abc then xy");
  with("Transfer-Encoding: chunked\r\n\r\n0003\r\nabc\r\n000\r\n\r\n", "/p|abc");
}

TEST(RequestParser, WaitsForTheRest) {
  f("GET / HTTP/1.1\r\nHost: a\r\n\r", "more");
  f("GET", "more");
  with("Content-Length: 3\r\n\r\nab", "more");
  with("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", "more");
  with("Transfer-Encoding: chunked\r\n\r\n3\r\nabc", "more");
}

TEST(RequestParser, RefusesEveryShapeThatIsReadInTwoWays) {
  // Two lengths, or a length beside chunks.
  with("Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400");
  with("Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "400");
  with("Content-Length: 3, 3\r\n\r\nabc", "400");
  with("Content-Length: 3,4\r\n\r\nabc", "400");
  with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400");
  with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "400");
  // Lengths that are none.
  with("Content-Length: +3\r\n\r\nabc", "400");
  with("Content-Length: -3\r\n\r\nabc", "400");
  with("Content-Length: 0x3\r\n\r\nabc", "400");
  with("Content-Length: 3a\r\n\r\nabc", "400");
  with("Content-Length: 3 4\r\n\r\nabc", "400");
  with("Content-Length:\r\n\r\nabc", "400");
  with("Content-Length: 18446744073709551616\r\n\r\n", "400");
  // Codings.
  with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400");
  with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", "400");
  with("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501");
  with("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "501");
  with("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501");
  with("Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "501");
  with("Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", "501");
  with("Transfer-Encoding: identity\r\n\r\n", "501");
  with("Transfer-Encoding:\r\n\r\n", "501");
  f("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400");
  // Names.
  with("Content-Length : 3\r\n\r\nabc", "400");
  with("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400");
  with(" Content-Length: 3\r\n\r\nabc", "400");
  with("Content\xFFLength: 3\r\n\r\nabc", "400");
  with(": 3\r\n\r\n", "400");
  with("NoColon\r\n\r\n", "400");
  with("X(Y): z\r\n\r\n", "400");
  // Folding and line ends.
  with("X: a\r\n b\r\n\r\n", "400");
  with("X: a\r\n\tb\r\n\r\n", "400");
  with("Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "400");
  with("X: a\nY: b\r\n\r\n", "400");
  with("X: a\r\n\n", "400");
  with("X: a\rY: b\r\n\r\n", "400");
  f("GET / HTTP/1.1\nHost: a\n\n", "400");
  f("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400");
  f("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400");
  // Bytes that have no place there.
  with(std::string_view("X: a\0b\r\n\r\n", 10), "400");
  with("X: a\x01\r\n\r\n", "400");
  with("X: a\x7F\r\n\r\n", "400");
  // Chunks.
  with("Transfer-Encoding: chunked\r\n\r\nx\r\nabc", "400");
  with("Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", "400");
  with("Transfer-Encoding: chunked\r\n\r\n-1\r\nabc", "400");
  with("Transfer-Encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n", "400");
  with("Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", "400");
  with("Transfer-Encoding: chunked\r\n\r\n3\rabc\r\n0\r\n\r\n", "400");
  with("Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n", "400");
  with("Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\n", "400");
  with("Transfer-Encoding: chunked\r\n\r\n0\r\nBad Name: 3\r\n\r\n", "400");
}

TEST(RequestParser, RefusesBadRequestLines) {
  f("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505");
  f("GET / HTTP/1.2\r\nHost: a\r\n\r\n", "505");
  f("GET / HTTP/0.9\r\nHost: a\r\n\r\n", "505");
  f("GET / http/1.1\r\nHost: a\r\n\r\n", "505");
  f("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "505");
  f("GET /\r\nHost: a\r\n\r\n", "400");
  f("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "400");
  f("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "505");
  f(" GET / HTTP/1.1\r\nHost: a\r\n\r\n", "400");
  f("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", "400");
  f("\x16\x03\x01\x02\r\n\r\n", "400");  // somebody speaks TLS
  f("GET * HTTP/1.1\r\nHost: a\r\n\r\n", "400");
  f("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", "400");
  f("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400");
  f("GET a HTTP/1.1\r\nHost: a\r\n\r\n", "400");
  f("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "400");
  f("GET /\x7F HTTP/1.1\r\nHost: a\r\n\r\n", "400");
}

TEST(RequestParser, WantsExactlyOneHost) {
  f("GET / HTTP/1.1\r\n\r\n", "400");
  f("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400");
  f("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", "400");
}

TEST(RequestParser, KeepsItsLimits) {
  f("GET /" + std::string(600, 'a'), "414");
  f("GET / HTTP/1.1\r\nHost: " + std::string(600, 'a'), "431");
  f("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(600, 'a') + "\r\n\r\n", "431");
  std::string fields;
  for (int i = 0; i < 7; ++i) fields += fmt::format("X{}: y\r\n", i);
  with(fields + "\r\n", "/p|");
  with(fields + "One-more: y\r\n\r\n", "431");
  with("Content-Length: 64\r\n\r\n" + std::string(64, 'a'), "/p|" + std::string(64, 'a'));
  with("Content-Length: 65\r\n\r\n", "413");
  with("Transfer-Encoding: chunked\r\n\r\n41\r\na", "413");
  with("Transfer-Encoding: chunked\r\n\r\n3f\r\n" + std::string(63, 'a') + "\r\n2\r\na", "413");
  with("Transfer-Encoding: chunked\r\n\r\n1;" + std::string(600, 'a'), "400");
  with("Transfer-Encoding: chunked\r\n\r\n0\r\nT: " + std::string(600, 'a'), "400");
}

TEST(RequestParser, RefusesABodyThatIsMostlyChunkHeaders) {
  RequestParser parser({.header_bytes = 512, .header_fields = 8, .body_bytes = 1024});
  std::string waiting = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string chunk = "1;" + std::string(400, 'x') + "\r\na\r\n";
  int chunks = 0;
  for (; chunks < 1024 && parser.state() != RequestParser::State::kRefused; ++chunks) {
    waiting.erase(0, parser.feed(waiting));
    waiting += chunk;
  }
  EXPECT_LT(chunks, 40);
  EXPECT_EQ(parser.refusal().status, 413U);
}

TEST(RequestParser, TellsWhatTheConnectionNeedsToKnow) {
  const auto g = [](std::string_view wire, bool keep_alive, bool expects, int version) {
    RequestParser parser(kLimits);
    parser.feed(wire);
    ASSERT_NE(parser.state(), RequestParser::State::kRefused) << parser.refusal().detail;
    EXPECT_EQ(parser.keep_alive(), keep_alive) << wire;
    EXPECT_EQ(parser.expects_continue(), expects) << wire;
    EXPECT_EQ(parser.version(), version) << wire;
  };
  g("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true, false, 11);
  g("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", false, false, 11);
  g("GET / HTTP/1.0\r\n\r\n", false, false, 10);
  g("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, false, 10);
  g("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n", true, true,
    11);
  g("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", false, false, 10);
  with("Expect: 200-ok\r\n\r\n", "417");
}

TEST(RequestParser, GivesHeadersInLowerCaseAndWithoutTrailers) {
  RequestParser parser(kLimits);
  parser.feed(
      "POST http://B:1/ HTTP/1.1\r\nHOST: a\r\nX-Y: \tZ z \r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\nAuthorization: sneaked in\r\n\r\n");
  ASSERT_EQ(parser.state(), RequestParser::State::kDone);
  EXPECT_EQ(parser.request().method, Method::kPost);
  EXPECT_EQ(parser.request().header("host"), "a");
  EXPECT_EQ(parser.request().header("x-y"), "Z z");
  EXPECT_EQ(parser.request().header("authorization"), "");
  EXPECT_EQ(parser.authority(), "B:1");
}

RC_GTEST_PROP(RequestParser, ReadsAnyBodyAlikeHoweverItIsChunkedAndCut, ()) {
  const auto body = *rc::gen::container<std::string>(rc::gen::arbitrary<char>());
  RC_PRE(body.size() <= kLimits.body_bytes);
  const auto chunk = *rc::gen::inRange<std::size_t>(1, 20);
  const auto step = *rc::gen::inRange<std::size_t>(1, 30);
  std::string wire = "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::size_t at = 0; at < body.size(); at += chunk) {
    const auto piece = body.substr(at, chunk);
    wire += fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
  }
  wire += "0\r\n\r\n";
  RC_ASSERT(parse(wire + "rest", step) == "/p|" + body + " then rest");
}

TEST(ChunkLine, IsASizeWithWellFormedExtensions) {
  const auto g = [](std::string_view line, std::optional<std::uint64_t> want) {
    EXPECT_EQ(parse_chunk_line(line), want) << line;
  };
  g("0", 0);
  g("1F", 31);
  g("00000000000000000000001f", 31);
  g("ffffffffffffffff", UINT64_MAX);
  g("10000000000000000", std::nullopt);
  g("3;a", 3);
  g("3 ; a = b ;c", 3);
  g("3;a=\"b;c\\\"d\"", 3);
  for (const std::string_view line : {"", " 3", "3 ", "-3", "+3", "0x3", "3g", "3;", "3;;a",
                                      "3;a=", "3;a=\"b", "3;a=\"b\"c", "3;a=b c", "3,a", ";a"}) {
    g(line, std::nullopt);
  }
}

RC_GTEST_PROP(ChunkReader, ReadsTheSameHoweverItsBytesAreCut, ()) {
  // What might come next, good and bad.
  const auto wire = rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "3\r\nabc\r\n", "1;x=\"y\"\r\nd\r\n", "0\r\n", "\r\n", "T: v\r\n", " v\r\n", "\n", "\r", "a",
      "ff\r\n", "3;x\r\n", "Host: a\r\n", ";", "\""));
  std::string bytes;
  for (const std::string& part : *wire) bytes += part;
  const auto read = [&](std::size_t step) {
    ChunkReader reader(kLimits);
    std::string body;
    std::string waiting;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      waiting += bytes.substr(at, step);
      waiting.erase(0, reader.feed(waiting, body));
      if (reader.refusal()) return body + " refused";
      if (reader.is_done())
        return body + " then " + waiting + bytes.substr(std::min(at + step, bytes.size()));
    }
    return body + " more";
  };
  RC_ASSERT(read(1) == read(bytes.size() + 1));
}

TEST(Target, IsDecodedOnce) {
  const auto g = [](std::string_view text, std::string_view path, std::string_view query) {
    const auto target = parse_target(text);
    ASSERT_TRUE(target) << text << ": " << target.error().message;
    EXPECT_EQ(target->path, path);
    std::string got;
    for (const auto& [name, value] : target->query) got += name + "=" + value + ";";
    EXPECT_EQ(got, query) << text;
  };
  g("/", "/", "");
  g("/a%20b+c", "/a b+c", "");
  g("/a%2fb/../c", "/a/b/../c", "");
  g("/%2541", "/%41", "");
  g("/%C3%A4", "/ä", "");
  g("/?", "/", "");
  g("/?a", "/", "a=;");
  g("/?a=", "/", "a=;");
  g("/?=b", "/", "=b;");
  g("/?a=b=c&&a=d+e%2B", "/", "a=b=c;a=d e+;");
  g("/?name=*gemm*&x=a%26b", "/", "name=*gemm*;x=a&b;");
  g("http://h?q=1", "/", "q=1;");
  g("HTTP://h:1/p?q=/", "/p", "q=/;");
  g("https://h/p", "/p", "");
}

TEST(Target, RefusesWhatCannotBeDecoded) {
  for (const std::string_view text :
       {"",       "a",       "*",     "h:1",     "//%",      "/%",         "/%1",  "/%1g",
        "/%00",   "/%0a",    "/%7f",  "/%ff",    "/%c0%af",  "/%ed%a0%80", "/a#b", "/?%",
        "/?a=%f", "/?a=%00", "/?%ff", "http://", "ftp://h/", "http:///p"}) {
    const auto target = parse_target(text);
    ASSERT_FALSE(target) << text;
    EXPECT_EQ(target.error().code, Errc::kInvalidArgument);
  }
  std::string many = "/?a";
  for (std::size_t i = 1; i < kMaxQueryParameters; ++i) many += "&a";
  EXPECT_TRUE(parse_target(many));
  EXPECT_EQ(parse_target(many + "&a").error().code, Errc::kTooLarge);
}

RC_GTEST_PROP(Utf8, OfAnyCharactersInAnyPiecesIsAccepted,
              (const std::vector<std::uint32_t>& seeds)) {
  std::string text;
  for (const auto seed : seeds) {
    auto c = seed % 0x110000;
    if (c >= 0xD800 && c < 0xE000) c -= 0x800;
    const auto tail = [&](unsigned shift) {
      text += static_cast<char>(0x80U | ((c >> shift) & 0x3FU));
    };
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else if (c < 0x800) {
      text += static_cast<char>(0xC0U | (c >> 6U));
      tail(0);
    } else if (c < 0x10000) {
      text += static_cast<char>(0xE0U | (c >> 12U));
      tail(6);
      tail(0);
    } else {
      text += static_cast<char>(0xF0U | (c >> 18U));
      tail(12);
      tail(6);
      tail(0);
    }
  }
  RC_ASSERT(is_utf8(text));
  Utf8Validator validator;
  for (const char byte : text) RC_ASSERT(validator.feed({&byte, 1}));
  RC_ASSERT(validator.complete());
  if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0x80) {
    text.pop_back();
    RC_ASSERT(!is_utf8(text));
  }
}

}  // namespace
}  // namespace gpuvigil
