// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/http_server.h"
#include "net/server_test_kit.h"
#include "net/websocket_codec.h"

namespace gpuvigil {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::EndsWith;
using testing::get;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::RawClient;
using testing::TestApp;
using testing::TestServer;

TEST(HttpServerStop, FinishesRequestsInFlightAndClosesTheRest) {
  TestServer server;
  RawClient idle(server.port());
  idle.send(get("/echo"));
  idle.read_response();
  RawClient busy(server.port());
  busy.send("POST /e HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\nabc");
  RawClient reading(server.port(), 4096);
  reading.send(get("/big"));
  RawClient stream(server.port());
  ASSERT_TRUE(stream.upgrade());
  ASSERT_TRUE(server.eventually([](const auto& stats) { return stats.requests == 3; }));

  server.server->stop(kPatience);
  EXPECT_TRUE(idle.is_closed());
  const auto close = stream.read_frame();
  EXPECT_EQ(close.opcode, 8U);
  EXPECT_EQ(close.payload.substr(0, 2), "\x03\xE9");  // 1001
  stream.send(encode_masked_frame(Opcode::kClose, close_payload(1001, ""), {1, 2, 3, 4}));
  EXPECT_TRUE(stream.is_closed());
  EXPECT_THROW(RawClient(server.port()), std::runtime_error);  // nobody new is let in

  busy.send("def");
  EXPECT_THAT(busy.read_to_end(),
              AllOf(HasSubstr("Connection: close\r\n"), EndsWith("2 /e|abcdef")));
  EXPECT_GT(reading.read_to_end().size(), server.app.big_bytes);
  EXPECT_LT(server.stop(kPatience), kPatience);
  EXPECT_EQ(server.server->stats().connections, 0U);
  EXPECT_EQ(server.app.sessions_ended, 1);
}

TEST(HttpServerStop, AnswersWhatIsInTheSocketAlready) {
  if (testing::is_tls_run())
    GTEST_SKIP() << "a handshake needs the server's thread, which is held here";
  TestServer server;
  RawClient client(server.port());
  client.send(get("/1"));
  client.read_response();
  // The request and the stop are both there before the server looks again.
  std::promise<void> held;
  std::promise<void> sent;
  server.server->post([&] {
    held.set_value();
    sent.get_future().wait();
  });
  held.get_future().wait();
  client.send(get("/2"));
  RawClient waiting(server.port());  // in the backlog, not accepted yet
  waiting.send(get("/3"));
  server.server->stop(kPatience);
  sent.set_value();
  EXPECT_THAT(client.read_to_end(), AllOf(HasSubstr("Connection: close\r\n"), EndsWith("0 /2|")));
  EXPECT_THAT(waiting.read_to_end(), EndsWith("0 /3|"));
}

TEST(HttpServerStop, TakesNoLongerThanTheGrace) {
  TestServer server;
  RawClient half(server.port());
  half.send("GET / HT");
  RawClient stuck(server.port(), 4096);
  stuck.send(get("/big"));
  RawClient stream(server.port());
  ASSERT_TRUE(stream.upgrade());
  ASSERT_TRUE(server.eventually([](const auto& stats) { return stats.bytes_in > 100; }));
  const auto took = server.stop(milliseconds(200));
  EXPECT_GE(took, milliseconds(100));
  EXPECT_LT(took, std::chrono::seconds(5));
  EXPECT_TRUE(half.is_closed());
  EXPECT_EQ(server.server->stats().connections, 0U);
  EXPECT_EQ(server.server->stats().streams, 0U);
  EXPECT_EQ(server.app.sessions_ended, 1);
}

TEST(HttpServerStop, WorksBeforeRun) {
  TestApp app;
  auto server = HttpServer::open({.port = 0}, app);
  ASSERT_TRUE(server) << server.error().message;
  (*server)->stop(kPatience);
  (*server)->run();
}

TEST(HttpServerThreads, RunPostedTasksInOrderOnTheServersThread) {
  TestServer server;
  std::vector<int> order;
  std::thread::id thread;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(server.server->post([&, i] {
      order.push_back(i);
      thread = std::this_thread::get_id();
    }));
  }
  server.on_thread([] {});
  ASSERT_EQ(order.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST(HttpServerThreads, CountTasksThatDidNotFit) {
  TestApp app;
  auto server = HttpServer::open({.port = 0}, app);
  ASSERT_TRUE(server) << server.error().message;
  int ran = 0;
  int taken = 0;
  for (int i = 0; i < 5000; ++i) taken += (*server)->post([&] { ++ran; }) ? 1 : 0;
  EXPECT_EQ(taken, 4096);
  EXPECT_EQ((*server)->stats().tasks_dropped, 904U);
  (*server)->stop(Duration::zero());  // is not dropped
  (*server)->run();
  EXPECT_EQ(ran, 4096);
}

TEST(HttpServerThreads, RunTimersAgainAndAgain) {
  TestApp app;
  auto server = HttpServer::open({.port = 0}, app);
  ASSERT_TRUE(server) << server.error().message;
  int fast = 0;
  int slow = 0;
  (*server)->every(milliseconds(1), [&] {
    if (++fast == 30) (*server)->stop(Duration::zero());
  });
  (*server)->every(milliseconds(10), [&] { ++slow; });
  const auto begin = std::chrono::steady_clock::now();
  (*server)->run();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(30));
  EXPECT_EQ(fast, 30);
  EXPECT_GE(slow, 1);
}

TEST(HttpServerThreads, PostAndStopWhileClientsComeAndGo) {
  TestServer server;
  std::atomic<bool> stopping = false;
  std::atomic<int> tasks = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!stopping) {
        server.server->post([&] { ++tasks; });
        static_cast<void>(server.server->stats());
        std::this_thread::yield();
      }
    });
  }
  threads.emplace_back([&] {
    while (!stopping) {
      server.server->post([&] {
        for (auto* peer : server.app.peers) peer->send(frame_text("tick"));
      });
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 50; ++i) {
    RawClient client(server.port());
    client.send(get("/echo"));
    EXPECT_THAT(client.read_response(), EndsWith("0 /echo|"));
    RawClient stream(server.port());
    ASSERT_TRUE(stream.upgrade());
    EXPECT_EQ(stream.read_frame().payload, "tick");
  }
  const auto took = server.stop(kPatience);
  stopping = true;
  for (auto& thread : threads) thread.join();
  EXPECT_LT(took, kPatience);
  EXPECT_GT(tasks, 0);
}

}  // namespace
}  // namespace gpuvigil
