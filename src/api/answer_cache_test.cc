// SPDX-License-Identifier: Apache-2.0
#include "api/answer_cache.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

HttpRequest get(std::string path, std::vector<std::pair<std::string, std::string>> query = {}) {
  return {.path = std::move(path), .query = std::move(query)};
}

HttpResponse saying(std::string text) {
  return {.body = std::make_shared<const std::string>(std::move(text))};
}

TEST(AnswerCache, AnEqualQuestionHasTheSameBytes) {
  AnswerCache cache;
  cache.keep(get("/a", {{"x", "1"}}), saying("one"));
  const HttpResponse* known = cache.find(get("/a", {{"x", "1"}}));
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(*known->body, "one");
}

TEST(AnswerCache, EveryPartOfAQuestionCounts) {
  AnswerCache cache;
  cache.keep(get("/a", {{"x", "1"}, {"y", "2"}}), saying("one"));
  EXPECT_EQ(cache.find(get("/b", {{"x", "1"}, {"y", "2"}})), nullptr);
  EXPECT_EQ(cache.find(get("/a")), nullptr);
  EXPECT_EQ(cache.find(get("/a", {{"x", "1"}})), nullptr);
  EXPECT_EQ(cache.find(get("/a", {{"y", "2"}, {"x", "1"}})), nullptr);
  EXPECT_EQ(cache.find(get("/a", {{"x", "1"}, {"y", "3"}})), nullptr);
  EXPECT_EQ(cache.find(get("/a", {{"x", "1"}, {"z", "2"}})), nullptr);
  EXPECT_EQ(cache.find(get("/a", {{"x", "1y"}, {"", "2"}})), nullptr);
}

TEST(AnswerCache, ANewFrameHasNewAnswers) {
  AnswerCache cache;
  const auto first = std::make_shared<const Frame>();
  cache.turn_to(first);
  cache.keep(get("/a"), saying("old"));
  cache.turn_to(first);
  EXPECT_NE(cache.find(get("/a")), nullptr);
  cache.turn_to(std::make_shared<const Frame>());
  EXPECT_EQ(cache.find(get("/a")), nullptr);
  EXPECT_EQ(first.use_count(), 1);
}

TEST(AnswerCache, HoldsOnlySoMany) {
  AnswerCache cache;
  for (std::size_t i = 0; i <= AnswerCache::kMaxAnswers; ++i) {
    cache.keep(get(fmt::format("/{}", i)), saying("x"));
  }
  EXPECT_NE(cache.find(get(fmt::format("/{}", AnswerCache::kMaxAnswers - 1))), nullptr);
  EXPECT_EQ(cache.find(get(fmt::format("/{}", AnswerCache::kMaxAnswers))), nullptr);
}

}  // namespace
}  // namespace gpuvigil
