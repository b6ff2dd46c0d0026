// SPDX-License-Identifier: Apache-2.0
#include "net/reply_box.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sys/eventfd.h>

#include "base/assert.h"

namespace gpuvigil {

struct Reply::Debt {
  Debt(Sink given, std::shared_ptr<const std::atomic<bool>> over)
      : sink(std::move(given)), is_over(std::move(over)) {}
  ~Debt() { settle(std::nullopt); }
  Debt(const Debt&) = delete;
  Debt& operator=(const Debt&) = delete;

  void settle(std::optional<HttpResponse> response) {
    if (!is_settled.exchange(true)) sink(std::move(response));
  }

  Sink sink;
  std::shared_ptr<const std::atomic<bool>> is_over;
  std::atomic<bool> is_settled = false;
};

Reply::Reply(Sink sink, std::shared_ptr<const std::atomic<bool>> is_over)
    : debt_(std::make_shared<Debt>(std::move(sink), std::move(is_over))) {}

void Reply::send(HttpResponse response) const {
  debt_->settle(std::move(response));
}

bool Reply::is_awaited() const {
  return debt_->is_over == nullptr || !debt_->is_over->load();
}

ReplyBox::ReplyBox(UniqueFd event, std::size_t capacity)
    : event_(std::move(event)), answers_(capacity, WhenFull::kDropNewest) {}

Result<std::shared_ptr<ReplyBox>> ReplyBox::open(std::size_t capacity) {
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) {
    return fail(Errc::kUnavailable,
                fmt::format("cannot make an event descriptor: {}", std::strerror(errno)));
  }
  return std::shared_ptr<ReplyBox>(new ReplyBox(std::move(event), capacity));
}

Reply ReplyBox::reply_for(std::uint64_t request, std::shared_ptr<const std::atomic<bool>> is_over) {
  return Reply(
      [box = shared_from_this(), request](std::optional<HttpResponse> response) {
        box->put({request, std::move(response)});
      },
      std::move(is_over));
}

void ReplyBox::put(Answer answer) {
  static_cast<void>(answers_.push(std::move(answer)));  // counted; its client gets a 503
  constexpr std::uint64_t kOne = 1;
  const auto written = ::write(event_.get(), &kOne, sizeof(kOne));
  GPUVIGIL_ASSERT(written == sizeof(kOne) || errno == EAGAIN);  // EAGAIN: full wakes as well
}

std::deque<ReplyBox::Answer> ReplyBox::take() {
  std::uint64_t count = 0;
  const auto got = ::read(event_.get(), &count, sizeof(count));
  GPUVIGIL_ASSERT(got == sizeof(count) || errno == EAGAIN);
  return answers_.drain();
}

}  // namespace gpuvigil
