// SPDX-License-Identifier: Apache-2.0
#include "net/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/server_test_kit.h"

namespace gpuvigil {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using testing::get;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawClient;
using ::testing::StartsWith;
using testing::status_of;
using testing::TestServer;

TEST(HttpServer, AnswersAGetWithMinimalHeaders) {
  const TestServer server;
  RawClient client(server.port());
  client.send(get("/echo?a=1&b=x%20y"));
  EXPECT_EQ(client.read_response(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 18\r\n"
            "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n"
            "0 /echo a=1 b=x y|");
}

TEST(HttpServer, KeepsTheConnectionAndAnswersPipelinedRequestsInOrder) {
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

}  // namespace
}  // namespace gpuvigil
