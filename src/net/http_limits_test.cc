// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>

#include "net/http_server.h"
#include "net/server_test_kit.h"

namespace gpuvigil {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::EndsWith;
using testing::get;
using ::testing::HasSubstr;
using testing::RawClient;
using testing::status_of;
using testing::TestServer;

void expect_served(const TestServer& server) {
  RawClient client(server.port());
  client.send(get("/echo"));
  EXPECT_THAT(client.read_response(), EndsWith("0 /echo|"));
}

TEST(HttpLimits, RefusesConnectionsBeyondTheLimit) {
  if (testing::is_tls_run()) GTEST_SKIP() << "who is over the limit is not worth a handshake";
  const TestServer server({.limits = {.connections = 3}});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    clients.back()->send(get("/echo"));
    EXPECT_EQ(status_of(clients.back()->read_response()), 200);
  }
  RawClient refused(server.port());
  EXPECT_THAT(refused.read_to_end(),
              AllOf(HasSubstr("HTTP/1.1 503 "), HasSubstr("Retry-After: 1\r\n"),
                    HasSubstr("too many connections")));
  EXPECT_EQ(server.server->stats().refused_connections, 1U);
  // Before an upgrade too, and without harm to those who are in.
  RawClient stream(server.port());
  EXPECT_FALSE(stream.upgrade());
  clients[0]->send(get("/echo"));
  EXPECT_EQ(status_of(clients[0]->read_response()), 200);

  clients.clear();
  EXPECT_TRUE(server.eventually([](const auto& stats) { return stats.connections == 0; }));
  expect_served(server);
}

TEST(HttpLimits, RefusesConnectionsBeyondTheLimitOfAnAddress) {
  if (testing::is_tls_run()) GTEST_SKIP() << "who is over the limit is not worth a handshake";
  const TestServer server({.limits = {.connections_per_address = 2}});
  RawClient first(server.port());
  RawClient second(server.port());
  ASSERT_TRUE(server.eventually([](const auto& stats) { return stats.connections == 2; }));
  RawClient third(server.port());
  EXPECT_THAT(third.read_to_end(),
              AllOf(HasSubstr("HTTP/1.1 503 "), HasSubstr("connections from this address")));
}

TEST(HttpLimits, ShedsAFloodOfConnectionsBeyondTheLimit) {
  const TestServer server({.limits = {.connections = 1}});
  RawClient in(server.port());
  ASSERT_TRUE(server.eventually([](const auto& stats) { return stats.connections == 1; }));
  std::vector<std::unique_ptr<RawClient>> flood;
  for (int i = 0; i < 200; ++i) flood.push_back(std::make_unique<RawClient>(server.port()));
  for (const auto& client : flood) client->read_to_end();
  in.send(get("/echo"));
  EXPECT_EQ(status_of(in.read_response()), 200);
  EXPECT_EQ(server.server->stats().refused_connections, 200U);
}

TEST(HttpLimits, ShedsConnectionsWhenDescriptorsRunOut) {
  const TestServer server;
  UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const UniqueFd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = static_cast<rlim_t>(next.get()), .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int connected =
      ::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
  char byte = 0;
  const auto got = ::recv(client.get(), &byte, 1, 0);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_EQ(connected, 0);
  EXPECT_LE(got, 0);
  EXPECT_EQ(server.server->stats().refused_connections, 1U);
  expect_served(server);
}

TEST(HttpLimits, GivesUpSlowHeaders) {
  const TestServer server({.times = {.header = milliseconds(50)}});
  RawClient silent(server.port());
  RawClient slow(server.port());
  slow.send("GET / HTTP/1.1\r\nHost: local");
  EXPECT_EQ(status_of(slow.read_to_end()), 408);
  EXPECT_TRUE(silent.is_closed());
  EXPECT_EQ(server.server->stats().timeouts, 1U);
}

TEST(HttpLimits, GivesUpHeadersThatTrickle) {
  const TestServer server({.times = {.header = milliseconds(100)}});
  RawClient slow(server.port());
  // Each byte is progress; the time runs from the first all the same.
  while (slow.send("G") && server.server->stats().timeouts == 0) {
    server.on_thread([] {});
  }
  EXPECT_EQ(server.server->stats().timeouts, 1U);
}

TEST(HttpLimits, GivesUpSlowBodies) {
  const TestServer server({.times = {.body = milliseconds(50)}});
  RawClient slow(server.port());
  slow.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_THAT(slow.read_to_end(), AllOf(HasSubstr("HTTP/1.1 408 "), HasSubstr("the body did not")));
}

TEST(HttpLimits, ClosesIdleConnectionsWithoutAWord) {
  const TestServer server({.times = {.idle = milliseconds(50)}});
  RawClient client(server.port());
  client.send(get("/echo"));
  EXPECT_EQ(status_of(client.read_response()), 200);
  EXPECT_TRUE(client.is_closed());
  EXPECT_EQ(server.server->stats().timeouts, 0U);
}

TEST(HttpLimits, GivesUpSlowReadersAndDisturbsNobody) {
  const TestServer server({.times = {.write = milliseconds(100)}});
  RawClient slow(server.port(), 4096);
  slow.send(get("/big"));
  expect_served(server);
  EXPECT_TRUE(server.eventually([](const auto& stats) { return stats.timeouts == 1; }));
  EXPECT_LT(slow.read_to_end().size(), server.app.big_bytes);
  expect_served(server);
}

TEST(HttpLimits, BoundsWhatAllUnfinishedRequestsHold) {
  const TestServer server({.limits = {.unread_bytes = 100'000}});
  const std::string half = "POST /e HTTP/1.1\r\nHost: localhost\r\nContent-Length: 160000\r\n\r\n" +
                           std::string(80'000, 'b');
  RawClient first(server.port());
  first.send(half);
  ASSERT_TRUE(server.eventually([](const auto& stats) { return stats.bytes_in >= 80'000; }));
  RawClient second(server.port());
  second.send(half);
  EXPECT_THAT(second.read_to_end(), AllOf(HasSubstr("HTTP/1.1 503 "), HasSubstr("Retry-After: ")));
  // What the refused one held is free again.
  RawClient third(server.port());
  third.send("POST /e HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n");
  third.send("123456789");
  EXPECT_EQ(status_of(third.read_response()), 200);
}

TEST(HttpLimits, StopsReadingWhatIsNotServedYet) {
  // A client that sends requests and reads no answer: the server must not store what it sends.
  const TestServer server({.times = {.write = milliseconds(300)}});
  RawClient client(server.port(), 4096);
  const std::string some = get("/big") + get("/echo", "X: " + std::string(8000, 'x') + "\r\n");
  while (client.send(some)) {
  }
  EXPECT_TRUE(server.eventually([](const auto& stats) { return stats.connections == 0; }));
  EXPECT_LT(server.server->stats().requests, 5U);
}

}  // namespace
}  // namespace gpuvigil
