// SPDX-License-Identifier: Apache-2.0
#include "apps/notify.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"

namespace gpuvigil {
namespace {

constexpr std::chrono::microseconds kMaxWatchdog = std::chrono::days(365);

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number <= 0) return std::nullopt;
  return number;
}

/// Zero where nobody watches this process.
Result<Duration> watchdog_time(const NotifyEnvironment& environment) {
  if (environment.watchdog_usec.empty()) return Duration::zero();
  const auto usec = whole_number(environment.watchdog_usec);
  if (!usec || *usec > kMaxWatchdog.count()) {
    return fail(Errc::kInvalidArgument,
                "WATCHDOG_USEC must be a number of microseconds, of a year at most");
  }
  // It may have been meant for the process that started us.
  if (!environment.watchdog_pid.empty() && whole_number(environment.watchdog_pid) != ::getpid()) {
    return Duration::zero();
  }
  return std::chrono::microseconds(*usec);
}

}  // namespace

NotifyEnvironment NotifyEnvironment::of_this_process() {
  return {.socket = variable("NOTIFY_SOCKET"),
          .watchdog_usec = variable("WATCHDOG_USEC"),
          .watchdog_pid = variable("WATCHDOG_PID")};
}

Result<ServiceNotifier> ServiceNotifier::open(const NotifyEnvironment& environment) {
  ServiceNotifier notifier;
  const std::string& name = environment.socket;
  if (name.empty()) return notifier;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool is_abstract = name.front() == '@';
  if ((!is_abstract && name.front() != '/') || name.size() >= sizeof address.sun_path) {
    return fail(Errc::kInvalidArgument,
                fmt::format("NOTIFY_SOCKET must be an absolute path or @NAME, not {}", name));
  }
  std::ranges::copy(name, address.sun_path);
  if (is_abstract) address.sun_path[0] = '\0';
  GPUVIGIL_TRY(notifier.watchdog_, watchdog_time(environment));

  notifier.socket_ = UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // An abstract name ends where the address does, a path at its NUL.
  const auto size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (is_abstract ? 0 : 1));
  const auto* target = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  if (!notifier.socket_ || ::connect(notifier.socket_.get(), target, size) != 0) {
    return fail(Errc::kUnavailable,
                fmt::format("NOTIFY_SOCKET {} cannot be reached: {}", name, std::strerror(errno)));
  }
  return notifier;
}

bool ServiceNotifier::send(std::string_view state) {
  if (!socket_) return false;
  return ::send(socket_.get(), state.data(), state.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(state.size());
}

Watchdog::Watchdog(Duration limit, Timestamp now, Parts parts)
    : limit_(limit),
      parts_(std::move(parts)),
      told_(now),
      answers_(std::make_shared<std::atomic<std::uint64_t>>(0)) {
  GPUVIGIL_ASSERT(limit > Duration::zero());
}

bool Watchdog::look(Timestamp now) {
  const Duration since = now - told_;
  if (since < limit_ * 2 / 5) return false;
  if (!is_asked_) {
    frame_when_asked_ = parts_.newest_frame();
    answers_when_asked_ = answers_->load();
    is_asked_ = parts_.post([answers = answers_] { answers->fetch_add(1); });
    return false;
  }
  // The next frame may be far: a slow replay.
  if (!engine_answered() && since >= limit_ / 2) parts_.request_frame();
  if (!engine_answered() || !net_answered()) return false;
  told_ = now;
  is_asked_ = false;
  return true;
}

bool Watchdog::engine_answered() const {
  return is_asked_ && parts_.newest_frame() != frame_when_asked_;
}

bool Watchdog::net_answered() const {
  return is_asked_ && answers_->load() != answers_when_asked_;
}

Duration Watchdog::period() const {
  return std::clamp<Duration>(limit_ / 10, std::chrono::milliseconds(10), std::chrono::seconds(1));
}

std::string_view Watchdog::concern(Timestamp now) const {
  if (now - told_ < limit_ * 3 / 4) return {};
  if (!engine_answered() && !net_answered()) return "neither engine nor server answers";
  return engine_answered() ? "the server does not answer" : "the engine closes no frames";
}

}  // namespace gpuvigil
