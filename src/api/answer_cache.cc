// SPDX-License-Identifier: Apache-2.0
#include "api/answer_cache.h"

#include <algorithm>
#include <functional>
#include <string_view>

namespace gpuvigil {

void AnswerCache::turn_to(const std::shared_ptr<const Frame>& frame) {
  if (frame_ == frame) return;
  answers_.clear();
  frame_ = frame;
}

const HttpResponse* AnswerCache::find(const HttpRequest& request) const {
  const std::uint64_t hash = hash_of(request);
  const auto known = std::ranges::find_if(answers_, [&](const Answer& answer) {
    return answer.hash == hash && answer.path == request.path && answer.query == request.query;
  });
  return known == answers_.end() ? nullptr : &known->response;
}

void AnswerCache::keep(const HttpRequest& request, const HttpResponse& response) {
  if (answers_.size() == kMaxAnswers) return;
  answers_.push_back({hash_of(request), request.path, request.query, response});
}

std::uint64_t AnswerCache::hash_of(const HttpRequest& request) {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;  // spreads what is added over all bits
  const std::hash<std::string_view> of;
  std::uint64_t hash = of(request.path);
  for (const auto& [name, value] : request.query) {
    hash = (hash + of(name)) * kOdd;
    hash = (hash + of(value)) * kOdd;
  }
  return hash;
}

}  // namespace gpuvigil
