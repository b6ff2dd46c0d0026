// SPDX-License-Identifier: Apache-2.0
#include "answers.h"

// What is answered in arrays: fields, processes, and the performance monitor.

using namespace fake_nvml;
using namespace gpuvigil;

namespace {

/// "field_138_-" -> TYPE VALUE: u32, u64, i64 or double.
NvmlCode fill(const State& state, const Words& words, NvmlField& field) {
  if (words.empty() || words[0] == "-") return kNvmlNotSupported;
  if (words[0][0] == '!') return std::atoi(words[0].c_str() + 1);
  if (words.size() < 2) return kNvmlNotSupported;
  field.value.u64 = 0;
  if (words[0] == "double") {
    field.type = NvmlValueType::kDouble;
    field.value.f64 = Scenario::get().number(state, words[1]);
  } else if (words[0] == "u32") {
    field.type = NvmlValueType::kU32;
    field.value.u32 = static_cast<std::uint32_t>(Scenario::get().integer(state, words[1]));
  } else if (words[0] == "i64") {
    field.type = NvmlValueType::kI64;
    field.value.i64 = static_cast<std::int64_t>(Scenario::get().number(state, words[1]));
  } else {
    field.type = NvmlValueType::kU64;
    field.value.u64 = Scenario::get().integer(state, words[1]);
  }
  return kNvmlOk;
}

/// Of a MIG device: its GPU instance, whose processes alone it lists.
std::optional<std::uint32_t> instance_of(const Gpu& gpu, NvmlDevice device) {
  const auto mig = gpu.mig.find(static_cast<unsigned>(mig_of(device)));
  if (mig_of(device) < 0 || mig == gpu.mig.end()) return std::nullopt;
  const auto words = mig->second.values.find("gpu_instance");
  if (words == mig->second.values.end()) return std::nullopt;
  return static_cast<std::uint32_t>(std::atoi(words->second[0].c_str()));
}

int list(const char* function, NvmlDevice device, char type, unsigned* count, void* out) {
  return ask_gpu(function, device, [&](const State& state, const Gpu& gpu) -> int {
    std::vector<Process> found;
    const auto instance = instance_of(gpu, device);
    for (const Process& process : gpu.processes) {
      if (process.type != type) continue;
      if (!instance || *instance == process.gpu_instance) found.push_back(process);
    }
    const unsigned room = *count;
    *count = static_cast<unsigned>(found.size());
    if (room < found.size()) return kNvmlInsufficientSize;
    auto* record = static_cast<char*>(out);
    for (const Process& process : found) {
      const NvmlProcess bytes{.pid = process.pid,
                              .used_memory = process.bytes,
                              .gpu_instance = process.gpu_instance,
                              .compute_instance = process.compute_instance};
      // As the real one: what the structure does not use is written as well.
      std::memset(record, 0, state.process_bytes);
      std::memcpy(record, &bytes, sizeof bytes);
      record += state.process_bytes;
    }
    return kNvmlOk;
  });
}

/// Its address and what it holds are the sample.
struct GpmSample {
  int gpu = -1;
  int gpu_instance = -1;
};

GpmSample* sample_of(NvmlGpmSample handle) {
  return reinterpret_cast<GpmSample*>(handle);
}

}  // namespace

GPUVIGIL_FAKE nvmlDeviceGetFieldValues(NvmlDevice device, int count, NvmlField* fields) {
  return ask_gpu("nvmlDeviceGetFieldValues", device, [&](const State& state, const Gpu& gpu) {
    for (int i = 0; i < count; ++i) {
      std::string key = "field_" + std::to_string(fields[i].id);
      if (fields[i].scope != 0) {
        key += fields[i].scope == kNvmlAllLinks ? "_all" : "_" + std::to_string(fields[i].scope);
      }
      const auto words = gpu.self.values.find(key);
      fields[i].code = mig_of(device) >= 0 || words == gpu.self.values.end()
                           ? kNvmlNotSupported
                           : fill(state, words->second, fields[i]);
    }
    return kNvmlOk;
  });
}

GPUVIGIL_FAKE nvmlDeviceGetComputeRunningProcesses_v3(NvmlDevice device, unsigned* count,
                                                      void* out) {
  return list("nvmlDeviceGetComputeRunningProcesses_v3", device, 'c', count, out);
}
GPUVIGIL_FAKE nvmlDeviceGetGraphicsRunningProcesses_v3(NvmlDevice device, unsigned* count,
                                                       void* out) {
  return list("nvmlDeviceGetGraphicsRunningProcesses_v3", device, 'g', count, out);
}
GPUVIGIL_FAKE nvmlDeviceGetMPSComputeRunningProcesses_v3(NvmlDevice device, unsigned* count,
                                                         void* out) {
  return list("nvmlDeviceGetMPSComputeRunningProcesses_v3", device, 'm', count, out);
}

GPUVIGIL_FAKE nvmlDeviceGetProcessUtilization(NvmlDevice device, NvmlProcessUtilization* out,
                                              unsigned* count, unsigned long long) {
  return ask_gpu(
      "nvmlDeviceGetProcessUtilization", device, [&](const State& state, const Gpu& gpu) -> int {
        std::vector<NvmlProcessUtilization> found;
        for (const auto& [key, words] : gpu.self.values) {
          constexpr std::string_view kPrefix = "process_utilization_";
          if (!key.starts_with(kPrefix)) continue;
          const auto number = [&, &w = words](std::size_t i) {
            return i < w.size() ? static_cast<std::uint32_t>(Scenario::get().integer(state, w[i]))
                                : 0U;
          };
          const auto pid = std::strtoul(key.c_str() + kPrefix.size(), nullptr, 10);
          found.push_back({.pid = static_cast<std::uint32_t>(pid),
                           .timestamp_us = 1,
                           .sm = number(0),
                           .memory = number(1),
                           .encoder = number(2),
                           .decoder = number(3)});
        }
        if (found.empty()) return kNvmlNotFound;
        const unsigned room = *count;
        *count = static_cast<unsigned>(found.size());
        if (out == nullptr || room < found.size()) return kNvmlInsufficientSize;
        std::ranges::copy(found, out);
        return kNvmlOk;
      });
}

GPUVIGIL_FAKE nvmlGpmQueryDeviceSupport(NvmlDevice device, NvmlGpmSupport* out) {
  if (out->version != 1) return kNvmlArgumentVersion;
  return ask_number("nvmlGpmQueryDeviceSupport", device, "gpm", &out->is_supported);
}
GPUVIGIL_FAKE nvmlGpmSampleAlloc(NvmlGpmSample* out) {
  if (const auto code = Scenario::get().enter("nvmlGpmSampleAlloc", -1)) return *code;
  *out = reinterpret_cast<NvmlGpmSample>(new GpmSample);
  return kNvmlOk;
}
GPUVIGIL_FAKE nvmlGpmSampleFree(NvmlGpmSample sample) {
  delete sample_of(sample);
  return Scenario::get().enter("nvmlGpmSampleFree", -1).value_or(kNvmlOk);
}
GPUVIGIL_FAKE nvmlGpmSampleGet(NvmlDevice device, NvmlGpmSample sample) {
  return ask_gpu("nvmlGpmSampleGet", device, [&](const State&, const Gpu&) {
    *sample_of(sample) = {.gpu = gpu_of(device), .gpu_instance = -1};
    return kNvmlOk;
  });
}
GPUVIGIL_FAKE nvmlGpmMigSampleGet(NvmlDevice device, unsigned gpu_instance, NvmlGpmSample sample) {
  return ask_gpu("nvmlGpmMigSampleGet", device, [&](const State&, const Gpu&) {
    *sample_of(sample) = {.gpu = gpu_of(device), .gpu_instance = static_cast<int>(gpu_instance)};
    return kNvmlOk;
  });
}
GPUVIGIL_FAKE nvmlGpmMetricsGet(NvmlGpmMetrics* metrics) {
  if (metrics->version != 1) return kNvmlArgumentVersion;
  const GpmSample& later = *sample_of(metrics->later);
  const GpmSample& earlier = *sample_of(metrics->earlier);
  if (later.gpu < 0 || earlier.gpu != later.gpu || earlier.gpu_instance != later.gpu_instance) {
    return kNvmlInvalidArgument;
  }
  const NvmlDevice device = handle_of(static_cast<unsigned>(later.gpu));
  return ask_gpu("nvmlGpmMetricsGet", device, [&](const State& state, const Gpu& gpu) {
    const Part* part = &gpu.self;
    for (const auto& [number, mig] : gpu.mig) {
      const auto instance = mig.values.find("gpu_instance");
      if (later.gpu_instance >= 0 && instance != mig.values.end() &&
          std::atoi(instance->second[0].c_str()) == later.gpu_instance) {
        part = &mig;
      }
    }
    for (std::uint32_t i = 0; i < metrics->count; ++i) {
      NvmlGpmMetric& metric = metrics->metrics[i];
      const auto words = part->values.find("gpm_" + std::to_string(metric.id));
      metric.code = words == part->values.end() ? kNvmlNotSupported : kNvmlOk;
      if (metric.code == kNvmlOk) metric.value = Scenario::get().number(state, words->second[0]);
    }
    return kNvmlOk;
  });
}
