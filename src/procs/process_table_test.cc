// SPDX-License-Identifier: Apache-2.0
#include "procs/process_table.h"

#include <future>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/testing_tree.h"
#include "procs/testing_stat.h"

namespace gpuvigil {
namespace {

constexpr Timestamp kNoon = Timestamp(std::chrono::seconds(1'800'000'000));

/// Asks until `done` is true of the answer; each question goes to a thread that really runs.
template <class Done>
std::shared_ptr<const ProcessInfos> ask_until(ProcessTable& table, std::vector<std::uint32_t> pids,
                                              Done done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (;;) {
    auto infos = table.look_up(pids);
    if (done(*infos)) return infos;
    if (std::chrono::steady_clock::now() > end) {
      ADD_FAILURE() << "no such answer within a minute";
      return infos;
    }
    std::this_thread::yield();
  }
}

/// A table over a tree, on a clock that a test moves.
struct Table {
  testing::Tree tree;
  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>(kNoon);
  std::unique_ptr<ProcessTable> table;

  void start(UserNames::Ask user_name = [](auto) { return "ada"; }) {
    auto started = ProcessTable::start(
        {.paths = {.proc = tree.path("proc"), .container_logs = tree.path("logs")},
         .user_name = std::move(user_name),
         .period = std::chrono::milliseconds(1)},
        clock);
    ASSERT_TRUE(started);
    table = *std::move(started);
  }
  void process(std::uint32_t pid, const std::string& name, std::uint64_t ticks = 1) const {
    tree.write(fmt::format("proc/{}/status", pid), "Uid:\t1\t1\t1\t1\n");
    tree.write(fmt::format("proc/{}/stat", pid), testing::stat_line(pid, name, ticks));
  }
};

TEST(ProcessTable, KnowsNobodyBeforeItWasAsked) {
  Table test;
  test.start();
  EXPECT_TRUE(test.table->look_up({})->empty());
}

TEST(ProcessTable, LooksAtNewProcessesThoughTheClockStands) {
  Table test;
  test.process(1, "a");
  test.process(2, "b");
  test.start();
  ask_until(*test.table, {1}, [](const auto& infos) { return infos.contains(1); });
  const auto infos = ask_until(*test.table, {1, 2}, [](const auto& all) {
    return all.contains(2) && all.at(2)->user == "ada";
  });
  EXPECT_EQ(infos->at(2)->name, "b");
}

TEST(ProcessTable, LooksAgainEveryPeriod) {
  Table test;
  test.process(1, "a", 5);
  test.start();
  ask_until(*test.table, {1}, [](const auto& infos) { return infos.contains(1); });
  test.process(1, "a", 6);
  test.clock->advance(std::chrono::seconds(2));
  ask_until(*test.table, {1}, [](const auto& infos) { return infos.at(1)->key.start_ticks == 6; });
  test.tree.remove("proc/1");
  test.clock->advance(std::chrono::seconds(2));
  ask_until(*test.table, {1}, [](const auto& infos) { return infos.empty(); });
}

TEST(ProcessTable, LeavesOutAndCountsWhatIsTooMany) {
  Table test;
  test.process(1, "a");
  test.process(ProcessTable::kMaxProcesses + 1, "z");
  test.start();
  std::vector<std::uint32_t> pids(ProcessTable::kMaxProcesses + 2);
  std::iota(pids.rbegin(), pids.rend(), 1U);
  const auto infos = ask_until(*test.table, pids, [](const auto& all) { return all.contains(1); });
  EXPECT_FALSE(infos->contains(ProcessTable::kMaxProcesses + 1));
  EXPECT_EQ(test.table->dropped(), 2U);
  test.table->look_up(pids);
  EXPECT_EQ(test.table->dropped(), 2U);  // the same ones
  const std::vector<std::uint32_t> few = {1};
  test.table->look_up(few);
  test.table->look_up(pids);
  EXPECT_EQ(test.table->dropped(), 4U);
}

TEST(ProcessTable, TellsProcessesWhileItAsksWhoAUserIs) {
  Table test;
  test.process(1, "a");
  std::promise<void> answer;
  std::shared_future<void> answered = answer.get_future().share();
  test.start([answered](auto) {
    answered.wait();
    return "ada";
  });
  const auto before =
      ask_until(*test.table, {1}, [](const auto& infos) { return infos.contains(1); });
  EXPECT_EQ(before->at(1)->user, "");
  EXPECT_FALSE(test.table->stop(std::chrono::milliseconds(1)));  // left behind
  EXPECT_TRUE(test.table->stop());
  EXPECT_TRUE(test.table->look_up({})->contains(1));  // what was known stays
  answer.set_value();
}

TEST(ProcessTable, StopsWhileItWaits) {
  Table test;
  test.start();
  EXPECT_TRUE(test.table->stop(std::chrono::seconds(60)));
  EXPECT_TRUE(test.table->stop());
}

TEST(ProcessTable, KnowsThisVeryProcess) {
  auto table = ProcessTable::start({}, std::make_shared<SystemClock>());
  ASSERT_TRUE(table);
  const auto self = static_cast<std::uint32_t>(::getpid());
  const auto infos =
      ask_until(**table, {self}, [&](const auto& all) { return all.contains(self); });
  EXPECT_EQ(infos->at(self)->name, "procs_concurren");  // the kernel keeps 15 bytes
}

}  // namespace
}  // namespace gpuvigil
