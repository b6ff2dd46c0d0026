// SPDX-License-Identifier: Apache-2.0
#include "collect/demo.h"

#include <utility>

#include "base/assert.h"
#include "collect/demo_kernels.h"

namespace gpuvigil {

DemoBackend::DemoBackend(std::shared_ptr<const DemoMachine> machine)
    : machine_(std::move(machine)) {
  GPUVIGIL_ASSERT(machine_ != nullptr);
}

Result<std::vector<Board>> DemoBackend::boards() {
  std::vector<Board> boards;
  boards.reserve(DemoMachine::kGpus);
  for (std::size_t gpu = 0; gpu < DemoMachine::kGpus; ++gpu) {
    boards.push_back({.devices = {machine_->device(gpu)}});
  }
  return boards;
}

Result<DeviceSample> DemoBackend::sample(const DeviceInfo& device, Timestamp now) {
  for (std::size_t gpu = 0; gpu < DemoMachine::kGpus; ++gpu) {
    if (machine_->device(gpu).uuid == device.uuid) return machine_->sample(gpu, now);
  }
  return fail(Errc::kNotFound, "the demo machine has no device " + device.uuid);
}

DemoSource::DemoSource(std::shared_ptr<const DemoMachine> machine)
    : machine_(std::move(machine)), fed_until_(machine_->start()) {}

void DemoSource::feed(Timestamp until, Intake& intake) {
  if (until <= fed_until_) return;
  if (!is_open_) open(intake);
  for (;;) {
    while (told_ < executions_.size() && executions_[told_].end <= until) {
      tell(executions_[told_++], intake);
    }
    if (told_ < executions_.size() || machine_->step_start(next_step_) >= until) break;
    begin_step(intake);
  }
  for (const DeviceSlot device : devices_) intake.covered(device, fed_until_, until);
  fed_until_ = until;
}

void DemoSource::open(Intake& intake) {
  owner_ = intake.open_owner();
  for (std::size_t gpu = 0; gpu < DemoMachine::kGpus; ++gpu) {
    devices_[gpu] = intake.device(machine_->device(gpu));
    series_[gpu].assign(demo_kernels().size(), kNone);
  }
  is_open_ = true;
}

void DemoSource::begin_step(Intake& intake) {
  executions_ = machine_->step(next_step_++);
  told_ = 0;
  for (const DemoExecution& execution : executions_) {
    intake.activity(devices_[execution.gpu], demo_kernels()[execution.kernel].kind, execution.start,
                    execution.end);
  }
}

void DemoSource::tell(const DemoExecution& execution, Intake& intake) {
  const DemoKernel& kernel = demo_kernels()[execution.kernel];
  SeriesSlot& slot = series_[execution.gpu][execution.kernel];
  if (slot == kNone) {
    slot = intake.series(owner_, devices_[execution.gpu], kernel.name, kernel.kind);
  }
  std::optional<Bytes> memory;
  if (kernel.memory_mib > 0) memory = Bytes(std::uint64_t{kernel.memory_mib} << 20U);
  intake.execution(slot, {.start = execution.start,
                          .end = execution.end,
                          .duration = execution.end - execution.start,
                          .memory = memory});
}

}  // namespace gpuvigil
