// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "collect/fdinfo.h"
#include "model/device_details.h"

namespace gpuvigil {

/// What the processes of this machine do on one device.
struct DrmDeviceUse {
  std::vector<DeviceProcess> processes;  ///< By pid.
  /// The busiest kind of engine that runs kernels, over the time since the last scan.
  Reading<Percent> busy = missing(Missing::kNotSampled);
};

/// Finds the clients of graphics devices among the open files of all processes.
///
/// A client may be open in several files and several processes; it counts once, for the process
/// with the lowest number. Time on engines is told as a share of the time between two scans.
///
/// Threading: one thread; reads files of /proc.
class DrmClients {
 public:
  static constexpr std::size_t kMaxProcesses = 65'536;  ///< That are looked at.
  static constexpr std::size_t kMaxFiles = 1U << 20U;   ///< Of all processes together.
  static constexpr std::size_t kMaxClients = 4'096;     ///< Beyond: counted in clients_dropped().
  /// Every so many scans all processes are looked at, else those that had a client.
  static constexpr unsigned kFullEvery = 5;

  /// `root` stands for / in tests.
  explicit DrmClients(std::string root, std::size_t max_clients = kMaxClients)
      : root_(std::move(root)), max_clients_(max_clients) {}

  /// Looks again. `now`: of a clock that only goes forward.
  void scan(Duration now);

  /// What the last two scans tell of a device. `held`: what the processes of ROCm hold of its
  /// memory, as kfd_processes() tells; also of those whose files we may not see.
  [[nodiscard]] DrmDeviceUse use_of(const std::string& pci_bus_id,
                                    const std::map<std::uint32_t, Bytes>& held = {}) const;

  /// False when there are processes whose files we may not see.
  [[nodiscard]] bool sees_all() const { return sees_all_; }
  [[nodiscard]] std::uint64_t clients_dropped() const { return clients_dropped_; }

 private:
  using ClientId = std::pair<std::string, std::uint64_t>;  // of which device, and its number there
  struct Client {
    std::uint32_t pid = 0;
    DrmUsage usage;
  };
  using Clients = std::map<ClientId, Client>;

  [[nodiscard]] std::vector<std::uint32_t> numbers_of_processes() const;
  void scan_process(std::uint32_t pid, Clients& clients, std::size_t& files);
  [[nodiscard]] bool runs_user_queues(std::uint32_t pid) const;
  [[nodiscard]] double share(const ClientId& id, const DrmUsage::Engine& engine) const;

  std::string root_;
  std::size_t max_clients_;
  unsigned scans_ = 0;
  bool sees_all_ = true;
  std::uint64_t clients_dropped_ = 0;
  Duration scanned_{};
  Duration between_{};  ///< The last two scans; zero: there was one.
  Clients clients_;
  Clients before_;
};

}  // namespace gpuvigil
