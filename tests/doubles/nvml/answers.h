// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "collect/nvml_abi.h"
#include "scenario.h"

// How the functions of the fake library are written: one line each, a question put to a scenario.

#define GPUVIGIL_FAKE extern "C" __attribute__((visibility("default"))) int

namespace fake_nvml {

using gpuvigil::NvmlDevice;

// A handle is the numbers of GPU and MIG device, each from 1 on, and no address of anything.
inline NvmlDevice handle_of(unsigned gpu, int mig = -1) {
  const auto number = static_cast<std::uintptr_t>((gpu + 1) << 8U) |
                      static_cast<std::uintptr_t>(static_cast<unsigned>(mig + 1));
  return reinterpret_cast<NvmlDevice>(number);
}
inline int gpu_of(NvmlDevice handle) {
  return static_cast<int>(reinterpret_cast<std::uintptr_t>(handle) >> 8U) - 1;
}
inline int mig_of(NvmlDevice handle) {
  return static_cast<int>(reinterpret_cast<std::uintptr_t>(handle) & 0xFFU) - 1;
}

/// `answer(state, gpu)` once all that can go wrong with this call did not.
template <class Answer>
int ask_gpu(const char* function, NvmlDevice device, Answer answer) {
  Scenario& scenario = Scenario::get();
  if (scenario.opened() == 0) return gpuvigil::kNvmlUninitialized;
  if (const auto code = scenario.enter(function, gpu_of(device))) return *code;
  return scenario.with([&](const State& state) -> int {
    const auto gpu = state.gpus.find(static_cast<unsigned>(gpu_of(device)));
    if (gpu == state.gpus.end() || gpu->second.is_removed) return gpuvigil::kNvmlInvalidArgument;
    if (gpu->second.is_lost) return gpuvigil::kNvmlGpuIsLost;
    return answer(state, gpu->second);
  });
}

/// `answer(state, words)` with what the scenario says about `key` of this device.
template <class Answer>
int ask(const char* function, NvmlDevice device, std::string_view key, Answer answer) {
  return ask_gpu(function, device, [&](const State& state, const Gpu& gpu) -> int {
    const Part* part = &gpu.self;
    if (const int mig = mig_of(device); mig >= 0) {
      const auto found = gpu.mig.find(static_cast<unsigned>(mig));
      if (found == gpu.mig.end()) return gpuvigil::kNvmlInvalidArgument;
      part = &found->second;
    }
    const auto words = part->values.find(key);
    if (words == part->values.end() || words->second.empty()) return gpuvigil::kNvmlNotSupported;
    const std::string& first = words->second[0];
    if (first[0] == '!') return std::atoi(first.c_str() + 1);
    return answer(state, words->second);
  });
}

/// The number in the place `index` of `key`; "-" there is not supported.
template <class Number>
int ask_number(const char* function, NvmlDevice device, std::string_view key, Number* out,
               std::size_t index = 0) {
  return ask(function, device, key, [&](const State& state, const Words& words) {
    if (index >= words.size() || words[index] == "-") return gpuvigil::kNvmlNotSupported;
    *out = static_cast<Number>(Scenario::get().integer(state, words[index]));
    return gpuvigil::kNvmlOk;
  });
}

inline int give_text(const Words& words, char* out, unsigned size) {
  std::string text;
  for (const std::string& word : words) text += text.empty() ? word : " " + word;
  if (text.size() >= size) return gpuvigil::kNvmlInsufficientSize;
  std::memcpy(out, text.c_str(), text.size() + 1);
  return gpuvigil::kNvmlOk;
}

inline int ask_text(const char* function, NvmlDevice device, std::string_view key, char* out,
                    unsigned size) {
  return ask(function, device, key,
             [&](const State&, const Words& words) { return give_text(words, out, size); });
}

}  // namespace fake_nvml
