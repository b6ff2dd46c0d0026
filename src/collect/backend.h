// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/device.h"
#include "model/source.h"

// The port between device drivers and everything else:
//
//   Backend         one driver API: which devices, and what one of them says now
//   Poller          one round over a backend: retries, loss and return of devices, sense of values
//   Sampler         the thread that owns a poller, and what to say while a driver does not answer
//   SampleSource    hands the newest report of each sampler to the engine
//
// A new family of devices is one class behind this port and one row of builtin_backends().

namespace gpuvigil {

class DemoMachine;

/// One family of devices behind one driver API.
///
/// It reads and does nothing else: retrying, waiting, telling nonsense from values and keeping
/// track of devices that come and go is the poller's, once for all backends.
///
/// Threading: every call, the destructor included, comes from one sampler thread and may block.
class Backend {
 public:
  virtual ~Backend() = default;

  /// The devices that are present now; asked once a round, so that what is plugged in or
  /// partitioned appears by itself.
  /// Errors: any; the poller drops this object and opens another later. kUnavailable: the driver
  /// is gone. kPermission: the system does not let us.
  virtual Result<std::vector<DeviceInfo>> devices() = 0;

  /// What one of them says. What it cannot tell is Missing with the reason, never zero.
  /// Errors: only when the device gives nothing at all. kNotFound, kUnavailable: it is lost.
  virtual Result<DeviceSample> sample(const DeviceInfo& device, Timestamp now) = 0;
};

/// Opens a backend. kUnavailable is the normal answer of a machine without that driver.
using BackendOpener = std::function<Result<std::unique_ptr<Backend>>()>;

/// What backends may need to be opened.
struct BackendOptions {
  std::shared_ptr<const DemoMachine> demo;  ///< Null: nobody asked for the demo machine.
};

struct BackendEntry {
  std::string_view name;  ///< DeviceInfo::source of its devices.
  Result<std::unique_ptr<Backend>> (*open)(const BackendOptions& options);
};

/// Every backend of this build. The one place to add one.
[[nodiscard]] std::span<const BackendEntry> builtin_backends();

/// A simulated machine: its devices come from the backend that is given it, its kernels from here.
struct Demo {
  std::shared_ptr<const DemoMachine> machine;
  std::unique_ptr<Source> kernels;
};

/// The same `seed` gives the same machine, which begins `now`.
/// Errors: kInvalidArgument (it was left out of this build).
[[nodiscard]] Result<Demo> make_demo(std::uint64_t seed, Timestamp now);

}  // namespace gpuvigil
