// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "base/bounded_queue.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "net/http.h"

namespace gpuvigil {

/// Where deferred answers of all threads wait for the server's thread.
///
/// Not the loop's tasks: those may be many, and an answer must not be lost behind them. There is
/// room for one answer a connection; if late answers nobody waits for fill it, one that is dropped
/// becomes a 503 when its time is up.
///
/// Outlives the server as long as a Reply does. Threading: any thread.
class ReplyBox : public std::enable_shared_from_this<ReplyBox> {
 public:
  struct Answer {
    std::uint64_t request = 0;             ///< HttpRequest::id.
    std::optional<HttpResponse> response;  ///< Absent: there will be none.
  };

  /// Errors: kUnavailable when the system gives no descriptors.
  [[nodiscard]] static Result<std::shared_ptr<ReplyBox>> open(std::size_t capacity);

  /// `is_over`: as a Reply has it.
  [[nodiscard]] Reply reply_for(std::uint64_t request,
                                std::shared_ptr<const std::atomic<bool>> is_over = nullptr);

  /// Readable while answers wait.
  [[nodiscard]] int fd() const { return event_.get(); }
  [[nodiscard]] std::deque<Answer> take();
  [[nodiscard]] std::uint64_t dropped() const { return answers_.dropped(); }

 private:
  ReplyBox(UniqueFd event, std::size_t capacity);
  void put(Answer answer);

  const UniqueFd event_;  ///< An eventfd.
  BoundedQueue<Answer> answers_;
};

}  // namespace gpuvigil
