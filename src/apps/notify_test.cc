// SPDX-License-Identifier: Apache-2.0
#include "apps/notify.h"

#include <array>
#include <cstddef>
#include <filesystem>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/live_server.h"
#include "engine/engine.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kStart = from_unix_ns(1'700'000'000'000'000'000);

/// A service manager's end of the socket.
class FakeManager {
 public:
  /// `name` as NOTIFY_SOCKET has it.
  explicit FakeManager(std::string name) : name_(std::move(name)) {
    socket_ = UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(name_.begin(), name_.end(), address.sun_path);
    const bool is_abstract = name_.front() == '@';
    if (is_abstract) address.sun_path[0] = '\0';
    const auto size = offsetof(sockaddr_un, sun_path) + name_.size() + (is_abstract ? 0 : 1);
    const auto* target = static_cast<const sockaddr*>(static_cast<const void*>(&address));
    EXPECT_EQ(::bind(socket_.get(), target, static_cast<socklen_t>(size)), 0) << name_;
  }
  ~FakeManager() {
    if (name_.front() == '/') std::filesystem::remove(name_);
  }
  FakeManager(const FakeManager&) = delete;
  FakeManager& operator=(const FakeManager&) = delete;

  /// The next message that is there; empty: none.
  [[nodiscard]] std::string next() const {
    std::array<char, 4096> text{};
    const ssize_t size = ::recv(socket_.get(), text.data(), text.size(), 0);
    return size <= 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(size));
  }
  [[nodiscard]] NotifyEnvironment environment() const {
    return {.socket = name_, .watchdog_usec = {}, .watchdog_pid = {}};
  }

 private:
  std::string name_;
  UniqueFd socket_;
};

std::string path_name() {
  return (std::filesystem::temp_directory_path() / fmt::format("notify.{}", ::getpid())).string();
}

TEST(ServiceNotifier, WithoutAManagerItSaysNothing) {
  auto notifier = ServiceNotifier::open({.socket = {}, .watchdog_usec = "5", .watchdog_pid = {}});
  ASSERT_TRUE(notifier);
  EXPECT_FALSE(notifier->is_connected());
  EXPECT_FALSE(notifier->send("READY=1"));
  EXPECT_EQ(notifier->watchdog(), 0s);
}

TEST(ServiceNotifier, SpeaksToAPathAndToAnAbstractName) {
  for (const std::string& name : {path_name(), fmt::format("@gpuvigil-test-{}", ::getpid())}) {
    const FakeManager manager(name);
    auto notifier = ServiceNotifier::open(manager.environment());
    ASSERT_TRUE(notifier) << notifier.error().message;
    EXPECT_TRUE(notifier->send("READY=1\nSTATUS=here"));
    EXPECT_EQ(manager.next(), "READY=1\nSTATUS=here");
    EXPECT_EQ(manager.next(), "");
  }
}

TEST(ServiceNotifier, AManagerThatDoesNotReadMakesNobodyWait) {
  const FakeManager manager(path_name());
  auto notifier = ServiceNotifier::open(manager.environment());
  ASSERT_TRUE(notifier);
  int taken = 0;
  while (taken < 100'000 && notifier->send("WATCHDOG=1")) ++taken;
  EXPECT_LT(taken, 100'000);
  EXPECT_EQ(manager.next(), "WATCHDOG=1");
  EXPECT_TRUE(notifier->send("WATCHDOG=1"));
}

TEST(ServiceNotifier, ANameThatCannotBeOneIsTold) {
  const auto f = [](const std::string& name, Errc want) {
    const auto notifier =
        ServiceNotifier::open({.socket = name, .watchdog_usec = {}, .watchdog_pid = {}});
    ASSERT_FALSE(notifier) << name;
    EXPECT_EQ(notifier.error().code, want) << notifier.error().message;
  };
  f("relative/socket", Errc::kInvalidArgument);
  f("vsock:2:1234", Errc::kInvalidArgument);
  f("/" + std::string(107, 'x'), Errc::kInvalidArgument);
  f("/nonexistent/socket", Errc::kUnavailable);
  f("@nobody-listens-here", Errc::kUnavailable);
}

TEST(ServiceNotifier, TheWatchdogIsThatOfTheProcessItNames) {
  const FakeManager manager(path_name());
  const auto f = [&](std::string usec, std::string pid, Duration want) {
    const auto notifier = ServiceNotifier::open(
        {.socket = manager.environment().socket, .watchdog_usec = usec, .watchdog_pid = pid});
    ASSERT_TRUE(notifier) << usec;
    EXPECT_EQ(notifier->watchdog(), want) << usec << ' ' << pid;
  };
  f("", "", 0s);
  f("30000000", "", 30s);
  f("30000000", std::to_string(::getpid()), 30s);
  f("30000000", "1", 0s);
  f("30000000", "x", 0s);
  for (const auto* wrong : {"0", "-1", "x", "1s", "99999999999999999999"}) {
    EXPECT_FALSE(ServiceNotifier::open(
        {.socket = manager.environment().socket, .watchdog_usec = wrong, .watchdog_pid = {}}))
        << wrong;
  }
}

/// Engine and server as far as a watchdog sees them.
struct Signs {
  std::int64_t frame = 1;
  int requests = 0;
  bool takes_tasks = true;
  std::vector<std::function<void()>> tasks;
  Watchdog watchdog{30s,
                    kStart,
                    {.newest_frame = [this] { return frame; },
                     .request_frame = [this] { ++requests; },
                     .post =
                         [this](std::function<void()> task) {
                           if (takes_tasks) tasks.push_back(std::move(task));
                           return takes_tasks;
                         }}};

  void answer() {
    for (auto& task : std::exchange(tasks, {})) task();
  }
};

TEST(Watchdog, IsToldAtAboutHalfOfItsTime) {
  Signs signs;
  std::vector<int> told;
  for (int second = 1; second <= 60; ++second) {
    ++signs.frame;
    signs.answer();
    if (signs.watchdog.look(kStart + std::chrono::seconds(second))) told.push_back(second);
    EXPECT_EQ(signs.watchdog.concern(kStart + std::chrono::seconds(second)), "");
  }
  EXPECT_EQ(told, (std::vector<int>{13, 26, 39, 52}));
  EXPECT_EQ(signs.requests, 0);
  EXPECT_EQ(signs.watchdog.period(), 1s);
}

TEST(Watchdog, IsNotToldWhenOneOfThemHangs) {
  const auto f = [](bool engine, bool net, bool takes_tasks, std::string_view concern) {
    Signs signs;
    signs.takes_tasks = takes_tasks;
    for (int second = 1; second <= 100; ++second) {
      if (engine) ++signs.frame;
      if (net) signs.answer();
      EXPECT_FALSE(signs.watchdog.look(kStart + std::chrono::seconds(second)));
    }
    EXPECT_EQ(signs.watchdog.concern(kStart + 22s), "");
    EXPECT_NE(signs.watchdog.concern(kStart + 23s).find(concern), std::string_view::npos);
  };
  f(false, true, true, "engine closes no frames");
  f(true, false, true, "server does not answer");
  f(true, false, false, "neither");
  f(false, false, true, "neither");
}

TEST(Watchdog, ASignFromBeforeItWasAskedForIsNone) {
  Signs signs;
  for (int second = 1; second <= 12; ++second) {  // asked at 12 s
    ++signs.frame;
    signs.answer();
    EXPECT_FALSE(signs.watchdog.look(kStart + std::chrono::seconds(second)));
  }
  for (int second = 13; second <= 40; ++second) {
    EXPECT_FALSE(signs.watchdog.look(kStart + std::chrono::seconds(second)));
  }
}

TEST(Watchdog, ASlowTimelineIsAskedForAFrame) {
  Signs signs;
  bool told = false;
  for (int second = 1; second <= 20 && !told; ++second) {
    signs.answer();
    if (signs.requests > 0) ++signs.frame;
    told = signs.watchdog.look(kStart + std::chrono::seconds(second));
  }
  EXPECT_TRUE(told);
  EXPECT_EQ(signs.requests, 1);
}

TEST(Watchdog, AnEngineWhoseTimeStandsStillIsNotAlive) {
  ManualClock timeline(kStart);
  Engine engine({}, timeline);
  engine.start();
  const auto server = LiveServer::start(engine, {.http = {.port = 0}, .frame_period = 1s});
  ASSERT_TRUE(server) << server.error().message;
  Watchdog watchdog(10s, kStart,
                    {.newest_frame = [&] { return to_unix_ns(engine.frame()->edge); },
                     .request_frame = [&] { engine.request_peek(); },
                     .post = [&](auto task) { return (*server)->post(std::move(task)); }});
  Timestamp now = kStart + 4s;
  EXPECT_FALSE(watchdog.look(now));
  const auto wait_for_both = [&] {  // what was posted before is done when this is
    std::atomic<bool> done = false;
    ASSERT_TRUE((*server)->post([&] {
      done = true;
      done.notify_all();
    }));
    done.wait(false);
    static_cast<void>(engine.peek());
  };
  for (int i = 0; i < 20; ++i) {
    now += 500ms;
    EXPECT_FALSE(watchdog.look(now));
    wait_for_both();
  }
  EXPECT_EQ(watchdog.concern(now), "the engine closes no frames");
  timeline.advance(1s);
  wait_for_both();
  EXPECT_TRUE(watchdog.look(now));
  (*server)->stop(1s);
  engine.stop();
}

}  // namespace
}  // namespace gpuvigil
