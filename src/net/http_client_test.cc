// SPDX-License-Identifier: Apache-2.0
#include "net/http_client.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/client_socket.h"
#include "net/server_test_kit.h"
#include "net/stream_client.h"

namespace gpuvigil {
namespace {

using testing::client_options;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::TestServer;

std::string url_of(const TestServer& server, std::string_view path) {
  return server.server->url() + std::string(path);
}

TEST(HttpUrl, IsTakenApartOrRefused) {
  const auto good = [](std::string_view text, std::string_view authority, std::string_view target) {
    const auto url = parse_url(text);
    ASSERT_TRUE(url) << text << ": " << url.error().message;
    EXPECT_EQ(url->authority(), authority);
    EXPECT_EQ(url->target, target);
  };
  good("http://127.0.0.1:8080/a?b=c", "127.0.0.1:8080", "/a?b=c");
  good("HTTP://localhost", "localhost:80", "/");
  good("ws://[::1]:9/x", "[::1]:9", "/x");
  good("http://host?a", "host:80", "/?a");
  good("https://host/", "host:443", "/");
  good("WSS://host:1/a", "host:1", "/a");

  const auto bad = [](std::string_view text) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, Errc::kInvalidArgument);
    EXPECT_THAT(url.error().message, HasSubstr(std::string(text)));
  };
  bad("");
  bad("https://");
  bad("ftp://localhost");
  bad("localhost:8080");
  bad("http://");
  bad("http://:80/");
  bad("http://host:0");
  bad("http://host:65536");
  bad("http://host:80x");
  bad("http://host:");
  bad("http://[::1]80/");
  bad("http://a b/");
  bad("http://host/a b");
  bad("http://user@host/");
}

TEST(HttpPost, SendsItsBody) {
  const TestServer server;
  const auto response =
      http_send("POST", url_of(server, "/echo?n=1"), R"({"a":1})", client_options());
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200U);
  EXPECT_EQ(response->body,
            fmt::format("{} /echo n=1|{}", static_cast<int>(Method::kPost), R"({"a":1})"));
}

TEST(HttpGet, ReturnsStatusHeadersAndBody) {
  const TestServer server;
  const auto response = http_get(url_of(server, "/echo?x=1"), client_options());
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200U);
  EXPECT_EQ(response->header("content-type"), "text/plain");
  EXPECT_EQ(response->body, "0 /echo x=1|");

  const auto big = http_get(url_of(server, "/big"), client_options());
  ASSERT_TRUE(big) << big.error().message;
  EXPECT_EQ(big->body.size(), server.app.big_bytes);
}

TEST(HttpGet, SaysWhyThereIsNoAnswer) {
  std::string gone;
  {
    const TestServer server;
    gone = url_of(server, "/");
    const auto refused = http_get(url_of(server, "/"), client_options({{"A", "b\r\nC: d"}}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kInvalidArgument);
  }
  const auto response = http_get(gone, client_options());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kUnavailable);
  EXPECT_EQ(response.error().message,
            "cannot connect to " +
                gone.substr(gone.find("//") + 2, gone.size() - gone.find("//") - 3) +
                ": connection refused; is `gpuvigil serve` running?");
}

TEST(ResponseParser, ReadsEveryWayToEndABody) {
  const auto f = [](std::string_view wire, bool closes, unsigned status, std::string_view body) {
    for (const std::size_t step : {wire.size(), std::size_t{1}}) {
      ResponseParser parser(1024, 20);
      for (std::size_t at = 0; at < wire.size() && !parser.is_done(); at += step) {
        const auto fed = parser.feed(wire.substr(at, step));
        ASSERT_TRUE(fed) << fed.error().message;
      }
      if (closes) {
        ASSERT_TRUE(parser.end());
      }
      ASSERT_TRUE(parser.is_done()) << wire;
      EXPECT_EQ(parser.response().status, status);
      EXPECT_EQ(parser.response().body, body);
    }
  };
  f("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false, 200, "abc");
  f("HTTP/1.1 204 No Content\r\n\r\n", false, 204, "");
  f("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n",
    false, 200, "abc");
  f("HTTP/1.0 200 OK\r\n\r\nabc", true, 200, "abc");
  f("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", false, 200, "a");
}

TEST(ResponseParser, RefusesWhatIsBrokenOrTooLarge) {
  const auto f = [](std::string_view wire, Errc want) {
    ResponseParser parser(64, 20);
    auto outcome = parser.feed(wire);
    if (outcome) outcome = parser.end();
    ASSERT_FALSE(outcome) << wire;
    EXPECT_EQ(outcome.error().code, want) << outcome.error().message;
  };
  f("SSH-2.0-OpenSSH\r\n\r\n", Errc::kCorrupt);
  f("", Errc::kCorrupt);
  f("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", Errc::kCorrupt);
  f("HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n", Errc::kTooLarge);
  f("HTTP/1.1 200 OK\r\nA: " + std::string(100, 'a') + "\r\n\r\n", Errc::kTooLarge);
  f("HTTP/1.0 200 OK\r\n\r\n" + std::string(21, 'a'), Errc::kTooLarge);
}

TEST(StreamClient, SendsAndReceivesUntilTheServerStops) {
  TestServer server;
  auto client = StreamClient::connect(url_of(server, "/stream"), client_options());
  ASSERT_TRUE(client) << client.error().message;
  ASSERT_TRUE((*client)->send("hello"));
  const auto echoed = (*client)->next(kPatience);
  ASSERT_TRUE(echoed) << echoed.error().message;
  EXPECT_EQ(*echoed, "hello");

  const auto nothing = (*client)->next(std::chrono::milliseconds(1));
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, Errc::kTimeout);

  server.server->stop(kPatience);
  const auto end = (*client)->next(kPatience);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_FALSE(end->has_value());
  EXPECT_LT(server.stop(kPatience), kPatience);
}

TEST(StreamClient, SaysWhyItWasRefusedOrClosed) {
  const TestServer server;
  const auto refused = StreamClient::connect(url_of(server, "/none"), client_options());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("404"));
  EXPECT_THAT(refused.error().message, HasSubstr("no such stream"));

  auto client = StreamClient::connect(url_of(server, "/close"), client_options());
  ASSERT_TRUE(client) << client.error().message;
  const auto closed = (*client)->next(kPatience);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().message, "the server closed the stream: 1008 not you");
}

}  // namespace
}  // namespace gpuvigil
