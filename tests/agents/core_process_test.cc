// SPDX-License-Identifier: Apache-2.0
//
// An agent's core in processes of their own, against the server that reads it.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

extern "C" {
#include "agent.h"
}
#include "early_child.h"
#include "profile/agent_socket.h"
#include "profile/segment_reader.h"
#include "testing_server.h"

#if defined(__SANITIZE_THREAD__)
// Each agent is in a child, where it starts its thread.
extern "C" const char* __tsan_default_options() {  // NOLINT(bugprone-reserved-identifier)
  return "die_after_fork=0";
}
#endif

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using testing::EarlyChild;
using testing::Folder;
using testing::LiveProfile;

constexpr std::uint32_t kEverything = GPUVIGIL_SEGMENT_HAS_BUSY | GPUVIGIL_SEGMENT_HAS_SHAPES |
                                      GPUVIGIL_SEGMENT_HAS_STREAMS | GPUVIGIL_SEGMENT_HAS_MEMORY |
                                      GPUVIGIL_SEGMENT_HAS_UNTIMED;
constexpr agent_plan kPlan{.writer = "cuda", .features = kEverything, .flush_ms = 250};

/// Runs an agent in a child, as there is one a process; what the server then knows is looked at.
class AgentCoreTest : public ::testing::Test {
 protected:
  /// The child's exit code; once a test. The server is there when the child begins.
  int in_child(const std::function<void()>& work) {
    EarlyChild child([&] {
      ::setenv("GPUVIGIL_SOCKET", path_.c_str(), 1);
      ::unsetenv("GPUVIGIL_AGENT");
      work();
    });
    server_.emplace(path_);
    return child.finish();
  }

  const Folder folder_;
  const std::string path_ = folder_ / "agent.sock";
  std::optional<LiveProfile> server_;
};

/// Waits until all threads but this one sleep, so that none of them holds a lock of a sanitizer,
/// which knows nothing of fork(): a thread that starts allocates.
void let_others_sleep() {
  const auto is_asleep = [](const std::filesystem::path& thread) {
    if (thread.filename() == std::to_string(::gettid())) return true;
    std::ifstream file(thread / "stat");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const std::size_t name_end = text.rfind(") ");
    return name_end == std::string::npos || text[name_end + 2] == 'S';
  };
  for (int quiet = 0; quiet < 5;) {
    const std::filesystem::directory_iterator threads("/proc/self/task");
    quiet = std::ranges::all_of(threads, is_asleep) ? quiet + 1 : 0;
    ::poll(nullptr, 0, 10);
  }
}

/// Counts under one lock as many as a buffer of a driver holds.
void count(std::uint32_t series, std::uint32_t device, int calls, std::uint64_t start,
           std::uint64_t length) {
  constexpr agent_shape kShape{.grid = {8, 1, 1}, .block = {128, 1, 1}};
  agent_hold();
  for (int i = 0; i < calls; ++i) {
    const agent_execution one{.series = series,
                              .device = device,
                              .kind = GPUVIGIL_KIND_COMPUTE,
                              .stream = 7,
                              .start_ns = start,
                              .end_ns = start + length,
                              .shape = &kShape,
                              .is_detail = true};
    agent_count(&one);
  }
  agent_release();
}

TEST_F(AgentCoreTest, WhatIsCountedArrivesWithTheLastFlush) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "TSan ends a forked child that starts a thread where its parent had one";
#endif
  EXPECT_EQ(in_child([] {
              if (!agent_start(&kPlan) || agent_start(&kPlan)) std::_Exit(1);
              const std::uint32_t device = agent_device(0, "GPU-12", "H100");
              const std::uint32_t other = agent_device(5, "", "");
              if (device != 0 || other != 1 || agent_device(0, "GPU-12", "H100") != 0) {
                std::_Exit(2);
              }
              const std::uint32_t gemm = agent_series("gemm", GPUVIGIL_KIND_COMPUTE, 0);
              const std::uint32_t copy = agent_series("gemm", GPUVIGIL_KIND_MEMCPY, 0);
              if (gemm == copy || agent_series("gemm", GPUVIGIL_KIND_COMPUTE, 0) != gemm) {
                std::_Exit(3);
              }
              const std::uint64_t now = agent_now();
              std::vector<std::thread> threads;
              for (int t = 0; t < 4; ++t) {
                threads.emplace_back([&] { count(gemm, device, 1000, now - 5000, 300); });
              }
              for (std::thread& thread : threads) thread.join();
              count(copy, device, 10, now - 9000, 50);
              count(gemm, device, 1, 0, 0);            // no times
              count(AGENT_NONE, device, 3, now, 100);  // no room
            }),
            0);
  const auto frame = server_->frame_with_calls(4010);
  std::uint64_t kernels = 0;
  std::uint64_t copies = 0;
  for (const KernelRow& row : frame->kernels) {
    if (row.name->name != "gemm") continue;
    (row.kind == KernelKind::kMemcpy ? copies : kernels) += row.counters.calls;
    if (row.kind == KernelKind::kCompute) {
      EXPECT_EQ(row.counters.sum_ns, 4000U * 300);
    }
  }
  EXPECT_EQ(kernels, 4000U);
  EXPECT_EQ(copies, 10U);
  EXPECT_EQ(frame->losses[Loss::kExecutionsUncounted], 4U);  // without times, and without room
  EXPECT_EQ(frame->devices.at(0).info->uuid, "GPU-12");
  EXPECT_EQ(frame->devices.at(0).info->source, "cuda");
}

TEST(AgentCoreTrace, LastsAsLongAsAServerAsksAndNoLonger) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "TSan ends a forked child that starts a thread where its parent had one";
#endif
  const Folder folder;
  const std::string path = folder / "agent.sock";
  // Before the server has its thread, whose locks nobody would let go of in the child.
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("GPUVIGIL_SOCKET", path.c_str(), 1);
    ::alarm(60);
    if (!agent_start(&kPlan)) std::_Exit(1);
    const std::uint32_t device = agent_device(0, "GPU-12", "H100");
    const std::uint32_t gemm = agent_series("gemm", GPUVIGIL_KIND_COMPUTE, 0);
    while (true) {  // a thousand about every 10 ms
      count(gemm, device, 1000, agent_now() - 5000, 300);
      agent_count_untimed(gemm, 1);
      ::poll(nullptr, 0, 10);
    }
  }
  LiveProfile server(path);
  server.frame_with_calls(1);
  for (int round = 0; round < 2; ++round) {
    std::promise<Tracer::Outcome> promise;
    server.tracer().trace(
        {.pid = static_cast<std::uint32_t>(child), .duration = 300ms, .max_events = 250'000},
        {.is_waiting = [] { return true; },
         .done = [&](Tracer::Outcome outcome) { promise.set_value(std::move(outcome)); }});
    const auto outcome = promise.get_future().get();
    ASSERT_TRUE(outcome) << outcome.error().why;
    EXPECT_TRUE(outcome->is_complete);
    EXPECT_EQ(outcome->overwritten + outcome->over_limit + outcome->lost + outcome->unreadable, 0U);
    EXPECT_GT(outcome->untimed, 0U);
    const ExecutionTrace& data = outcome->data;
    ASSERT_GT(data.events.size(), 1000U);
    EXPECT_EQ(data.series.at(0).name, "gemm");
    const auto [first, last] = std::ranges::minmax(data.events, {}, [](const auto& e) {
      return e.start_ns + static_cast<std::int64_t>(e.duration_ns);
    });
    EXPECT_LT(last.start_ns - first.start_ns, 300'000'000);
    EXPECT_EQ(data.details.at(0).stream, 7U);
    EXPECT_EQ(data.details.at(0).block[0], 128U);
    // What was shared for it is given back.
    const std::string maps = "/proc/" + std::to_string(child) + "/maps";
    std::ifstream file(maps);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    EXPECT_NE(text.find("memfd:gpuvigil"), std::string::npos);
    EXPECT_EQ(text.find("memfd:trace:gpuvigil"), std::string::npos);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_F(AgentCoreTest, AFlushThatHangsHoldsTheProgramUpForTwoSeconds) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "TSan ends a forked child that starts a thread where its parent had one";
#endif
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(in_child([] {
              static constexpr agent_plan kHanging{.writer = "cuda",
                                                   .features = kEverything,
                                                   .flush =
                                                       [](bool is_last) {
                                                         if (is_last) ::poll(nullptr, 0, 60'000);
                                                       },
                                                   .flush_ms = 250};
              if (!agent_start(&kHanging)) std::_Exit(1);
            }),
            0);
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_GE(took, std::chrono::milliseconds(1900));
  EXPECT_LT(took, std::chrono::seconds(20));
}

TEST_F(AgentCoreTest, AChildOfAWatchedProgramIsSilent) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "TSan ends a forked child that starts a thread where its parent had one";
#endif
  EXPECT_EQ(in_child([this] {
              if (!agent_start(&kPlan)) std::_Exit(1);
              const std::uint32_t device = agent_device(0, "GPU-12", "");
              const std::uint32_t series = agent_series("k", GPUVIGIL_KIND_COMPUTE, 0);
              count(series, device, 5, agent_now() - 1000, 10);
              let_others_sleep();
              agent_hold();  // as if another thread were counting
              EarlyChild forked([] {
                if (agent_is_on() || agent_start(&kPlan)) std::_Exit(1);
              });
              if (forked.finish() != 0) std::_Exit(2);
              agent_release();
              count(series, device, 5, agent_now() - 1000, 10);
            }),
            0);
  EXPECT_EQ(LiveProfile::row_of(*server_->frame_with_calls(10), "k").counters.calls, 10U);
  EXPECT_EQ(server_->stats().attached, 1U);
}

TEST_F(AgentCoreTest, TheEnvironmentSwitchesItOff) {
  EXPECT_EQ(in_child([] {
              ::setenv("GPUVIGIL_AGENT", "off", 1);
              if (agent_is_wanted() || agent_start(&kPlan) || agent_is_on()) std::_Exit(1);
            }),
            0);
  EXPECT_EQ(server_->stats().attached, 0U);
}

/// What of an agent in a child its segment tells in the end.
SegmentDelta told_by(const std::function<void()>& work) {
  const Folder folder;
  const std::string path = folder / "agent.sock";
  auto socket = AgentSocket::open(path);
  EXPECT_TRUE(socket) << socket.error().message;
  EarlyChild child([&] {
    ::setenv("GPUVIGIL_SOCKET", path.c_str(), 1);
    work();
  });
  EXPECT_EQ(child.finish(), 0);
  auto peer = socket->accept();
  EXPECT_TRUE(peer && *peer);
  auto memory = receive_segment((*peer)->socket.get());
  EXPECT_TRUE(memory && *memory) << (memory ? "" : memory.error().message);
  auto reader = SegmentReader::open((*memory)->bytes());
  EXPECT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(reader->writer(), "cuda");
  const SegmentTime time{.now = SystemClock().now(), .monotonic_now_ns = agent_now()};
  auto delta = reader->read((*memory)->bytes(), time, true);
  EXPECT_TRUE(delta) << delta.error().message;
  return *std::move(delta);
}

TEST(AgentCore, TellsEverythingThatTheLayoutHasRoomFor) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "TSan ends a forked child that starts a thread where its parent had one";
#endif
  const SegmentDelta delta = told_by([] {
    if (!agent_start(&kPlan)) std::_Exit(1);
    const std::uint32_t device = agent_device(3, "GPU-12", "H100");
    const std::uint32_t series = agent_series("gemm", GPUVIGIL_KIND_COMPUTE, 3);
    const std::uint64_t now = agent_now();
    timespec wall{};
    clock_gettime(CLOCK_REALTIME, &wall);
    const auto wall_ns = static_cast<std::uint64_t>(wall.tv_sec) * 1'000'000'000U +
                         static_cast<std::uint64_t>(wall.tv_nsec);
    if (agent_from_realtime(wall_ns) - now > 1'000'000'000U || agent_from_realtime(0) != 0) {
      std::_Exit(2);
    }
    count(series, device, 20, now - 5000, 300);  // all at the same time
    count(series, device, 1, now - 4000, 100);
    agent_count_untimed(series, 6);
    agent_hold();
    agent_memory(device, 4096, 100, 50);
    agent_memory(device, 1024, 90, 40);
    // More shapes of a row, and more streams, than are kept apart.
    for (std::uint32_t i = 1; i <= 600; ++i) {
      const agent_shape shape{.grid = {i, 1, 1}, .block = {32, 1, 1}};
      const agent_execution one{.series = series,
                                .device = device,
                                .kind = GPUVIGIL_KIND_COMPUTE,
                                .stream = 100 + i,
                                .start_ns = now - 1000,
                                .end_ns = now - 990,
                                .shape = &shape,
                                .is_detail = true};
      agent_count(&one);
    }
    agent_release();
    agent_covered(now);
    agent_runtime("CUPTI 130001");
    agent_blind(GPUVIGIL_BLIND_PROFILER);
    agent_spent(1'000'000);
  });
  ASSERT_EQ(delta.shapes.size(), 17U);  // 16 of the row, and the rest
  EXPECT_FALSE(delta.shapes[0].row);
  EXPECT_EQ(delta.shapes[0].calls, 600U - 15U);
  EXPECT_EQ(delta.shapes[1].calls, 21U);
  EXPECT_EQ(delta.shapes[1].sum_ns, 6100U);
  EXPECT_EQ(delta.shapes[1].grid[0], 8U);
  EXPECT_EQ(delta.shapes[1].block[0], 128U);
  ASSERT_EQ(delta.streams.size(), 256U);
  EXPECT_EQ(delta.streams[0].calls, 600U - 254U);
  EXPECT_EQ(delta.streams[1].stream, 7U);
  EXPECT_EQ(delta.streams[1].calls, 21U);
  ASSERT_EQ(delta.busy.size(), 1U);
  EXPECT_EQ(delta.busy[0].kernels, Duration(410));
  EXPECT_EQ(delta.busy[0].all, Duration(410));
  ASSERT_EQ(delta.untimed.size(), 1U);
  EXPECT_EQ(delta.untimed[0].calls, 6U);
  ASSERT_EQ(delta.memories.size(), 1U);
  EXPECT_EQ(delta.memories[0].allocated, Bytes(1024));
  EXPECT_EQ(delta.memories[0].peak, Bytes(4096));
  EXPECT_EQ(delta.memories[0].pool_reserved, Bytes(90));
  ASSERT_TRUE(delta.status);
  EXPECT_EQ(delta.status->runtime, "CUPTI 130001");
  EXPECT_EQ(delta.status->blindness, Blindness::kProfiler);
  EXPECT_EQ(delta.status->detail, Detail::kFull);
  EXPECT_GT(delta.status->cost, Duration(1'000'000));
}

}  // namespace
}  // namespace gpuvigil
