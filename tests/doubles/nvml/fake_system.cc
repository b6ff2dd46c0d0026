// SPDX-License-Identifier: Apache-2.0
#include "answers.h"

// The library as a whole, which devices there are, and what happens to them.

using namespace fake_nvml;
using namespace gpuvigil;

namespace {

int ask_system(const char* function, std::string_view key, char* out, unsigned size) {
  Scenario& scenario = Scenario::get();
  if (scenario.opened() == 0) return kNvmlUninitialized;
  if (const auto code = scenario.enter(function, -1)) return *code;
  return scenario.with([&](const State& state) {
    const auto words = state.system.find(key);
    return words == state.system.end() ? kNvmlNotSupported : give_text(words->second, out, size);
  });
}

/// The GPUs that are there, in the order of their indices.
std::vector<unsigned> present(const State& state) {
  std::vector<unsigned> gpus;
  for (const auto& [number, gpu] : state.gpus) {
    if (!gpu.is_removed) gpus.push_back(number);
  }
  return gpus;
}

}  // namespace

GPUVIGIL_FAKE nvmlInit_v2() {
  Scenario& scenario = Scenario::get();
  if (const auto code = scenario.enter("nvmlInit_v2", -1)) return *code;
  scenario.open_or_close(1);
  return kNvmlOk;
}

GPUVIGIL_FAKE nvmlShutdown() {
  Scenario& scenario = Scenario::get();
  if (scenario.opened() == 0) return kNvmlUninitialized;
  if (const auto code = scenario.enter("nvmlShutdown", -1)) return *code;
  scenario.open_or_close(-1);
  return kNvmlOk;
}

GPUVIGIL_FAKE nvmlSystemGetDriverVersion(char* out, unsigned size) {
  return ask_system("nvmlSystemGetDriverVersion", "driver", out, size);
}

GPUVIGIL_FAKE nvmlSystemGetNVMLVersion(char* out, unsigned size) {
  return ask_system("nvmlSystemGetNVMLVersion", "library", out, size);
}

GPUVIGIL_FAKE nvmlSystemGetCudaDriverVersion_v2(int* out) {
  char text[32] = {};
  const int code = ask_system("nvmlSystemGetCudaDriverVersion_v2", "cuda", text, sizeof text);
  if (code == kNvmlOk) *out = std::atoi(text);
  return code;
}

GPUVIGIL_FAKE nvmlSystemGetProcessName(unsigned pid, char* out, unsigned size) {
  return ask_system("nvmlSystemGetProcessName", "process_name_" + std::to_string(pid), out, size);
}

GPUVIGIL_FAKE nvmlDeviceGetCount_v2(unsigned* count) {
  Scenario& scenario = Scenario::get();
  if (scenario.opened() == 0) return kNvmlUninitialized;
  if (const auto code = scenario.enter("nvmlDeviceGetCount_v2", -1)) return *code;
  *count = scenario.with(
      [](const State& state) { return static_cast<unsigned>(present(state).size()); });
  return kNvmlOk;
}

GPUVIGIL_FAKE nvmlDeviceGetHandleByIndex_v2(unsigned index, NvmlDevice* out) {
  Scenario& scenario = Scenario::get();
  if (scenario.opened() == 0) return kNvmlUninitialized;
  const auto gpus = scenario.with(present);
  const int gpu = index < gpus.size() ? static_cast<int>(gpus[index]) : -1;
  if (const auto code = scenario.enter("nvmlDeviceGetHandleByIndex_v2", gpu)) return *code;
  if (gpu < 0) return kNvmlInvalidArgument;
  *out = handle_of(gpus[index]);
  return scenario.with([&](const State& state) {
    const auto found = state.gpus.find(gpus[index]);
    return found != state.gpus.end() && found->second.is_lost ? kNvmlGpuIsLost : kNvmlOk;
  });
}

GPUVIGIL_FAKE nvmlDeviceGetMigMode(NvmlDevice device, unsigned* current, unsigned* pending) {
  const int code = ask_number("nvmlDeviceGetMigMode", device, "mig", current);
  if (code == kNvmlOk) *pending = *current;
  return code;
}

GPUVIGIL_FAKE nvmlDeviceGetMaxMigDeviceCount(NvmlDevice device, unsigned* count) {
  return ask_number("nvmlDeviceGetMaxMigDeviceCount", device, "mig_most", count);
}

GPUVIGIL_FAKE nvmlDeviceGetMigDeviceHandleByIndex(NvmlDevice device, unsigned index,
                                                  NvmlDevice* out) {
  return ask_gpu("nvmlDeviceGetMigDeviceHandleByIndex", device, [&](const State&, const Gpu& gpu) {
    if (!gpu.mig.contains(index)) return kNvmlNotFound;
    *out = handle_of(static_cast<unsigned>(gpu_of(device)), static_cast<int>(index));
    return kNvmlOk;
  });
}

GPUVIGIL_FAKE nvmlDeviceGetGpuInstanceId(NvmlDevice device, unsigned* id) {
  return ask_number("nvmlDeviceGetGpuInstanceId", device, "gpu_instance", id);
}

GPUVIGIL_FAKE nvmlDeviceGetComputeInstanceId(NvmlDevice device, unsigned* id) {
  return ask_number("nvmlDeviceGetComputeInstanceId", device, "compute_instance", id);
}

GPUVIGIL_FAKE nvmlEventSetCreate(NvmlEventSet* set) {
  if (const auto code = Scenario::get().enter("nvmlEventSetCreate", -1)) return *code;
  *set = reinterpret_cast<NvmlEventSet>(std::uintptr_t{1});
  return kNvmlOk;
}

GPUVIGIL_FAKE nvmlDeviceGetSupportedEventTypes(NvmlDevice device, unsigned long long* types) {
  return ask_number("nvmlDeviceGetSupportedEventTypes", device, "event_types", types);
}

GPUVIGIL_FAKE nvmlDeviceRegisterEvents(NvmlDevice device, unsigned long long types, NvmlEventSet) {
  return ask("nvmlDeviceRegisterEvents", device, "event_types",
             [&](const State& state, const Words& words) {
               const std::uint64_t known = Scenario::get().integer(state, words[0]);
               return (types & ~known) == 0 ? kNvmlOk : kNvmlNotSupported;
             });
}

GPUVIGIL_FAKE nvmlEventSetWait_v2(NvmlEventSet, NvmlEvent* out, unsigned milliseconds) {
  Scenario& scenario = Scenario::get();
  if (const auto code = scenario.enter("nvmlEventSetWait_v2", -1)) return *code;
  for (unsigned waited = 0;; waited += kEventStep) {
    if (const auto event = scenario.next_event()) {
      *out = {.device = handle_of(event->gpu),
              .type = event->type,
              .data = event->data,
              .gpu_instance = event->gpu_instance,
              .compute_instance = event->compute_instance};
      return kNvmlOk;
    }
    if (waited >= milliseconds) return kNvmlTimeout;
    wait_milliseconds(std::min(kEventStep, milliseconds - waited));
  }
}

GPUVIGIL_FAKE nvmlEventSetFree(NvmlEventSet) {
  return Scenario::get().enter("nvmlEventSetFree", -1).value_or(kNvmlOk);
}

// What tests ask the fake itself.

extern "C" __attribute__((visibility("default"))) std::uint64_t fake_nvml_calls(const char* name) {
  return name == nullptr ? Scenario::get().all_calls() : Scenario::get().calls(name);
}

extern "C" __attribute__((visibility("default"))) int fake_nvml_opened() {
  return Scenario::get().opened();
}
