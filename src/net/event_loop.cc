// SPDX-License-Identifier: Apache-2.0
#include "net/event_loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/assert.h"

namespace gpuvigil {
namespace {

std::unexpected<Error> system_failure(std::string_view what) {
  return fail(Errc::kUnavailable, fmt::format("{}: {}", what, std::strerror(errno)));
}

epoll_event make_event(std::uint32_t events, EventTarget* target) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = target;
  return event;
}

}  // namespace

EventLoop::EventLoop(UniqueFd epoll, UniqueFd wake)
    : epoll_(std::move(epoll)), wake_(std::move(wake)), now_(clock_.now()) {}

Result<std::unique_ptr<EventLoop>> EventLoop::open() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return system_failure("cannot make an epoll descriptor");
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return system_failure("cannot make an event descriptor");
  auto event = make_event(EPOLLIN, nullptr);  // null is the eventfd
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0) {
    return system_failure("cannot watch the event descriptor");
  }
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(epoll), std::move(wake)));
}

Result<void> EventLoop::watch(int fd, std::uint32_t events, EventTarget& target) {
  auto event = make_event(events, &target);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return system_failure("cannot watch a connection");
  }
  return {};
}

void EventLoop::rewatch(int fd, std::uint32_t events, EventTarget& target) {
  auto event = make_event(events, &target);
  // Fails only for a descriptor that is not watched (epoll_ctl(2)): a bug of ours.
  GPUVIGIL_ASSERT(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0);
}

bool EventLoop::post(Task task) {
  const bool taken = tasks_.push(std::move(task));
  wake();
  return taken;
}

void EventLoop::wake() {
  constexpr std::uint64_t kOne = 1;
  // A full eventfd (EAGAIN) wakes the loop as well as this write would.
  const auto written = ::write(wake_.get(), &kOne, sizeof(kOne));
  GPUVIGIL_ASSERT(written == sizeof(kOne) || errno == EAGAIN);
}

void EventLoop::every(Duration period, Task task) {
  GPUVIGIL_ASSERT(period > Duration::zero());
  timers_.push_back({clock_.now() + period, period, std::move(task)});
}

int EventLoop::wait_milliseconds() const {
  if (timers_.empty()) return -1;
  const auto first = std::ranges::min(timers_, {}, &Timer::next).next;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(first - clock_.now());
  return static_cast<int>(std::clamp<std::int64_t>(wait.count(), 0, 60'000));
}

void EventLoop::run_timers() {
  // By index: a timer's task may add timers.
  for (std::size_t i = 0; i < timers_.size(); ++i) {
    if (timers_[i].next > now_) continue;
    timers_[i].next = std::max(timers_[i].next + timers_[i].period, now_);
    const Task task = timers_[i].task;
    task();
  }
}

void EventLoop::run_tasks() {
  std::uint64_t count = 0;
  const auto read = ::read(wake_.get(), &count, sizeof(count));
  GPUVIGIL_ASSERT(read == sizeof(count) || errno == EAGAIN);
  for (auto& task : tasks_.drain()) task();
}

void EventLoop::run(const std::function<bool()>& end_of_round) {
  std::array<epoll_event, 256> events{};
  bool more = false;
  while (!quit_) {
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), events.size(), more ? 0 : wait_milliseconds());
    GPUVIGIL_ASSERT(count >= 0 || errno == EINTR);
    now_ = clock_.now();
    bool tasks = false;
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      auto* target = static_cast<EventTarget*>(event.data.ptr);
      if (target == nullptr) {
        tasks = true;
      } else {
        target->on_ready(event.events);
      }
    }
    if (tasks) run_tasks();
    run_timers();
    more = end_of_round();
  }
}

}  // namespace gpuvigil
