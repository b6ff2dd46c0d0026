// SPDX-License-Identifier: Apache-2.0
#include "collect/nvml_processes.h"

#include <algorithm>
#include <map>

namespace gpuvigil {
namespace {

constexpr std::uint32_t kFirstRoom = 128;
constexpr std::uint32_t kMostSamples = 8192;

Reading<Percent> percent(std::uint32_t value) {
  if (value > 100) return missing(Missing::kDriverError);
  return Percent(value);
}

/// Adds what one list says; a process that is in two lists holds what either says.
void add(std::map<std::uint32_t, DeviceProcess>& found, const std::vector<NvmlProcess>& list,
         DeviceProcess::Type type) {
  for (const NvmlProcess& said : list) {
    if (said.pid == 0) continue;  // no process: what a garbled list is made of
    auto [at, is_new] = found.try_emplace(said.pid);
    DeviceProcess& process = at->second;
    process.pid = said.pid;
    if (is_new) {
      process.type = type;
    } else if (process.type != type) {
      process.type = DeviceProcess::Type::kBoth;
    }
    if (said.used_memory == kNvmlNoValue) continue;
    if (static_cast<double>(said.used_memory) > detail::kMaxBytes) {
      process.memory = missing(Missing::kDriverError);
    } else {
      const Bytes bytes(said.used_memory);
      process.memory = process.memory ? std::max(*process.memory, bytes) : bytes;
    }
  }
}

}  // namespace

ProcessList NvmlProcesses::ask(Question question, const NvmlFunctions& call, NvmlDevice device,
                               Timestamp now) {
  if (!rests_.is_worth_asking(question, now)) return {.code = kNvmlNotSupported};
  const auto& function = question == kCompute    ? call.compute_processes
                         : question == kGraphics ? call.graphics_processes
                                                 : call.mps_processes;
  auto list = list_processes(
      [&](std::uint32_t* count, void* records) { return function(device, count, records); });
  if (is_nvml_unsupported(list.code)) {
    rests_.refused(question, now);
  } else {
    rests_.answered(question);
  }
  return list;
}

Reading<std::vector<DeviceProcess>> NvmlProcesses::read(const NvmlFunctions& call,
                                                        NvmlDevice device, Timestamp now) {
  using Type = DeviceProcess::Type;
  const ProcessList compute = ask(kCompute, call, device, now);
  const ProcessList graphics = ask(kGraphics, call, device, now);
  if (compute.code != kNvmlOk && graphics.code != kNvmlOk) {
    return missing(nvml_missing(compute.code));
  }
  std::map<std::uint32_t, DeviceProcess> found;
  add(found, compute.processes, Type::kCompute);
  add(found, ask(kMps, call, device, now).processes, Type::kCompute);
  add(found, graphics.processes, Type::kGraphics);
  std::vector<DeviceProcess> processes;
  for (const auto& [pid, process] : found) {
    if (processes.size() == DeviceDetails::kMaxProcesses) break;
    processes.push_back(process);
  }
  if (!processes.empty()) add_utilization(call, device, now, processes);
  return processes;
}

void NvmlProcesses::add_utilization(const NvmlFunctions& call, NvmlDevice device, Timestamp now,
                                    std::vector<DeviceProcess>& processes) {
  if (!rests_.is_worth_asking(kUtilization, now)) return;
  std::vector<NvmlProcessUtilization> samples(kFirstRoom);
  std::uint32_t count = kFirstRoom;
  NvmlCode code = call.process_utilization(device, samples.data(), &count, seen_us_);
  if (code == kNvmlInsufficientSize) {
    count = std::min(std::max(count, 2 * kFirstRoom), kMostSamples);
    samples.resize(count);
    code = call.process_utilization(device, samples.data(), &count, seen_us_);
  }
  if (is_nvml_unsupported(code)) {
    rests_.refused(kUtilization, now);
    return;
  }
  rests_.answered(kUtilization);
  const Missing why = code == kNvmlOk ? Missing::kNotSampled : nvml_missing(code);
  for (DeviceProcess& process : processes) {
    process.sm_utilization = process.memory_utilization = missing(why);
    process.encoder_utilization = process.decoder_utilization = missing(why);
  }
  if (code != kNvmlOk) return;
  samples.resize(std::min<std::size_t>(count, samples.size()));
  // Several of one process are told oldest first, so that the newest stays.
  std::ranges::stable_sort(samples, {}, &NvmlProcessUtilization::timestamp_us);
  for (const NvmlProcessUtilization& sample : samples) {
    seen_us_ = std::max(seen_us_, sample.timestamp_us);
    const auto at = std::ranges::lower_bound(processes, sample.pid, {}, &DeviceProcess::pid);
    if (at == processes.end() || at->pid != sample.pid) continue;
    at->sm_utilization = percent(sample.sm);
    at->memory_utilization = percent(sample.memory);
    at->encoder_utilization = percent(sample.encoder);
    at->decoder_utilization = percent(sample.decoder);
  }
}

}  // namespace gpuvigil
