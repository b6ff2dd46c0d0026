// SPDX-License-Identifier: Apache-2.0
//
// An agent in this very process, for the sanitizer of threads: there can be but one in a process,
// so this is the only test of its program.
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

extern "C" {
#include "agent.h"
}
#include "testing_server.h"

namespace gpuvigil {
namespace {

using testing::Folder;
using testing::LiveProfile;

constexpr int kRounds = 300;
constexpr int kBuffer = 20;

void count_as_a_driver_does(std::uint32_t device, std::uint32_t thread) {
  for (std::uint32_t i = 0; i < kRounds; ++i) {
    const std::string name = "kernel" + std::to_string(i % 40);
    const std::uint32_t series = agent_series(name.c_str(), GPUVIGIL_KIND_COMPUTE, 0);
    const agent_shape shape{.grid = {i, thread, 1}, .block = {64, 1, 1}};
    const std::uint64_t now = agent_now();
    agent_hold();
    for (int n = 0; n < kBuffer; ++n) {
      const agent_execution one{.series = series,
                                .device = device,
                                .kind = GPUVIGIL_KIND_COMPUTE,
                                .stream = thread,
                                .start_ns = now - 100,
                                .end_ns = now,
                                .shape = &shape,
                                .is_detail = true};
      agent_count(&one);
    }
    agent_memory(device, i, 0, 0);
    agent_release();
    agent_count_untimed(series, 1);
    agent_spent(10);
    agent_covered(now);
    std::uint32_t every = 0;
    EXPECT_LE(agent_detail(&every), GPUVIGIL_DETAIL_OFF);
    if (i % 100 == 0) agent_blind(i % 200 == 0 ? GPUVIGIL_BLIND_REFUSED : 0);
  }
}

TEST(AgentCoreThreads, CountsOfAllThreadsArriveExactly) {
  const Folder folder;
  const std::string path = folder / "agent.sock";
  LiveProfile server(path);
  ::setenv("GPUVIGIL_SOCKET", path.c_str(), 1);
  ::setenv("GPUVIGIL_BUDGET_PERCENT", "100", 1);
  static constexpr agent_plan kPlan{
      .writer = "cuda",
      .features = GPUVIGIL_SEGMENT_HAS_BUSY | GPUVIGIL_SEGMENT_HAS_SHAPES |
                  GPUVIGIL_SEGMENT_HAS_STREAMS | GPUVIGIL_SEGMENT_HAS_MEMORY |
                  GPUVIGIL_SEGMENT_HAS_UNTIMED,
      .flush = [](bool) { agent_covered(agent_now()); },
      .flush_ms = 250};
  ASSERT_TRUE(agent_start(&kPlan));
  const std::uint32_t device = agent_device(0, "GPU-1", "");
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([device, t] { count_as_a_driver_does(device, t); });
  }
  for (std::thread& thread : threads) thread.join();
  constexpr std::uint64_t kAll = std::uint64_t{4} * kRounds * kBuffer;
  EXPECT_EQ(LiveProfile::calls_of(*server.frame_with_calls(kAll)), kAll);
  agent_stop();
  EXPECT_FALSE(agent_is_on());
  agent_stop();  // once more is no harm
}

}  // namespace
}  // namespace gpuvigil
