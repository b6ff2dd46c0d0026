// SPDX-License-Identifier: Apache-2.0
#include "engine/process_rows.h"

#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

DeviceProcess told(std::uint32_t pid, std::uint64_t bytes) {
  DeviceProcess process;
  process.pid = pid;
  process.memory = Bytes(bytes);
  return process;
}

DeviceRow device(std::uint32_t index, Reading<std::vector<DeviceProcess>> processes) {
  DeviceRow row;
  row.info = std::make_shared<DeviceInfo>();
  row.index = index;
  auto details = std::make_shared<DeviceDetails>();
  details->processes = std::move(processes);
  row.sample.details = details;
  return row;
}

TEST(ProcessRows, JoinWhatDriversAndAgentsTell) {
  Frame frame;
  frame.devices.push_back(device(0, std::vector{told(30, 7), told(10, 5)}));
  frame.devices.push_back(device(1, std::vector{told(10, 6)}));
  frame.devices.push_back(device(2, missing(Missing::kNoPermission)));
  frame.devices.push_back({});
  frame.devices.back().info = std::make_shared<DeviceInfo>();
  frame.processes.push_back(
      {.pid = 10,
       .who = {},
       .captures = {CaptureState{.writer = "cuda", .runtime = {}, .blind = {}, .cost_percent = {}}},
       .uses = {{.device = 1, .told = {}, .calls = 4, .kernel_ns = 400}}});
  frame.processes.push_back({.pid = 20, .who = {}, .captures = {}, .uses = {}});
  EXPECT_EQ(pids_of(frame), (std::vector<std::uint32_t>{10, 20, 30}));

  ProcessInfos known;
  auto who = std::make_shared<ProcessInfo>();
  who->name = "train";
  known.emplace(10, who);
  join_processes(frame, known);
  ASSERT_EQ(frame.processes.size(), 3U);
  const ProcessRow& first = frame.processes[0];
  EXPECT_EQ(first.who->name, "train");
  ASSERT_EQ(first.uses.size(), 2U);
  EXPECT_EQ(first.uses[0].told->memory, Bytes(5));
  EXPECT_FALSE(first.uses[0].calls);
  EXPECT_EQ(first.uses[1].told->memory, Bytes(6));
  EXPECT_EQ(first.uses[1].calls, 4U);
  EXPECT_TRUE(frame.processes[1].uses.empty());
  EXPECT_EQ(frame.processes[2].pid, 30U);
  EXPECT_EQ(frame.processes[2].who, nullptr);
}

TEST(WhyNoKernels, NamesTheCauseAndWhatToDo) {
  ProcessRow row;
  const auto f = [&row](std::string_view want) {
    if (want.empty()) {
      EXPECT_EQ(why_no_kernels(row), "");
    } else {
      EXPECT_NE(why_no_kernels(row).find(want), std::string::npos) << why_no_kernels(row);
    }
  };
  f("gpuvigil run");
  auto who = std::make_shared<ProcessInfo>();
  who->has_agent_set_up = false;
  row.who = who;
  f("started without an agent");
  who->has_agent_set_up = true;
  f("not attached yet");
  who->is_set_user_id = true;
  f("set-user-ID");
  row.captures.push_back(
      {.writer = "cuda", .runtime = {}, .blind = "a profiler holds CUPTI", .cost_percent = {}});
  f("cuda: a profiler holds CUPTI");
  row.captures.front().blind.clear();
  f("");
  row.captures.front().detail = CaptureDetail::kOff;
  f("more than its budget");
}

}  // namespace
}  // namespace gpuvigil
