// SPDX-License-Identifier: Apache-2.0
#include "model/list_queries.h"

#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kNoon = from_unix_ns(1'767'355'200'000'000'000);

/// Three processes on two devices, and four events.
Frame frame_of_three() {
  Frame frame;
  for (const char* uuid : {"GPU-a", "GPU-b"}) {
    DeviceRow row;
    row.info = std::make_shared<DeviceInfo>(
        DeviceInfo{.uuid = uuid, .name = {}, .pci_bus_id = {}, .source = {}});
    row.index = static_cast<std::uint32_t>(frame.devices.size());
    frame.devices.push_back(row);
  }
  const auto add = [&](std::uint32_t pid, std::uint32_t device, std::uint64_t bytes, double sm,
                       std::uint64_t kernel_ns, const char* user) {
    DeviceProcess told;
    told.pid = pid;
    told.memory = Bytes(bytes);
    told.sm_utilization = Percent(sm);
    auto who = std::make_shared<ProcessInfo>();
    who->user = user;
    frame.processes.push_back(
        {.pid = pid,
         .who = who,
         .captures = {},
         .uses = {{.device = device, .told = told, .calls = 1, .kernel_ns = kernel_ns}}});
  };
  add(10, 0, 100, 3, 9, "ada");
  add(20, 1, 300, 2, 5, "bob");
  add(30, 1, 200, 1, 7, "ada");
  auto log = std::make_shared<EventLog>();
  const auto happen = [&](Duration at, const char* uuid, const char* kind, EventSeverity severity) {
    Event event;
    event.at = kNoon + at;
    event.uuid = uuid;
    event.kind = kind;
    event.severity = severity;
    log->events.push_back(event);
  };
  happen(4s, "GPU-a", "xid", EventSeverity::kCritical);
  happen(3s, "GPU-b", "xid", EventSeverity::kWarning);
  happen(2s, "GPU-b", "health", EventSeverity::kInfo);
  happen(1s, "", "driver", EventSeverity::kInfo);
  frame.events = log;
  return frame;
}

TEST(SelectProcesses, FiltersSortsAndCuts) {
  const Frame frame = frame_of_three();
  const auto f = [&frame](const ProcessQuery& query, std::vector<std::uint32_t> want,
                          std::size_t total) {
    const ProcessList list = select_processes(frame, query);
    std::vector<std::uint32_t> pids;
    for (const ProcessRow* row : list.rows) pids.push_back(row->pid);
    EXPECT_EQ(pids, want);
    EXPECT_EQ(list.total, total);
  };
  f({}, {20, 30, 10}, 3);
  f({.sort_by = ProcessSort::kKernelTime}, {10, 30, 20}, 3);
  f({.sort_by = ProcessSort::kUtilization}, {10, 20, 30}, 3);
  f({.sort_by = ProcessSort::kPid}, {10, 20, 30}, 3);
  f({.limit = 1, .offset = 1}, {30}, 3);
  f({.offset = 7}, {}, 3);
  f({.pid = 30}, {30}, 1);
  f({.pid = 31}, {}, 0);
  f({.user = "ada"}, {30, 10}, 2);
  f({.devices = {{1}}}, {20, 30}, 2);
  f({.devices = std::vector<std::uint32_t>{}}, {}, 0);
}

TEST(SelectEvents, FiltersAndCuts) {
  const Frame frame = frame_of_three();
  const auto f = [&frame](const EventQuery& query, std::vector<int> want) {
    std::vector<int> seconds;
    for (const Event* event : select_events(frame, query)) {
      seconds.push_back(static_cast<int>((event->at - kNoon) / 1s));
    }
    EXPECT_EQ(seconds, want);
  };
  f({}, {4, 3, 2, 1});
  f({.least = EventSeverity::kWarning}, {4, 3});
  f({.least = EventSeverity::kCritical}, {4});
  f({.kind = "xid"}, {4, 3});
  f({.limit = 2}, {4, 3});
  f({.devices = {{1}}}, {3, 2});
  f({.since = kNoon + 3s}, {4, 3});
}

}  // namespace
}  // namespace gpuvigil
