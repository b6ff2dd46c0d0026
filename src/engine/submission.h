// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/device.h"
#include "model/frame.h"
#include "model/kernel.h"
#include "model/source.h"

namespace gpuvigil {

struct SubmittedExecution {
  std::string name;
  KernelKind kind = KernelKind::kCompute;
  std::string device;  ///< UUID.
  Execution execution;
};

struct SubmittedSample {
  std::string device;  ///< UUID.
  DeviceSample sample;
};

/// What a program that nobody watches tells of itself, checked already: it is booked as a whole.
struct Submission {
  std::vector<SubmittedExecution> executions;
  std::vector<SubmittedSample> samples;
};

inline constexpr std::string_view kSubmittedSource = "api";
inline constexpr std::uint32_t kMaxSubmittedDevices = 64;

/// The device that a program calls by `number`: the one that submissions have made under that
/// number, else the frame's of that index, else a new one. Nothing for kMaxSubmittedDevices and
/// more, unless the frame has it.
[[nodiscard]] std::optional<std::string> submitted_device(const Frame& frame, std::uint32_t number);

/// Books submissions.
///
/// Threading: the engine's thread.
class SubmissionDesk {
 public:
  void book(const Submission& submission, Intake& intake);

 private:
  std::optional<OwnerId> owner_;
};

}  // namespace gpuvigil
