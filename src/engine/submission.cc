// SPDX-License-Identifier: Apache-2.0
#include "engine/submission.h"

#include <algorithm>

#include <fmt/format.h>

namespace gpuvigil {
namespace {

/// The device with that UUID; one that nobody told of before is the submitter's own.
DeviceSlot slot_of(const std::string& uuid, Intake& intake) {
  return intake.device(
      {.uuid = uuid, .name = "", .pci_bus_id = "", .source = std::string(kSubmittedSource)});
}

}  // namespace

std::optional<std::string> submitted_device(const Frame& frame, std::uint32_t number) {
  const std::string own = fmt::format("API-{}", number);
  const bool is_known = std::ranges::any_of(
      frame.devices, [&](const DeviceRow& device) { return device.info->uuid == own; });
  if (is_known) return own;
  if (number < frame.devices.size()) return frame.devices[number].info->uuid;
  return number < kMaxSubmittedDevices ? std::optional(own) : std::nullopt;
}

void SubmissionDesk::book(const Submission& submission, Intake& intake) {
  if (!owner_) owner_ = intake.open_owner();
  for (const SubmittedSample& one : submission.samples) {
    intake.sample(slot_of(one.device, intake), one.sample);
  }
  for (const SubmittedExecution& one : submission.executions) {
    const DeviceSlot device = slot_of(one.device, intake);
    const Execution& execution = one.execution;
    intake.execution(intake.series(*owner_, device, one.name, one.kind), execution);
    if (execution.start) intake.activity(device, one.kind, *execution.start, execution.end);
  }
}

}  // namespace gpuvigil
