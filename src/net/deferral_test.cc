// SPDX-License-Identifier: Apache-2.0
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "net/http_server.h"
#include "net/reply_box.h"
#include "net/server_test_kit.h"

namespace gpuvigil {
namespace {

using std::chrono::milliseconds;
using ::testing::EndsWith;
using testing::get;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::RawClient;
using testing::status_of;
using testing::TestServer;
using testing::text_response;

TEST(Deferral, AnswersFromAnotherThreadAndInOrder) {
  TestServer server;
  RawClient client(server.port());
  client.send(get("/later") + get("/echo?n=1") + get("/later") + get("/echo?n=2"));
  for (const std::string_view n : {"1", "2"}) {
    std::thread([reply = server.next_reply(), n] {
      reply.send(text_response("late " + std::string(n)));
    }).join();
    EXPECT_THAT(client.read_response(), EndsWith("late " + std::string(n)));
    EXPECT_THAT(client.read_response(), EndsWith("0 /echo n=" + std::string(n) + "|"));
  }
  EXPECT_EQ(server.server->stats().accepted, 1U);
}

TEST(Deferral, HoldsUpNobodyElse) {
  TestServer server;
  RawClient waiting(server.port());
  waiting.send(get("/later"));
  const Reply reply = server.next_reply();
  RawClient other(server.port());
  other.send(get("/echo"));
  EXPECT_EQ(status_of(other.read_response()), 200);
  reply.send(text_response("late"));
  EXPECT_THAT(waiting.read_response(), EndsWith("late"));
}

TEST(Deferral, RemembersWhatTheRequestWanted) {
  TestServer server;
  RawClient client(server.port());
  client.send("HEAD /later HTTP/1.1\r\nHost: localhost\r\n\r\n");
  server.next_reply().send(text_response("twelve bytes"));
  EXPECT_THAT(client.read_response(true), HasSubstr("Content-Length: 12\r\n"));
  client.send(get("/later", "Accept-Encoding: gzip\r\n"));
  server.next_reply().send(text_response(std::string(100'000, 'x')));
  EXPECT_THAT(client.read_response(), HasSubstr("Content-Encoding: gzip\r\n"));
  client.send("GET /later HTTP/1.0\r\nHost: localhost\r\n\r\n");
  server.next_reply().send(text_response("old"));
  EXPECT_THAT(client.read_to_end(), EndsWith("Connection: close\r\n\r\nold"));
}

TEST(Deferral, ADebtThatNobodyHoldsIsA500) {
  TestServer server;
  RawClient client(server.port());
  client.send(get("/later") + get("/echo"));
  {
    const Reply reply = server.next_reply();
    const Reply copy = reply;
  }
  EXPECT_EQ(status_of(client.read_response()), 500);
  EXPECT_EQ(status_of(client.read_response()), 200);
}

TEST(Deferral, TheFirstAnswerCounts) {
  TestServer server;
  RawClient client(server.port());
  client.send(get("/later"));
  {
    const Reply reply = server.next_reply();
    const Reply copy = reply;
    copy.send(text_response("first"));
    reply.send(text_response("second"));
  }
  EXPECT_THAT(client.read_response(), EndsWith("first"));
  client.send(get("/echo"));
  EXPECT_THAT(client.read_response(), EndsWith("0 /echo|"));
}

TEST(Deferral, EndsIn503WhenItTakesTooLong) {
  TestServer server({.times = {.handler = milliseconds(100)}});
  RawClient client(server.port());
  client.send(get("/later") + get("/later"));
  const Reply late = server.next_reply();
  const auto refusal = client.read_response();
  EXPECT_EQ(status_of(refusal), 503);
  EXPECT_THAT(refusal, HasSubstr("Retry-After: 1\r\n"));
  const Reply next = server.next_reply();
  late.send(text_response("for nobody"));
  next.send(text_response("in time"));
  EXPECT_THAT(client.read_response(), EndsWith("in time"));
  EXPECT_EQ(server.server->stats().timeouts, 1U);
}

TEST(Deferral, TheApplicationHearsHowEachEnded) {
  TestServer server;
  const auto settlements = [&] {
    std::promise<std::vector<unsigned>> told;
    EXPECT_TRUE(server.server->post([&] { told.set_value(server.app.settlements); }));
    return told.get_future().get();
  };
  RawClient client(server.port());
  client.send(get("/later") + get("/echo"));
  EXPECT_THAT(settlements(), ::testing::IsEmpty());
  auto response = text_response("late");
  response.status = 404;
  server.next_reply().send(response);
  EXPECT_EQ(status_of(client.read_response()), 404);
  EXPECT_EQ(status_of(client.read_response()), 200);  // was answered at once: not told
  client.send(get("/later"));
  {
    const Reply nobody_answers = server.next_reply();
  }
  EXPECT_EQ(status_of(client.read_response()), 500);
  EXPECT_THAT(settlements(), ::testing::ElementsAre(404U, 500U));
  {
    RawClient impatient(server.port());
    impatient.send(get("/long"));  // while the answer may take long, a client that goes is noticed
    const Reply unheard = server.next_reply();
    EXPECT_THAT(settlements(), ::testing::SizeIs(2));
    ::shutdown(impatient.fd(), SHUT_RDWR);
    while (settlements().size() < 3) std::this_thread::yield();
  }
  EXPECT_EQ(settlements().back(), 0U);
}

TEST(Deferral, IsNotLostBehindAFullQueueOfTasks) {
  TestServer server;
  RawClient client(server.port());
  client.send(get("/later"));
  const Reply reply = server.next_reply();
  std::promise<void> go_on;
  std::promise<void> is_held;
  server.server->post([&] {
    is_held.set_value();
    go_on.get_future().wait_for(kPatience);
  });
  is_held.get_future().wait();
  while (server.server->post([] {})) {
  }
  reply.send(text_response("late"));
  go_on.set_value();
  EXPECT_THAT(client.read_response(), EndsWith("late"));
}

TEST(Deferral, WhatDoesNotFitIsCountedAndTheOthersAreWhole) {
  const auto box = ReplyBox::open(2);
  ASSERT_TRUE(box);
  for (std::uint64_t request = 1; request <= 3; ++request) {
    (*box)->reply_for(request).send(text_response("late"));
  }
  EXPECT_EQ((*box)->dropped(), 1U);
  const auto taken = (*box)->take();
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].request, 1U);
  EXPECT_EQ(taken[1].request, 2U);
}

TEST(Deferral, LetsGoOfAClientThatReset) {
  TestServer server;
  std::optional<RawClient> client(server.port());
  client->send(get("/later"));
  const Reply reply = server.next_reply();
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(client->fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  client.reset();
  EXPECT_TRUE(server.eventually([](const auto& stats) { return stats.connections == 0; }));
  reply.send(text_response("for nobody"));
  server.on_thread([] {});
}

TEST(Deferral, AnswersAClientThatHasSaidAllItWants) {
  TestServer server;
  RawClient client(server.port());
  client.send(get("/later"));
  client.shut_down_sending();
  const Reply reply = server.next_reply();
  server.on_thread([] {});
  reply.send(text_response("late"));
  EXPECT_THAT(client.read_to_end(), EndsWith("late"));
}

TEST(Deferral, HasAsMuchTimeAsTheHandlerAsksFor) {
  TestServer server({.times = {.handler = milliseconds(50)}});
  RawClient hasty(server.port());
  RawClient patient(server.port());
  patient.send(get("/long"));
  const Reply reply = server.next_reply();
  hasty.send(get("/later"));
  const Reply late = server.next_reply();
  EXPECT_EQ(status_of(hasty.read_response()), 503);
  EXPECT_FALSE(late.is_awaited());
  EXPECT_TRUE(reply.is_awaited());
  reply.send(text_response("in time"));
  EXPECT_THAT(patient.read_response(), EndsWith("in time"));
}

TEST(Deferral, KnowsThatAClientHasGoneWhoWasToWaitLong) {
  TestServer server;
  std::optional<RawClient> client(server.port());
  client->send(get("/long"));
  const Reply reply = server.next_reply();
  EXPECT_TRUE(reply.is_awaited());
  client.reset();
  EXPECT_TRUE(server.eventually([](const auto& stats) { return stats.connections == 0; }));
  server.on_thread([] {});
  EXPECT_FALSE(reply.is_awaited());
  reply.send(text_response("for nobody"));
}

TEST(Deferral, IsInFlightWhenTheServerStops) {
  TestServer server;
  RawClient idle(server.port());
  RawClient client(server.port());
  client.send(get("/later") + get("/echo"));
  const Reply reply = server.next_reply();
  server.server->stop(kPatience);
  EXPECT_TRUE(idle.is_closed());  // the stop has begun
  reply.send(text_response("late"));
  const auto all = client.read_to_end();
  EXPECT_THAT(all, EndsWith("late"));
  EXPECT_THAT(all, HasSubstr("Connection: close\r\n"));
  EXPECT_LT(server.stop(kPatience), kPatience);
}

TEST(Deferral, OutlivesTheServer) {
  std::optional<TestServer> server(std::in_place);
  RawClient client(server->port());
  client.send(get("/later"));
  const Reply reply = server->next_reply();
  server.reset();
  EXPECT_FALSE(reply.is_awaited());
  reply.send(text_response("for nobody"));
  EXPECT_TRUE(client.is_closed());
}

}  // namespace
}  // namespace gpuvigil
