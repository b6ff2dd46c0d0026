// SPDX-License-Identifier: Apache-2.0
#include "procs/process_book.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/testing_tree.h"
#include "procs/testing_stat.h"

namespace gpuvigil {
namespace {

using namespace std::string_literals;
using Round = ProcessBook::Round;

const std::string kId = "0f3c5d8a1b2e4f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8";
const std::string kUid = "a1b2c3d4-1234-5678-9abc-def012345678";
constexpr Timestamp kBoot = Timestamp(std::chrono::seconds(1'800'000'000));
constexpr Timestamp kNoon = kBoot + std::chrono::hours(3);

/// A machine with processes that a test makes and ends.
class Machine {
 public:
  Machine()
      : book_({.proc = tree.path("proc"), .container_logs = tree.path("logs")}, [this](auto) {
          ++asked;
          return "ada";
        }) {}

  void start(std::uint32_t pid, const std::string& name, std::uint64_t ticks) {
    const std::string at = "proc/" + std::to_string(pid);
    tree.remove(at);
    tree.write(at + "/stat", testing::stat_line(pid, name, ticks));
    tree.write(at + "/comm", name + "\n");
    tree.write(at + "/status", "Name:\tx\nUid:\t5\t6\t5\t5\n");
    tree.write(at + "/cmdline", name + "\0--all\0"s);
    tree.write(at + "/cgroup", "0::/system.slice/ollama.service\n");
    tree.write(at + "/environ", "HOME=/\0"s);
  }
  bool round(std::vector<std::uint32_t> pids, Round round = Round::kAll) {
    return book_.refresh(pids, round, kNoon, kBoot);
  }
  bool name_users() { return book_.name_users(kNoon); }
  std::shared_ptr<const ProcessInfo> info(std::uint32_t pid) {
    const auto infos = book_.infos();
    const auto found = infos->find(pid);
    return found == infos->end() ? nullptr : found->second;
  }

  testing::Tree tree;
  int asked = 0;

 private:
  ProcessBook book_;
};

TEST(ProcessBook, TellsWhoAProcessIs) {
  Machine machine;
  machine.start(42, "two (words)", 12'345);
  EXPECT_TRUE(machine.round({42}));
  EXPECT_EQ(machine.info(42)->user, "");  // not asked yet
  EXPECT_TRUE(machine.name_users());
  const ProcessInfo want = {
      .key = {.pid = 42, .start_ticks = 12'345},
      .started = kBoot + std::chrono::milliseconds(123'450),
      .parent = 1,
      .uid = 6,
      .user = "ada",
      .name = "two (words)",
      .command = "two (words) --all",
      .place = {.unit = "ollama.service"},
      .is_set_user_id = true,
      .has_agent_set_up = false,
  };
  ASSERT_TRUE(machine.info(42));
  EXPECT_EQ(*machine.info(42), want);
}

TEST(ProcessBook, WhatCannotBeReadIsAbsent) {
  Machine machine;
  machine.tree.write("proc/42/stat", testing::stat_line(42, "x", 5, 0));
  EXPECT_TRUE(machine.round({42}));
  const auto info = machine.info(42);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->name, "x");
  EXPECT_EQ(info->parent, std::nullopt);
  EXPECT_EQ(info->uid, std::nullopt);
  EXPECT_EQ(info->command, "");
  EXPECT_EQ(info->has_agent_set_up, std::nullopt);
  EXPECT_FALSE(machine.name_users());
}

TEST(ProcessBook, AProcessThatIsNotThereIsNotTold) {
  Machine machine;
  machine.tree.write("proc/7/stat", "garbage");
  machine.tree.write("proc/8/stat", std::string(10'000, '('));
  machine.tree.write("proc/9", "a file");
  EXPECT_FALSE(machine.round({7, 8, 9, 10}));
  for (const std::uint32_t pid : {7U, 8U, 9U, 10U}) EXPECT_FALSE(machine.info(pid));
}

TEST(ProcessBook, ForgetsWhatHasEndedAndWhatNobodyAsksFor) {
  Machine machine;
  machine.start(1, "a", 1);
  machine.start(2, "b", 2);
  machine.round({1, 2});
  machine.tree.remove("proc/1");
  EXPECT_TRUE(machine.round({1, 2}));
  EXPECT_FALSE(machine.info(1));
  EXPECT_TRUE(machine.info(2));
  EXPECT_TRUE(machine.round({}));
  EXPECT_FALSE(machine.info(2));
  EXPECT_FALSE(machine.round({}));
}

TEST(ProcessBook, ANumberThatIsGivenOutAgainIsAnotherProcess) {
  Machine machine;
  machine.start(42, "old", 100);
  for (std::uint32_t i = 0; i < 3 * ProcessBook::kWholeRounds; ++i) machine.round({42});
  machine.start(42, "old", 200);
  EXPECT_TRUE(machine.round({42}));
  EXPECT_EQ(machine.info(42)->key.start_ticks, 200U);
  EXPECT_EQ(machine.info(42)->started, kBoot + std::chrono::seconds(2));
}

TEST(ProcessBook, ARoundForNewOnesLeavesTheOthersAlone) {
  Machine machine;
  machine.start(1, "a", 1);
  machine.round({1});
  machine.start(1, "other", 1);
  machine.start(2, "b", 2);
  EXPECT_TRUE(machine.round({1, 2}, Round::kNew));
  EXPECT_EQ(machine.info(1)->name, "a");
  EXPECT_EQ(machine.info(2)->name, "b");
  EXPECT_TRUE(machine.round({1, 2}));
  EXPECT_EQ(machine.info(1)->name, "other");
}

TEST(ProcessBook, ReadsWholeWhileAProcessIsYoungAndSeldomLater) {
  Machine machine;
  machine.start(42, "x", 1);
  machine.round({42});
  machine.tree.write("proc/42/cmdline", "young");
  EXPECT_TRUE(machine.round({42}));
  EXPECT_EQ(machine.info(42)->command, "young");
  for (std::uint32_t i = 2; i <= ProcessBook::kWholeRounds; ++i) {
    EXPECT_FALSE(machine.round({42}));
  }
  machine.tree.write("proc/42/cmdline", "old");
  for (std::uint32_t i = 1; i < ProcessBook::kWholeRounds; ++i) {
    EXPECT_FALSE(machine.round({42})) << i;
  }
  EXPECT_TRUE(machine.round({42}));
  EXPECT_EQ(machine.info(42)->command, "old");
}

TEST(ProcessBook, SeesAtOnceThatAProcessBecameAnotherProgram) {
  Machine machine;
  machine.start(42, "sh", 1);
  for (std::uint32_t i = 0; i < ProcessBook::kWholeRounds + 2; ++i) machine.round({42});
  machine.start(42, "python3", 1);
  EXPECT_TRUE(machine.round({42}));
  EXPECT_EQ(machine.info(42)->command, "python3 --all");
}

TEST(ProcessBook, KeepsWhatItKnewOfAZombie) {
  Machine machine;
  machine.start(42, "x", 1);
  machine.round({42});
  machine.tree.write("proc/42/stat", testing::stat_line(42, "x", 1, 1, 'Z'));
  machine.tree.write("proc/42/cmdline", "");
  EXPECT_FALSE(machine.round({42}));
  EXPECT_EQ(machine.info(42)->command, "x --all");
}

TEST(ProcessBook, KeepsTheStartThoughTheWallClockIsSet) {
  Machine machine;
  machine.start(42, "x", 1);
  machine.round({42});
  const auto started = machine.info(42)->started;
  ProcessBook book({.proc = machine.tree.path("proc"), .container_logs = ""});
  const std::array<std::uint32_t, 1> pids = {42};
  book.refresh(pids, Round::kAll, kNoon, kBoot);
  book.refresh(pids, Round::kAll, kNoon, kBoot + std::chrono::hours(1));
  EXPECT_EQ(book.infos()->at(42)->started, started);
}

TEST(ProcessBook, NamesThePodOfAContainer) {
  Machine machine;
  machine.start(42, "x", 1);
  machine.tree.write("proc/42/cgroup", "0::/kubepods/burstable/pod" + kUid + "/" + kId + "\n");
  machine.tree.link("logs/llama-0_team-a_server-" + kId + ".log", "/nowhere");
  machine.round({42});
  const ProcessPlace& place = machine.info(42)->place;
  EXPECT_EQ(place.pod_uid, kUid);
  EXPECT_EQ(place.pod_name, "llama-0");
  EXPECT_EQ(place.pod_namespace, "team-a");
  EXPECT_EQ(place.pod_container, "server");
}

TEST(ProcessBook, AContainerThatIsInNoPodHasNoPodsName) {
  Machine machine;
  machine.start(42, "x", 1);
  machine.tree.write("proc/42/cgroup", "0::/docker/" + kId + "\n");
  machine.tree.link("logs/llama-0_team-a_server-" + kId + ".log", "/nowhere");
  machine.round({42});
  EXPECT_EQ(machine.info(42)->place.pod_name, "");
}

TEST(ProcessBook, TakesTheJobFromTheEnvironmentOnlyWhereNoGroupTellsIt) {
  Machine machine;
  machine.start(1, "x", 1);
  machine.start(2, "x", 1);
  const auto environment = "SLURM_JOB_ID=9\0SLURM_STEP_ID=1\0"s;
  machine.tree.write("proc/1/environ", environment);
  machine.tree.write("proc/2/environ", environment);
  machine.tree.write("proc/2/cgroup", "0::/slurm/uid_1/job_7/step_batch\n");
  machine.round({1, 2});
  EXPECT_EQ(machine.info(1)->place.slurm_job, "9");
  EXPECT_EQ(machine.info(1)->place.slurm_step, "1");
  EXPECT_EQ(machine.info(2)->place.slurm_job, "7");
  EXPECT_EQ(machine.info(2)->place.slurm_step, "batch");
}

TEST(ProcessBook, OfAnEnvironmentThatIsTooLargeOnlyWhatWasFoundIsSure) {
  Machine machine;
  machine.start(1, "x", 1);
  machine.start(2, "x", 1);
  const std::string large = "A=" + std::string(2U << 20U, 'x') + '\0';
  const auto agent = "CUDA_INJECTION64_PATH=libgpuvigil_cuda.so\0"s;
  machine.tree.write("proc/1/environ", agent + large);
  machine.tree.write("proc/2/environ", large + agent);
  machine.round({1, 2});
  EXPECT_EQ(machine.info(1)->has_agent_set_up, true);
  EXPECT_EQ(machine.info(2)->has_agent_set_up, std::nullopt);
}

TEST(ProcessBook, AsksOnceForTheUserOfManyProcesses) {
  Machine machine;
  machine.start(1, "a", 1);
  machine.start(2, "b", 2);
  machine.round({1, 2});
  machine.name_users();
  machine.round({1, 2});
  EXPECT_FALSE(machine.name_users());
  EXPECT_EQ(machine.asked, 1);
  EXPECT_EQ(machine.info(2)->user, "ada");
}

TEST(ProcessBook, KnowsThisVeryProcess) {
  ProcessBook book({});
  const auto self = static_cast<std::uint32_t>(::getpid());
  const std::array pids = {self};
  const Timestamp booted = wall_time() - time_since_boot();
  ASSERT_TRUE(book.refresh(pids, Round::kAll, kNoon, booted));
  book.name_users(kNoon);
  const auto infos = book.infos();
  const ProcessInfo& info = *infos->at(self);
  EXPECT_EQ(info.key.pid, self);
  EXPECT_GT(info.key.start_ticks, 0U);
  EXPECT_EQ(info.uid, static_cast<std::uint32_t>(::geteuid()));
  EXPECT_EQ(info.user, user_name_of(::geteuid()));
  EXPECT_EQ(info.parent, static_cast<std::uint32_t>(::getppid()));
  EXPECT_EQ(info.name, "procs_test");
  EXPECT_NE(info.command.find("procs_test"), std::string::npos);
  EXPECT_EQ(info.has_agent_set_up, false);
  EXPECT_LT(*info.started, wall_time());
  EXPECT_GT(*info.started, wall_time() - std::chrono::hours(1));
}

}  // namespace
}  // namespace gpuvigil
