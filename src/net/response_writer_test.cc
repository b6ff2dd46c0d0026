// SPDX-License-Identifier: Apache-2.0
#include "net/response_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "net/gzip.h"
#include "net/host_rules.h"

namespace gpuvigil {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::shared_ptr<const std::string> body_of(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

std::string inflated(const std::string& packed) {
  std::string out(1 << 20, '\0');
  z_stream stream{};
  EXPECT_EQ(::inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::inflateEnd(&stream);
  return out;
}

TEST(ResponseWriter, WritesNoMoreThanIsNeeded) {
  ResponseWriter writer;
  const auto head = [&](const HttpResponse& response, const ResponseForm& form) {
    return std::string(writer.write(response, form).head);
  };
  const std::string common =
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
      "Cross-Origin-Resource-Policy: same-origin\r\nReferrer-Policy: no-referrer\r\n";
  EXPECT_EQ(head({.body = body_of("{}")}, {}),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n" + common +
                "\r\n");
  EXPECT_EQ(head({.status = 404}, {}),
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n" + common + "\r\n");
  EXPECT_EQ(head({.status = 204}, {}), "HTTP/1.1 204 No Content\r\n" + common + "\r\n");
  EXPECT_EQ(head({.status = 299}, {.keep_alive = false}),
            "HTTP/1.1 299 Status\r\nContent-Length: 0\r\n" + common + "Connection: close\r\n\r\n");
  EXPECT_EQ(head({}, {.version = 10}),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + common + "Connection: keep-alive\r\n\r\n");
  EXPECT_EQ(head({.headers = {{"Allow", "GET"}, {"Cache-Control", "max-age=60"}}}, {}),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Content-Type-Options: nosniff\r\n"
            "Cross-Origin-Resource-Policy: same-origin\r\nReferrer-Policy: no-referrer\r\n"
            "Allow: GET\r\nCache-Control: max-age=60\r\n\r\n");
}

TEST(ResponseWriter, AHeadThatLiesReadyIsTheOneThatWouldBeWritten) {
  const auto body = body_of(std::string(5000, 'a'));
  const auto also_held = body;  // by the application
  const std::vector<HttpResponse> responses = {{.body = body},
                                               {.content_type = "text/plain", .body = body},
                                               {.body = body, .headers = {{"Retry-After", "1"}}},
                                               {.status = 404, .body = body}};
  std::vector<ResponseForm> forms(6);
  forms[1].head_only = true;
  forms[2].keep_alive = false;
  forms[3].version = 10;
  forms[4].accept_encoding = "gzip";
  forms[5].if_none_match = "*";
  ResponseWriter used;
  for (int round = 0; round < 2; ++round) {
    for (const HttpResponse& response : responses) {
      for (const ResponseForm& form : forms) {
        ResponseWriter fresh;
        const auto want = fresh.write(response, form);
        const auto got = used.write(response, form);
        EXPECT_EQ(got.head, want.head);
        EXPECT_EQ(got.body == nullptr ? "none" : *got.body,
                  want.body == nullptr ? "none" : *want.body);
      }
    }
  }
}

TEST(ResponseWriter, LeavesOutTheBodyOfAHeadButNotItsLength) {
  ResponseWriter writer;
  const auto wire = writer.write({.body = body_of("abc")}, {.head_only = true});
  EXPECT_THAT(std::string(wire.head), HasSubstr("Content-Length: 3\r\n"));
  EXPECT_EQ(wire.body, nullptr);
}

TEST(ResponseWriter, LetsNoValueEndItsField) {
  ResponseWriter writer;
  const auto wire = writer.write(
      {.content_type = "a\r\nb", .body = body_of("x"), .headers = {{"Location", "x\r\nSet: y\nz"}}},
      {});
  EXPECT_THAT(std::string(wire.head), HasSubstr("Content-Type: a  b\r\n"));
  EXPECT_THAT(std::string(wire.head), HasSubstr("Location: x  Set: y z\r\n"));
}

TEST(ResponseWriter, CompressesWhereItPays) {
  ResponseWriter writer;
  const std::string text(5000, 'a');
  const auto f = [&](const HttpResponse& response, std::string_view accepts, bool want) {
    const auto wire = writer.write(response, {.accept_encoding = accepts});
    const bool is_gzip = wire.head.find("Content-Encoding: gzip\r\n") != std::string_view::npos;
    EXPECT_EQ(is_gzip, want) << response.content_type << " " << accepts;
    EXPECT_EQ(is_gzip ? inflated(*wire.body) : *wire.body, *response.body);
  };
  f({.body = body_of(text)}, "gzip", true);
  f({.body = body_of(text)}, "deflate, gzip;q=0.5", true);
  f({.body = body_of(text)}, "*", true);
  f({.body = body_of(text)}, "", false);
  f({.body = body_of(text)}, "br", false);
  f({.body = body_of(text)}, "gzip;q=0", false);
  f({.body = body_of(text)}, "gzip;q=0.0, *", false);
  f({.content_type = "text/html; charset=utf-8", .body = body_of(text)}, "gzip", true);
  f({.content_type = "application/problem+json", .body = body_of(text)}, "gzip", true);
  f({.content_type = "image/png", .body = body_of(text)}, "gzip", false);
  f({.body = body_of(std::string(ResponseWriter::kCompressFrom, 'a'))}, "gzip", false);
  f({.body = body_of(std::string(ResponseWriter::kCompressTo + 1, 'a'))}, "gzip", false);
  f({.body = body_of(text), .headers = {{"Content-encoding", "br"}}}, "gzip", false);
}

TEST(ResponseWriter, CompressesASharedBodyOnce) {
  ResponseWriter writer;
  const auto shared = body_of(std::string(5000, 'a'));
  const ResponseForm form{.accept_encoding = "gzip"};
  const auto first = writer.write({.body = shared}, form).body;
  EXPECT_EQ(first, writer.write({.body = shared}, form).body);
  // A body that takes the place of a dead one in memory is another body.
  for (int i = 0; i < 100; ++i) {
    const auto other = body_of(std::string(5000, static_cast<char>('b' + i % 20)));
    EXPECT_EQ(inflated(*writer.write({.body = other}, form).body), *other);
  }
}

TEST(ResponseWriter, TagsSharedBodies) {
  ResponseWriter writer;
  const auto shared = body_of("{\"a\":1}");
  const std::string head(writer.write({.body = shared}, {}).head);
  const auto at = head.find("ETag: W/\"");
  ASSERT_NE(at, std::string::npos);
  const std::string etag = head.substr(at + 6, head.find('\r', at) - at - 6);

  const auto again = writer.write({.body = shared}, {.if_none_match = etag});
  EXPECT_THAT(std::string(again.head), StartsWith("HTTP/1.1 304 Not Modified\r\n"));
  EXPECT_THAT(std::string(again.head), HasSubstr("ETag: " + etag));
  EXPECT_THAT(std::string(again.head), Not(HasSubstr("Content-Length")));
  EXPECT_EQ(again.body, nullptr);

  const auto other = body_of("{\"a\":2}");
  EXPECT_THAT(std::string(writer.write({.body = other}, {.if_none_match = etag}).head),
              StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(std::string(writer.write({.body = body_of("x")}, {}).head), Not(HasSubstr("ETag")));
  EXPECT_THAT(std::string(writer.write({.status = 404, .body = shared}, {}).head),
              Not(HasSubstr("ETag")));
}

TEST(ETag, MatchesWeaklyInAList) {
  EXPECT_TRUE(matches_etag("W/\"a\"", "W/\"a\""));
  EXPECT_TRUE(matches_etag("\"x\", \"a\"", "W/\"a\""));
  EXPECT_TRUE(matches_etag("*", "W/\"a\""));
  EXPECT_FALSE(matches_etag("\"b\"", "W/\"a\""));
  EXPECT_FALSE(matches_etag("", "W/\"a\""));
}

TEST(Gzip, IsNothingWhereItDoesNotHelp) {
  EXPECT_EQ(gzip("abc"), nullptr);
  EXPECT_EQ(gzip(""), nullptr);
  EXPECT_EQ(inflated(*gzip(std::string(100'000, 'a'))), std::string(100'000, 'a'));
}

TEST(HostRules, AnswersToItsOwnNamesOnly) {
  HostRules rules({"gpu-7.example", "10.0.0.7", "[fe80::1]"});
  const auto f = [&](std::string_view host, bool want) {
    EXPECT_EQ(rules.allows(host), want) << host;
  };
  f("localhost", true);
  f("LocalHost:8080", true);
  f("127.0.0.1:1", true);
  f("[::1]", true);
  f("[::1]:8080", true);
  f("gpu-7.example:8080", true);
  f("10.0.0.7", true);
  f("[FE80::1]:80", true);

  f("", false);
  f("evil.example", false);
  f("localhost.evil.example", false);
  f("evil.example:localhost", false);
  f("localhost:", true);
  f("localhost:80:80", false);
  f("localhost:123456", false);
  f("localhost:8a", false);
  f("localhost@evil.example", false);
  f("evil@localhost", false);
  f("localhost/", false);
  f("localhost,evil.example", false);
  f("::1", false);
  f("[::1", false);
  f("[::1]x", false);
  f("[::1]80", false);
  f("[localhost]", false);
  f(":8080", false);
  f("127.0.0.1.evil.example", false);
}

TEST(HostRules, ComparesOrigins) {
  const auto f = [](std::string_view origin, std::string_view host, bool want) {
    EXPECT_EQ(is_same_origin(origin, host, false), want) << origin << " " << host;
  };
  f("http://localhost:8080", "localhost:8080", true);
  f("http://LOCALHOST:8080", "localhost:8080", true);
  f("http://localhost:8081", "localhost:8080", false);
  f("http://localhost", "localhost:8080", false);
  f("file://", "localhost:8080", false);
  f("http://a", "a:80", true);
  f("http://a:80", "a", true);
  f("https://a", "a:443", true);
  f("https://a", "a", true);
  f("HTTP://A", "a", true);
  f("http://[::1]:1", "[::1]:1", true);
  f("https://a", "a:80", false);
  f("http://a:81", "a", false);
  f("http://b", "a", false);
  f("http://a.b", "a", false);
  f("http://a/", "a", false);
  f("null", "a", false);
  f("", "a", false);
  f("ftp://a", "a", false);
}

TEST(HostRules, OverTlsTakesNothingFromPagesWithoutIt) {
  EXPECT_TRUE(is_same_origin("https://a", "a", true));
  EXPECT_TRUE(is_same_origin("https://a:8443", "a:8443", true));
  EXPECT_FALSE(is_same_origin("http://a", "a", true));
  EXPECT_FALSE(is_same_origin("http://a:8443", "a:8443", true));
}

TEST(HostRules, AllowsTheOriginsThatItWasTold) {
  const HostRules rules({}, {"https://Page.example", "http://10.0.0.1:8080"});
  const auto f = [&](std::string_view origin, bool want) {
    EXPECT_EQ(rules.allows_origin(origin, "localhost:8080", false), want) << origin;
  };
  f("http://localhost:8080", true);
  f("https://page.example", true);
  f("https://page.example:443", true);
  f("http://page.example", false);
  f("http://page.example:443", false);
  f("https://sub.page.example", false);
  f("http://10.0.0.1:8080", true);
  f("http://10.0.0.1", false);
  f("null", false);
  f("", false);
}

}  // namespace
}  // namespace gpuvigil
