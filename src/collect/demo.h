// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "collect/backend.h"
#include "collect/demo_machine.h"
#include "model/source.h"

namespace gpuvigil {

/// The demo machine's drivers, as a backend among others.
class DemoBackend final : public Backend {
 public:
  /// Requires a machine.
  explicit DemoBackend(std::shared_ptr<const DemoMachine> machine);

  Result<std::vector<Board>> boards() override;

  /// Errors: kNotFound (not one of its devices).
  Result<DeviceSample> sample(const DeviceInfo& device, Timestamp now) override;

 private:
  std::shared_ptr<const DemoMachine> machine_;
};

/// The kernels that the demo machine runs: each execution exactly once, in the feed during which
/// it ends, however the time is cut into feeds. A step's activity is told when the step begins.
///
/// Threading: the engine's thread, as every Source.
class DemoSource final : public Source {
 public:
  /// Requires a machine. Tells what runs from the machine's start on.
  explicit DemoSource(std::shared_ptr<const DemoMachine> machine);

  void feed(Timestamp until, Intake& intake) override;

  /// Never: it runs for ever.
  [[nodiscard]] bool finished() const override { return false; }

 private:
  void open(Intake& intake);
  void begin_step(Intake& intake);
  void tell(const DemoExecution& execution, Intake& intake);

  static constexpr SeriesSlot kNone{UINT32_MAX};

  std::shared_ptr<const DemoMachine> machine_;
  bool is_open_ = false;
  OwnerId owner_{};
  std::array<DeviceSlot, DemoMachine::kGpus> devices_{};
  std::array<std::vector<SeriesSlot>, DemoMachine::kGpus> series_;  ///< By kernel; kNone: not yet.

  Timestamp fed_until_;
  std::uint64_t next_step_ = 0;            ///< The first one that is not in executions_.
  std::vector<DemoExecution> executions_;  ///< Of the step that is going on.
  std::size_t told_ = 0;                   ///< How many of them are told.
};

}  // namespace gpuvigil
