// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/device.h"
#include "model/event.h"
#include "model/source.h"

// The port between device drivers and everything else:
//
//   Backend         one driver API: which devices, and what one of them says now
//   Roster          which devices there are: retries, loss and return
//   BoardReader     what the devices of one board say: sense of values, lateness
//   Sampler         a thread for the roster and one for each board, and what to say while one of
//                   them does not come back from its driver
//   SampleSource    hands the newest report of each sampler to the engine
//
// A new family of devices is one class behind this port and one row of builtin_backends().

namespace gpuvigil {

class DemoMachine;

/// What answers, or hangs, as a whole: a device, or one that is divided and its parts. Its first
/// device names it.
struct Board {
  std::vector<DeviceInfo> devices;
};

/// One family of devices behind one driver API.
///
/// It reads and does nothing else: retrying, waiting, telling nonsense from values and keeping
/// track of devices that come and go is done once for all backends.
///
/// Threading: boards(), wait_for_events() and sample() come from threads of their own, sample()
/// from one for each board; each may block, and block for ever, without holding up the others.
/// Whoever is in a call holds a share of the backend; the last one destroys it.
class Backend {
 public:
  virtual ~Backend() = default;

  /// What is present now; asked once a round, so that what is plugged in or partitioned appears by
  /// itself.
  /// Errors: any; the roster drops this object and opens another later. kUnavailable: the driver
  /// is gone. kPermission: the system does not let us.
  virtual Result<std::vector<Board>> boards() = 0;

  /// How many users of its devices boards() had no room to read since this was last asked. On the
  /// thread of boards().
  virtual std::uint64_t take_clients_unread() { return 0; }

  /// What one of their devices says. What it cannot tell is Missing with the reason, never zero.
  /// Errors: only when the device gives nothing at all. kNotFound, kUnavailable: it is lost.
  virtual Result<DeviceSample> sample(const DeviceInfo& device, Timestamp now) = 0;

  /// Whether wait_for_events() is worth a thread.
  [[nodiscard]] virtual bool has_events() const { return false; }

  /// What happened to its devices since the last call; waits at most `patience` for something.
  /// Errors: any; it is asked again after a while.
  virtual Result<std::vector<Event>> wait_for_events(Duration /*patience*/,
                                                     const Clock& /*clock*/) {
    return {};
  }
};

/// Opens a backend. kUnavailable is the normal answer of a machine without that driver.
using BackendOpener = std::function<Result<std::unique_ptr<Backend>>()>;

/// What backends may need to be opened.
struct BackendOptions {
  std::shared_ptr<const DemoMachine> demo;  ///< Null: nobody asked for the demo machine.
  std::string nvml_library;  ///< Path or name of NVIDIA's library; empty: where the system has it.
  std::string rocm_smi_library;  ///< The same for AMD's librocm_smi64.
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
