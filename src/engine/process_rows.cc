// SPDX-License-Identifier: Apache-2.0
#include "engine/process_rows.h"

#include <algorithm>

namespace gpuvigil {
namespace {

/// `visit(device, process)` for each process that a driver tells of.
template <class Visit>
void for_each_told(const Frame& frame, Visit visit) {
  for (const DeviceRow& device : frame.devices) {
    if (!device.sample.details) continue;
    const auto& processes = (*device.sample.details)->processes;
    if (!processes) continue;
    for (const DeviceProcess& process : *processes) visit(device.index, process);
  }
}

ProcessUse& use_of(ProcessRow& row, std::uint32_t device) {
  const auto place = std::ranges::lower_bound(row.uses, device, {}, &ProcessUse::device);
  if (place != row.uses.end() && place->device == device) return *place;
  return *row.uses.insert(place, {.device = device, .told = {}, .calls = {}, .kernel_ns = {}});
}

}  // namespace

std::vector<std::uint32_t> pids_of(const Frame& frame) {
  std::vector<std::uint32_t> pids;
  for (const ProcessRow& row : frame.processes) pids.push_back(row.pid);
  for_each_told(frame,
                [&](std::uint32_t, const DeviceProcess& process) { pids.push_back(process.pid); });
  std::ranges::sort(pids);
  pids.erase(std::ranges::unique(pids).begin(), pids.end());
  return pids;
}

void join_processes(Frame& frame, const ProcessInfos& known) {
  std::vector<ProcessRow> rows;
  const auto pids = pids_of(frame);
  rows.reserve(pids.size());
  auto captured = frame.processes.begin();  // by pid as well
  for (const std::uint32_t pid : pids) {
    if (captured != frame.processes.end() && captured->pid == pid) {
      rows.push_back(std::move(*captured++));
    } else {
      rows.push_back({.pid = pid, .who = {}, .captures = {}, .uses = {}});
    }
    if (const auto who = known.find(pid); who != known.end()) rows.back().who = who->second;
  }
  for_each_told(frame, [&](std::uint32_t device, const DeviceProcess& process) {
    const auto row = std::ranges::lower_bound(rows, process.pid, {}, &ProcessRow::pid);
    use_of(*row, device).told = process;
  });
  frame.processes = std::move(rows);
}

}  // namespace gpuvigil
