// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "early_child.h"
#include "gpuvigil/gpuvigil.h"
#include "testing_server.h"

#if defined(__SANITIZE_THREAD__)
// Children of these tests start threads, which is what the client does after a fork.
extern "C" const char* __tsan_default_options() {  // NOLINT(bugprone-reserved-identifier)
  return "die_after_fork=0";
}
#endif

namespace gpuvigil {
namespace {

using testing::EarlyChild;
using testing::Folder;
using ::testing::HasSubstr;
using testing::kPatienceMs;
using testing::LiveProfile;

constexpr unsigned kPatience = kPatienceMs;

gpuvigil_client* open_at(const std::string& path) {
  const gpuvigil_options options{sizeof(gpuvigil_options), path.c_str()};
  return gpuvigil_open(&options);
}

/// The client opened towards a place of our own; closed with the test.
class ClientTest : public ::testing::Test {
 protected:
  ~ClientTest() override { gpuvigil_close(client_); }

  gpuvigil_client* open() const { return open_at(path_); }
  [[nodiscard]] std::string why() const {
    std::array<char, 200> text{};
    (void)gpuvigil_get_state(client_, text.data(), text.size());
    return text.data();
  }
  /// Runs in a child, which ends with what it returns.
  static int in_child(const std::function<int()>& work) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work());
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  const Folder folder_;
  const std::string path_ = folder_ / "agent.sock";
  std::optional<LiveProfile> server_{std::in_place, path_};
  gpuvigil_client* client_ = open();
};

TEST_F(ClientTest, CountsOfAllThreadsArriveExactly) {
  constexpr std::uint64_t kRecords = 20'000;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      gpuvigil_handle* const own = gpuvigil_kernel(client_, ("own" + std::to_string(t)).c_str(), 0);
      gpuvigil_handle* const all = gpuvigil_kernel(client_, "all", 1);
      for (std::uint64_t i = 1; i <= kRecords; ++i) {
        gpuvigil_record(own, i, GPUVIGIL_NO_MEMORY);
        gpuvigil_record(all, 1000 + t * i, i);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(gpuvigil_flush(client_, kPatience), 0) << why();
  const auto frame = server_->frame_with_calls(8 * kRecords);
  const auto sum = [](std::uint64_t n) { return n * (n + 1) / 2; };
  for (int t = 0; t < 4; ++t) {
    const KernelCounters own = LiveProfile::row_of(*frame, "own" + std::to_string(t)).counters;
    EXPECT_EQ(own.calls, kRecords);
    EXPECT_EQ(own.sum_ns, sum(kRecords));
    EXPECT_EQ(own.min_ns, 1U);
    EXPECT_EQ(own.max_ns, kRecords);
    EXPECT_EQ(own.memory_calls, 0U);
  }
  const KernelCounters all = LiveProfile::row_of(*frame, "all").counters;
  EXPECT_EQ(all.calls, 4 * kRecords);
  EXPECT_EQ(all.sum_ns, 4 * kRecords * 1000 + 6 * sum(kRecords));
  EXPECT_EQ(all.min_ns, 1000U);
  EXPECT_EQ(all.max_ns, 1000 + 3 * kRecords);
  EXPECT_EQ(all.memory_bytes, 4 * sum(kRecords));
  EXPECT_EQ(frame->devices.size(), 2U);
  EXPECT_FALSE(frame->recent.empty());
  EXPECT_EQ(frame->losses.dropped_executions(), 0U);
}

TEST_F(ClientTest, ARestartOfTheServerCountsNothingTwiceAndLosesNothing) {
  gpuvigil_handle* const kernel = gpuvigil_kernel(client_, "restarted", 0);
  for (int i = 0; i < 100; ++i) gpuvigil_record(kernel, 10, GPUVIGIL_NO_MEMORY);
  ASSERT_EQ(gpuvigil_flush(client_, kPatience), 0);
  EXPECT_EQ(LiveProfile::calls_of(*server_->frame_with_calls(100)), 100U);

  server_.reset();
  while (gpuvigil_get_state(client_, nullptr, 0) == GPUVIGIL_CONNECTED) ::poll(nullptr, 0, 10);
  for (int i = 0; i < 20; ++i) gpuvigil_record(kernel, 30, GPUVIGIL_NO_MEMORY);
  EXPECT_EQ(gpuvigil_flush(client_, 10), -1);
  EXPECT_THAT(why(), HasSubstr("no server answers at " + path_));

  server_.emplace(path_);
  gpuvigil_record(kernel, 7, GPUVIGIL_NO_MEMORY);
  ASSERT_EQ(gpuvigil_flush(client_, kPatience), 0) << why();
  const KernelCounters after =
      LiveProfile::row_of(*server_->frame_with_calls(21), "restarted").counters;
  EXPECT_EQ(after.calls, 21U);
  EXPECT_EQ(after.sum_ns, 607U);
  EXPECT_EQ(after.min_ns, 7U);  // of what this server was told, to the nanosecond
  EXPECT_EQ(after.max_ns, 30U);
}

TEST_F(ClientTest, WhatIsRecordedWhileNothingIsOpenIsHandedOverByTheNext) {
  gpuvigil_handle* const kernel = gpuvigil_kernel(client_, "between", 0);
  gpuvigil_record(kernel, 10, GPUVIGIL_NO_MEMORY);
  ASSERT_EQ(gpuvigil_flush(client_, kPatience), 0);
  gpuvigil_close(client_);
  EXPECT_THAT(why(), HasSubstr("closed"));
  gpuvigil_record(kernel, 20, GPUVIGIL_NO_MEMORY);
  EXPECT_EQ(gpuvigil_flush(client_, kPatience), -1);
  EXPECT_EQ(open(), client_);
  ASSERT_EQ(gpuvigil_flush(client_, kPatience), 0);
  EXPECT_EQ(LiveProfile::row_of(*server_->frame_with_calls(2), "between").counters.sum_ns, 30U);
}

TEST_F(ClientTest, BadArgumentsAreRefusedAndCounted) {
  const auto f = [&](const char* name, unsigned device) {
    errno = 0;
    EXPECT_EQ(gpuvigil_kernel(client_, name, device), nullptr);
    EXPECT_EQ(errno, EINVAL);
  };
  f(nullptr, 0);
  f("", 0);
  f(std::string(8193, 'x').c_str(), 0);
  f("k", 64);
  EXPECT_EQ(gpuvigil_device(client_, 5, "", nullptr), -1);
  EXPECT_EQ(gpuvigil_device(client_, 64, "GPU-1", nullptr), -1);
  EXPECT_EQ(gpuvigil_device(client_, 5, std::string(64, 'x').c_str(), nullptr), -1);
  EXPECT_EQ(gpuvigil_device(client_, 5, "GPU-55", "H100"), 0);
  EXPECT_EQ(gpuvigil_device(client_, 5, "GPU-56", nullptr), -1);
  EXPECT_EQ(errno, EBUSY);

  gpuvigil_handle* const kernel = gpuvigil_kernel(client_, "good", 5);
  gpuvigil_record(nullptr, 1, GPUVIGIL_NO_MEMORY);
  gpuvigil_record(kernel, std::uint64_t{1} << 50U, GPUVIGIL_NO_MEMORY);
  gpuvigil_record(kernel, 1, std::uint64_t{1} << 50U);
  gpuvigil_record(kernel, (std::uint64_t{1} << 50U) - 1, 0);
  ASSERT_EQ(gpuvigil_flush(client_, kPatience), 0);
  const auto frame = server_->frame_with_calls(1);
  EXPECT_EQ(frame->losses[Loss::kExecutionsRefused], 3U);
  EXPECT_EQ(LiveProfile::row_of(*frame, "good").counters.sum_ns, (std::uint64_t{1} << 50U) - 1);
  bool found = false;
  for (const DeviceRow& device : frame->devices) found |= device.info->uuid == "GPU-55";
  EXPECT_TRUE(found);
}

TEST(Client, WhatHasNoRoomCountsUnderOtherAndTotalsStayExact) {
  constexpr std::uint64_t kKernels = 3000;
  const Folder folder;
  const std::string path = folder / "agent.sock";
  // In a child, whose table of kernels is its own.
  EarlyChild child([&] {
    gpuvigil_client* const client = open_at(path);
    for (std::uint64_t i = 0; i < kKernels; ++i) {
      const std::string name = "many" + std::to_string(i);
      gpuvigil_handle* const kernel = gpuvigil_kernel(client, name.c_str(), 2);
      // Far apart, so that the pages of sketches run out before the kernels do.
      for (const std::uint64_t ns : {10U, 10'000U, 10'000'000U}) {
        gpuvigil_record(kernel, ns, GPUVIGIL_NO_MEMORY);
      }
    }
    ::_exit(gpuvigil_flush(client, kPatience));
  });
  LiveProfile server(path);
  EXPECT_EQ(child.finish(), 0);
  const auto frame = server.frame_with_calls(3 * kKernels);
  std::uint64_t calls = 0;
  std::uint64_t sum = 0;
  for (const KernelRow& row : frame->kernels) {
    calls += row.counters.calls;
    sum += row.counters.sum_ns;
  }
  EXPECT_EQ(calls, 3 * kKernels);
  EXPECT_EQ(sum, kKernels * 10'010'010);
  EXPECT_GT(frame->kernels.size(), 400U);
  const std::uint64_t other = LiveProfile::row_of(*frame, kOtherName).counters.calls;
  EXPECT_GT(other, 3 * kKernels / 2);
  EXPECT_EQ(frame->losses[Loss::kExecutionsToOther], other);
}

TEST_F(ClientTest, AForkedChildIsSilentUntilItOpens) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "TSan ends a forked child that starts a thread where its parent had one";
#endif
  gpuvigil_handle* const kernel = gpuvigil_kernel(client_, "forked", 0);
  gpuvigil_record(kernel, 10, GPUVIGIL_NO_MEMORY);
  ASSERT_EQ(gpuvigil_flush(client_, kPatience), 0);
  server_->frame_with_calls(1);
  EXPECT_EQ(in_child([&] {
              gpuvigil_record(kernel, 1000, GPUVIGIL_NO_MEMORY);
              if (gpuvigil_get_state(client_, nullptr, 0) != GPUVIGIL_OFF) return 1;
              if (gpuvigil_flush(client_, 1000) != -1) return 2;
              gpuvigil_close(client_);
              return 0;
            }),
            0);
  EXPECT_EQ(in_child([&] {
              open();
              gpuvigil_record(kernel, 500, GPUVIGIL_NO_MEMORY);
              const int flushed = gpuvigil_flush(client_, kPatience);
              gpuvigil_close(client_);
              return flushed == 0 ? 0 : 1;
            }),
            0);
  gpuvigil_record(kernel, 20, GPUVIGIL_NO_MEMORY);
  ASSERT_EQ(gpuvigil_flush(client_, kPatience), 0);
  const KernelCounters all = LiveProfile::row_of(*server_->frame_with_calls(3), "forked").counters;
  EXPECT_EQ(all.calls, 3U);
  EXPECT_EQ(all.sum_ns, 530U);
  EXPECT_EQ(server_->stats().attached, 2U);
}

TEST_F(ClientTest, AChildOfAProgramThatIsStillConnectingInheritsNothingAndAttaches) {
  constexpr std::uint64_t kForks = 100;
  const std::string command = fmt::format("{} {} {}", GPUVIGIL_FORKER, path_, kForks);
  ASSERT_EQ(std::system(command.c_str()), 0);
  const auto frame = server_->frame_with_calls(kForks);
  EXPECT_EQ(LiveProfile::row_of(*frame, "early").counters.calls, kForks);
}

TEST_F(ClientTest, ForksWhileThreadsRecordNeverHang) {
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; !done; ++i) {
        gpuvigil_record(gpuvigil_kernel(client_, ("f" + std::to_string(i % 50)).c_str(), 0), 10,
                        GPUVIGIL_NO_MEMORY);
        if (i % 100 == t) (void)gpuvigil_flush(client_, 1);
      }
    });
  }
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(in_child([&] {
                ::alarm(30);
                gpuvigil_record(gpuvigil_kernel(client_, "child", 0), 1, GPUVIGIL_NO_MEMORY);
                return 0;
              }),
              0);
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
}

TEST(Client, AProgramThatIsKilledLosesOnlyWhatWasNotPublished) {
  const Folder folder;
  const std::string path = folder / "agent.sock";
  EarlyChild child([&] {
    gpuvigil_client* const client = open_at(path);
    gpuvigil_handle* const kernel = gpuvigil_kernel(client, "killed", 0);
    for (int i = 0; i < 1000; ++i) gpuvigil_record(kernel, 10, GPUVIGIL_NO_MEMORY);
    if (gpuvigil_flush(client, kPatience) == 0) ::raise(SIGKILL);
    ::_exit(1);
  });
  LiveProfile server(path);
  EXPECT_EQ(child.finish(), -SIGKILL);
  EXPECT_EQ(LiveProfile::row_of(*server.frame_with_calls(1000), "killed").counters.calls, 1000U);
}

TEST_F(ClientTest, ThreadsThatComeAndGoShareShards) {
  gpuvigil_handle* const kernel = gpuvigil_kernel(client_, "threads", 0);
  for (int round = 0; round < 40; ++round) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 10; ++t) {
      threads.emplace_back([&] { gpuvigil_record(kernel, 10, GPUVIGIL_NO_MEMORY); });
    }
    for (std::thread& thread : threads) thread.join();
  }
  ASSERT_EQ(gpuvigil_flush(client_, kPatience), 0);
  EXPECT_EQ(LiveProfile::row_of(*server_->frame_with_calls(400), "threads").counters.calls, 400U);
}

TEST_F(ClientTest, OpenAndCloseFromManyThreadsAgree) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) {
        gpuvigil_client* const client = open();
        gpuvigil_record(gpuvigil_kernel(client, "opened", 0), 10, GPUVIGIL_NO_MEMORY);
        gpuvigil_close(client);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(gpuvigil_flush(client_, kPatience), 0) << why();
  EXPECT_EQ(LiveProfile::row_of(*server_->frame_with_calls(20), "opened").counters.calls, 20U);
}

TEST_F(ClientTest, NewestExecutionsAreListedWithTheirMemory) {
  gpuvigil_handle* const kernel = gpuvigil_kernel(client_, "listed", 0);
  gpuvigil_record(kernel, 10, GPUVIGIL_NO_MEMORY);
  gpuvigil_record(kernel, 20, 4096);
  ASSERT_EQ(gpuvigil_flush(client_, kPatience), 0);
  const auto frame = server_->frame_with_calls(2);
  ASSERT_GE(frame->recent.size(), 2U);
  EXPECT_EQ(frame->recent[0].duration, Duration(20));
  EXPECT_EQ(frame->recent[0].memory, Bytes(4096));
  EXPECT_EQ(frame->recent[1].memory, std::nullopt);
}

}  // namespace
}  // namespace gpuvigil
