// SPDX-License-Identifier: Apache-2.0
#include "monitor/process_kernels.h"

#include <algorithm>
#include <utility>

namespace gpuvigil {

void ProcessKernels::tell(OwnerId owner, std::uint32_t pid, const CaptureState& state) {
  std::shared_ptr<Process>& process = by_owner_[owner];
  if (!process) {
    std::shared_ptr<Process>& of_pid = living_[pid];
    if (!of_pid) of_pid = std::make_shared<Process>(pid);
    process = of_pid;
  }
  process->owners[owner] = state;
}

std::uint64_t ProcessKernels::add(OwnerId owner, const SeriesKey& key, const Aggregate& aggregate) {
  const auto found = by_owner_.find(owner);
  if (found == by_owner_.end()) return 0;
  Process& process = *found->second;
  while (series_ >= max_series_ && !ended_.empty()) forget_oldest();
  if (series_ >= max_series_ && !process.table.has_series(key)) return aggregate.counters.calls;
  const SeriesSlot slot = process.table.series(process.own, key);
  if (process.slots.insert(slot).second) ++series_;
  Aggregate total = aggregate;
  total.is_late = true;  // there are no windows of a process
  process.table.add(slot, total);
  if (is_kernel(key.kind)) {
    Work& work = process.devices[key.device];
    work.calls += aggregate.counters.calls;
    work.kernel_ns = add_saturating(work.kernel_ns, aggregate.counters.sum_ns);
  }
  return 0;
}

void ProcessKernels::close(OwnerId owner) {
  const auto found = by_owner_.find(owner);
  if (found == by_owner_.end()) return;
  const std::shared_ptr<Process> process = std::move(found->second);
  by_owner_.erase(found);
  process->owners.erase(owner);
  if (!process->owners.empty()) return;
  living_.erase(process->pid);
  ended_.push_back(process);
  if (ended_.size() > kMostEnded) forget_oldest();
}

void ProcessKernels::forget_oldest() {
  series_ -= ended_.front()->slots.size();
  ended_.pop_front();
}

std::vector<ProcessRow> ProcessKernels::rows() const {
  std::vector<ProcessRow> all;
  all.reserve(living_.size());
  for (const auto& [pid, process] : living_) {
    ProcessRow row;
    row.pid = pid;
    for (const auto& [owner, state] : process->owners) row.captures.push_back(state);
    for (const auto& [device, work] : process->devices) {
      row.uses.push_back(
          {.device = device, .told = {}, .calls = work.calls, .kernel_ns = work.kernel_ns});
    }
    all.push_back(std::move(row));
  }
  return all;
}

std::shared_ptr<ProcessKernels::Process> ProcessKernels::newest(std::uint32_t pid) const {
  if (const auto found = living_.find(pid); found != living_.end()) return found->second;
  for (auto process = ended_.rbegin(); process != ended_.rend(); ++process) {
    if ((*process)->pid == pid) return *process;
  }
  return nullptr;
}

bool ProcessKernels::write_kernels(std::uint32_t pid, Frame& frame) {
  const auto process = newest(pid);
  if (!process) return false;
  process->table.update_rows();
  frame.kernels = process->table.kernel_rows();
  frame.series = process->table.series_rows();
  return true;
}

std::optional<KernelTable::SketchAndExtremes> ProcessKernels::sketch_of(
    std::uint32_t pid, std::uint64_t kernel_id, KernelKind kind,
    std::span<const std::uint32_t> devices) const {
  const auto process = newest(pid);
  if (!process) return std::nullopt;
  return process->table.sketch_of(kernel_id, kind, devices);
}

std::vector<ProcessShare> ProcessKernels::shares(std::uint64_t kernel_id, KernelKind kind) {
  std::vector<ProcessShare> all;
  const auto look = [&](const Process& process) {
    const KernelCounters counters = process.table.counters_of(kernel_id, kind);
    if (counters.calls == 0) return;
    all.push_back({.pid = process.pid, .is_living = !process.owners.empty(), .counters = counters});
  };
  for (const auto& [pid, process] : living_) look(*process);
  for (const auto& process : ended_) look(*process);
  std::ranges::stable_sort(all, [](const ProcessShare& a, const ProcessShare& b) {
    return a.counters.sum_ns > b.counters.sum_ns;
  });
  return all;
}

}  // namespace gpuvigil
