// SPDX-License-Identifier: Apache-2.0
#include "net/http_server.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/failpoint.h"
#include "net/http_client.h"
#include "net/server_test_kit.h"

namespace gpuvigil {
namespace {

using ::testing::AllOf;
using testing::client_options;
using ::testing::EndsWith;
using testing::get;
using ::testing::HasSubstr;
using testing::kPatience;
using ::testing::Not;
using testing::RawClient;
using ::testing::StartsWith;
using testing::status_of;
using testing::TestApp;
using testing::TestServer;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

TEST(HttpServer, AnswersAGetWithMinimalHeaders) {
  const TestServer server;
  RawClient client(server.port());
  client.send(get("/echo?a=1&b=x%20y"));
  EXPECT_EQ(client.read_response(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 18\r\n"
            "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
            "Cross-Origin-Resource-Policy: same-origin\r\nReferrer-Policy: no-referrer\r\n\r\n"
            "0 /echo a=1 b=x y|");
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  const TestServer server;
  RawClient client(server.port());
  std::string all;
  for (int i = 0; i < 100; ++i) all += get("/" + std::to_string(i));
  client.send(all);
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(client.read_response(), EndsWith("\r\n\r\n0 /" + std::to_string(i) + "|"));
  }
  EXPECT_EQ(server.server->stats().accepted, 1U);
  EXPECT_EQ(server.server->stats().requests, 100U);
}

TEST(HttpServer, AKnownRequestIsAnsweredAsIfItWereNew) {
  const TestServer server;
  RawClient client(server.port());
  RawClient other(server.port());
  const std::string again = get("/echo?a=1");
  const std::string first = (client.send(again), client.read_response());
  for (int i = 0; i < 4; ++i) {
    RawClient& asking = i % 2 == 0 ? client : other;
    asking.send(again);
    EXPECT_EQ(asking.read_response(), first);
    asking.send(get("/between"));
    EXPECT_THAT(asking.read_response(), EndsWith("0 /between|"));
    asking.send(again + again + get("/last"));
    EXPECT_EQ(asking.read_response(), first);
    EXPECT_EQ(asking.read_response(), first);
    EXPECT_THAT(asking.read_response(), EndsWith("0 /last|"));
  }
  // The rest of a request may look like a known one.
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n");
  client.send(again);
  client.send(std::string(1000 - again.size(), '.'));
  EXPECT_THAT(client.read_response(), HasSubstr(again));
}

TEST(HttpServer, ARequestThatDiffersInOneByteIsAnother) {
  const TestServer server;
  const std::string known = get("/echo?a=1");
  RawClient client(server.port());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE((client.send(known), status_of(client.read_response())));
  for (std::size_t at = 0; at < known.size(); ++at) {
    std::string other = known;
    other[at] = static_cast<char>(other[at] ^ 1);
    // What comes of it depends on the byte; only that it is the same as without anything known.
    const auto answer = [&](std::uint16_t port) {
      RawClient asking(port);
      asking.send(other);
      asking.shut_down_sending();
      return asking.read_to_end();
    };
    const TestServer fresh;
    const std::string want = answer(fresh.port());
    for (int i = 0; i < 3; ++i) EXPECT_EQ(answer(server.port()), want) << other;
  }
}

TEST(HttpServer, AKnownRequestIsCheckedEachTime) {
  const TestServer server;
  const std::string foreign = "GET /echo HTTP/1.1\r\nHost: evil.example\r\n\r\n";
  for (int i = 0; i < 4; ++i) {
    RawClient client(server.port());
    client.send(foreign);
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 403"));
  }
}

TEST(HttpServer, AnswersInOrderBehindALargeResponse) {
  const TestServer server;
  RawClient client(server.port(), 4096);
  client.send(get("/big") + get("/1") + get("/big") + get("/2"));
  for (const std::string_view next : {"1", "2"}) {
    const auto big = client.read_response();
    EXPECT_THAT(big.substr(0, 20), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(big.substr(big.size() - 20), EndsWith("xxx"));
    EXPECT_THAT(client.read_response(), EndsWith("0 /" + std::string(next) + "|"));
  }
}

TEST(HttpServer, ReadsARequestThatComesByteByByte) {
  const TestServer server;
  RawClient client(server.port());
  for (const char byte : std::string("POST /echo HTTP/1.1\r\nHost: localhost\r\n"
                                     "Content-Length: 3\r\n\r\nabc")) {
    ASSERT_TRUE(client.send({&byte, 1}));
  }
  EXPECT_THAT(client.read_response(), EndsWith("2 /echo|abc"));
}

TEST(HttpServer, LeavesOutTheBodyOfHead) {
  const TestServer server;
  RawClient client(server.port());
  client.send("HEAD /echo HTTP/1.1\r\nHost: localhost\r\n\r\n" + get("/after"));
  EXPECT_THAT(client.read_response(true), HasSubstr("Content-Length: 8\r\n"));
  EXPECT_THAT(client.read_response(), EndsWith("0 /after|"));
}

TEST(HttpServer, SpeaksHttp10) {
  const TestServer server;
  RawClient once(server.port());
  once.send("GET /echo HTTP/1.0\r\n\r\n");
  EXPECT_THAT(once.read_to_end(), AllOf(HasSubstr("Connection: close\r\n"), EndsWith("0 /echo|")));
  RawClient kept(server.port());
  for (int i = 0; i < 2; ++i) {
    kept.send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_THAT(kept.read_response(), HasSubstr("Connection: keep-alive\r\n"));
  }
}

TEST(HttpServer, ClosesWhereTheClientAsksForIt) {
  const TestServer server;
  RawClient client(server.port());
  client.send(get("/1", "Connection: close\r\n") + get("/2"));
  EXPECT_THAT(client.read_to_end(), AllOf(HasSubstr("Connection: close\r\n"), EndsWith("0 /1|")));
  RawClient half_closed(server.port());
  half_closed.send(get("/3"));
  half_closed.shut_down_sending();
  EXPECT_THAT(half_closed.read_to_end(), EndsWith("0 /3|"));
}

TEST(HttpServer, InvitesABodyThatIsExpected) {
  const TestServer server;
  RawClient client(server.port());
  client.send(
      "POST /e HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), kContinue);
  client.send("abc");
  EXPECT_THAT(client.read_response(), EndsWith("2 /e|abc"));
  client.send(
      "POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
      "Content-Length: 99999999\r\n\r\n");
  EXPECT_EQ(status_of(client.read_to_end()), 413);
}

TEST(HttpServer, TakesBodiesUpToTheLimit) {
  const TestServer server;
  RawClient client(server.port());
  const std::string body(1024 * 1024, 'b');
  client.send("POST /e HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n" + body);
  const auto response = client.read_response();
  EXPECT_TRUE(response.ends_with("\r\n\r\n2 /e|" + body));
}

TEST(HttpServer, RefusesInTheApplicationsWords) {
  const TestServer server;
  const auto f = [&](const std::string& wire, int want) {
    RawClient client(server.port());
    client.send(wire);
    const auto response = client.read_to_end();
    EXPECT_EQ(status_of(response), want) << wire.substr(0, 80);
    EXPECT_THAT(response, AllOf(HasSubstr("Content-Type: application/problem+json\r\n"),
                                HasSubstr("Connection: close\r\n"),
                                HasSubstr("\"status\":" + std::to_string(want))));
  };
  f("hello\r\n\r\n", 400);
  f("GET / HTTP/1.1\r\n\r\n", 400);
  f("GET /%ff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400);
  f("GET / HTTP/3.0\r\nHost: localhost\r\n\r\n", 505);
  f("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n", 431);
  f("GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 414);
  f("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n" +
        std::string(1'048'577, 'b'),
    413);
  f(get("/", "Transfer-Encoding: gzip\r\n"), 501);
  f(get("/", "Expect: the unexpected\r\n"), 417);
  EXPECT_EQ(server.server->stats().refused_requests, 9U);
  EXPECT_EQ(server.server->stats().requests, 0U);
}

TEST(HttpServer, TakesNothingFromPagesOfOtherOrigins) {
  const TestServer server({.allowed_origins = {"https://page.example"}});
  const std::string own = std::string(testing::own_scheme()) + "localhost:8080";
  const auto f = [&](std::string_view method, std::string_view fields, int want) {
    RawClient client(server.port());
    client.send(fmt::format("{} / HTTP/1.1\r\nHost: localhost:8080\r\n{}\r\n", method, fields));
    EXPECT_EQ(status_of(client.read_response(method == "HEAD")), want) << method << fields;
  };
  for (const std::string_view method : {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}) {
    f(method, "", 200);
    f(method, "Origin: " + own + "\r\n", 200);
    f(method, "Origin: https://page.example\r\n", 200);
    f(method, "Origin: http://localhost:8081\r\n", 403);
    f(method, "Origin: https://evil.example\r\n", 403);
    f(method, "Origin: null\r\n", 403);
    f(method, "Origin:\r\n", 403);
    f(method, "Origin: " + own + "\r\nOrigin: https://evil.example\r\n", 403);
  }
  TestApp app;
  const auto refused = HttpServer::open({.allowed_origins = {"page.example"}}, app);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("'page.example' is not an origin; write one"));
}

TEST(HttpServer, AnswersToItsOwnNamesOnly) {
  const TestServer server({.allowed_hosts = {"gpu.example"}});
  const auto f = [&](std::string_view wire, int want) {
    RawClient client(server.port());
    client.send(wire);
    client.shut_down_sending();
    EXPECT_EQ(status_of(client.read_to_end()), want) << wire;
  };
  f("GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n", 200);
  f("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 200);
  f("GET / HTTP/1.1\r\nHost: [::1]:1\r\n\r\n", 200);
  f("GET / HTTP/1.1\r\nHost: GPU.example\r\n\r\n", 200);
  f("GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 200);
  f("GET / HTTP/1.0\r\n\r\n", 200);
  f("GET / HTTP/1.1\r\nHost: rebound.example\r\n\r\n", 403);
  f("GET / HTTP/1.1\r\nHost:\r\n\r\n", 403);
  f("GET / HTTP/1.0\r\nHost: rebound.example\r\n\r\n", 403);
  f("GET http://rebound.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 403);
  f("POST / HTTP/1.1\r\nHost: rebound.example\r\nContent-Length: 3\r\n\r\nabc", 403);
}

TEST(HttpServer, SurvivesAnApplicationThatThrows) {
  const TestServer server;
  RawClient client(server.port());
  client.send(get("/throw") + get("/after"));
  EXPECT_EQ(status_of(client.read_response()), 500);
  EXPECT_THAT(client.read_response(), EndsWith("0 /after|"));
}

TEST(HttpServer, CompressesAndTagsWhatIsShared) {
  TestServer server;
  server.app.shared = std::make_shared<const std::string>(5000, 'a');
  RawClient client(server.port());
  client.send(get("/shared", "Accept-Encoding: gzip\r\n"));
  const auto first = client.read_response();
  EXPECT_THAT(first, AllOf(HasSubstr("Content-Encoding: gzip\r\n"), HasSubstr("Vary: ")));
  EXPECT_LT(first.size(), 500U);
  const auto at = first.find("ETag: ");
  ASSERT_NE(at, std::string::npos);
  const auto etag = first.substr(at + 6, first.find('\r', at) - at - 6);
  client.send(get("/shared", "If-None-Match: " + etag + "\r\n") + get("/after"));
  EXPECT_EQ(status_of(client.read_until("\r\n\r\n")), 304);
  EXPECT_THAT(client.read_response(), EndsWith("0 /after|"));
}

TEST(HttpServer, ServesAThousandConnectionsAtOnce) {
  const TestServer server;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 1000; ++i) clients.push_back(std::make_unique<RawClient>(server.port()));
  for (int round = 0; round < 2; ++round) {
    for (const auto& client : clients) ASSERT_TRUE(client->send(get("/echo")));
    for (const auto& client : clients) ASSERT_THAT(client->read_response(), EndsWith("0 /echo|"));
  }
  EXPECT_EQ(server.server->stats().connections, 1000U);
  clients.clear();
  EXPECT_TRUE(server.eventually([](const auto& stats) { return stats.connections == 0; }));
}

TEST(HttpServer, ListensOnIpv6) {
  TestApp app;
  auto server = HttpServer::open({.address = "[::1]", .port = 0}, app);
  if (!server) GTEST_SKIP() << "no IPv6 here: " << server.error().message;
  std::thread thread([&] { (*server)->run(); });
  const auto response = http_get((*server)->url() + "/echo", client_options());
  (*server)->stop(kPatience);
  thread.join();
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "0 /echo|");
}

TEST(HttpServer, SaysWhyItCannotListen) {
  TestApp app;
  const auto f = [&](const HttpServerOptions& options, Errc want, std::string_view text) {
    const auto server = HttpServer::open(options, app);
    ASSERT_FALSE(server) << options.address;
    EXPECT_EQ(server.error().code, want) << server.error().message;
    EXPECT_THAT(server.error().message, HasSubstr(std::string(text)));
    EXPECT_THAT(server.error().message, Not(HasSubstr("\n")));
  };
  const TestServer taken;
  f({.port = taken.port()}, Errc::kUnavailable,
    "cannot listen on 127.0.0.1:" + std::to_string(taken.port()) +
        ": Address already in use; stop");
  f({.address = "999.1.1.1"}, Errc::kInvalidArgument, "'999.1.1.1' is not an address");
  f({.address = ""}, Errc::kInvalidArgument, "'' is not an address");
  f({.address = "example.com"}, Errc::kInvalidArgument, "'example.com' is not an address");
  f({.address = "0.0.0.0"}, Errc::kInvalidArgument, "0.0.0.0:8080 can be reached from other");
  f({.address = "::"}, Errc::kInvalidArgument, "[::]:8080 can be reached from other machines");
  f({.address = "192.0.2.1", .allow_remote = true}, Errc::kUnavailable,
    "cannot listen on 192.0.2.1:8080: Cannot assign requested address; take an address of this");
  const FailpointArmed denied("net.listen");
  f({.port = 80}, Errc::kPermission,
    "cannot listen on 127.0.0.1:80: Permission denied; take a port");
}

}  // namespace
}  // namespace gpuvigil
