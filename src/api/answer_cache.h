// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/frame.h"
#include "net/http.h"

namespace gpuvigil {

/// Answers that were made from one frame, by path and query: the same question, the same bytes.
///
/// Threading: one thread. **Invariants:** at most kMaxAnswers, all of one frame.
class AnswerCache {
 public:
  static constexpr std::size_t kMaxAnswers = 64;

  /// Forgets everything unless it is of this frame.
  void turn_to(const std::shared_ptr<const Frame>& frame);

  /// What was kept for an equal question, or null. Valid until the next call of another member.
  [[nodiscard]] const HttpResponse* find(const HttpRequest& request) const;

  /// Keeps it, unless there are too many already.
  void keep(const HttpRequest& request, const HttpResponse& response);

 private:
  using Query = std::vector<std::pair<std::string, std::string>>;

  struct Answer {
    std::uint64_t hash;
    std::string path;
    Query query;
    HttpResponse response;
  };

  [[nodiscard]] static std::uint64_t hash_of(const HttpRequest& request);

  std::shared_ptr<const Frame> frame_;
  std::vector<Answer> answers_;
};

}  // namespace gpuvigil
