// SPDX-License-Identifier: Apache-2.0
#include "net/known_requests.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

/// Reads a request and lets it be learnt, as a connection does.
void read(KnownRequests& known, const std::string& bytes) {
  auto parser = std::make_unique<RequestParser>(RequestLimits());
  ASSERT_EQ(parser->feed(bytes), bytes.size()) << bytes;
  ASSERT_EQ(parser->state(), RequestParser::State::kDone) << bytes;
  known.learn(bytes, std::move(parser));
}

std::string get(std::string_view path, std::string_view fields = {}) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: a\r\n{}\r\n", path, fields);
}

TEST(KnownRequests, TheSecondTimeARequestIsKept) {
  KnownRequests known;
  read(known, get("/a?x=1"));
  EXPECT_EQ(known.find(get("/a?x=1")), nullptr);
  read(known, get("/a?x=1"));
  RequestParser* parser = known.find(get("/a?x=1"));
  ASSERT_NE(parser, nullptr);
  EXPECT_EQ(parser->request().path, "/a");
  EXPECT_EQ(parser->request().query.size(), 1U);
  EXPECT_EQ(parser->state(), RequestParser::State::kDone);
}

TEST(KnownRequests, OnlyTheVerySameBytesAreTheSameRequest) {
  KnownRequests known;
  for (int i = 0; i < 2; ++i) read(known, get("/a"));
  EXPECT_NE(known.find(get("/a")), nullptr);
  EXPECT_EQ(known.find(get("/b")), nullptr);
  EXPECT_EQ(known.find(get("/a", "X: y\r\n")), nullptr);
  EXPECT_EQ(known.find(get("/a") + get("/a")), nullptr);
  EXPECT_EQ(known.find(get("/a").substr(0, 20)), nullptr);
  EXPECT_EQ(known.find(""), nullptr);
}

TEST(KnownRequests, NothingIsKeptThatCarriesASecretOrDoesMoreThanAsk) {
  const auto f = [](const std::string& bytes) {
    KnownRequests known;
    for (int i = 0; i < 3; ++i) read(known, bytes);
    EXPECT_EQ(known.find(bytes), nullptr) << bytes;
  };
  f(get("/a", "Authorization: Bearer x\r\n"));
  f(get("/a", "COOKIE: gpuvigil_session=x\r\n"));
  f(get("/a", "Upgrade: websocket\r\nConnection: upgrade\r\n"));
  f(get("/a", "Sec-WebSocket-Protocol: gpuvigil.bearer.x\r\n"));
  f(get("/a", "Content-Length: 0\r\n"));
  f(get("/a", "Content-Length: 4\r\n") + "\r\n\r\n");
  f("POST /a HTTP/1.1\r\nHost: a\r\n\r\n");
  f(get("/a", "X: " + std::string(KnownRequests::kMaxBytes, 'x') + "\r\n"));
}

TEST(KnownRequests, WhatComesOnceDoesNotPushOutWhatComesAgain) {
  KnownRequests known;
  for (int i = 0; i < 2; ++i) read(known, get("/often"));
  for (int i = 0; i < 1000; ++i) read(known, get(fmt::format("/once/{}", i)));
  EXPECT_NE(known.find(get("/often")), nullptr);
}

}  // namespace
}  // namespace gpuvigil
