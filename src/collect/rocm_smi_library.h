// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/shared_library.h"
#include "collect/rocm_smi_abi.h"
#include "model/reading.h"

namespace gpuvigil {

/// One function of the library, which this release of it may lack.
template <class... Arguments>
class RsmiFunction {
 public:
  RsmiFunction(const SharedLibrary& library, const char* name)
      : call_(reinterpret_cast<Call>(library.symbol(name))) {}

  /// kRsmiNoFunction when the library lacks it.
  RsmiCode operator()(Arguments... arguments) const {
    return call_ == nullptr ? kRsmiNoFunction : call_(arguments...);
  }

 private:
  using Call = RsmiCode (*)(Arguments...);
  Call call_;
};

/// Every function of the library that is called. `Index`: of the device.
///
/// Not here on purpose: rsmi_dev_pci_throughput_get, which holds its caller for a second, and
/// whatever sets something.
struct RsmiFunctions {
  explicit RsmiFunctions(const SharedLibrary& library) : library_(library) {}
  RsmiFunctions(const RsmiFunctions&) = delete;
  RsmiFunctions& operator=(const RsmiFunctions&) = delete;

 private:
  using Index = std::uint32_t;
  using U32 = std::uint32_t;
  using U64 = std::uint64_t;
  using I64 = std::int64_t;
  template <class... Arguments>
  using F = RsmiFunction<Arguments...>;
  const SharedLibrary& library_;

 public:
  F<U64> init{library_, "rsmi_init"};
  F<> shut_down{library_, "rsmi_shut_down"};
  F<U32, char*, U32> component_version{library_, "rsmi_version_str_get"};
  F<U32*> count{library_, "rsmi_num_monitor_devices"};

  F<Index, U64*> pci_id{library_, "rsmi_dev_pci_id_get"};
  F<Index, U64*> unique_id{library_, "rsmi_dev_unique_id_get"};
  F<Index, char*, std::size_t> name{library_, "rsmi_dev_name_get"};
  F<Index, char*, U32> serial{library_, "rsmi_dev_serial_number_get"};
  F<Index, char*, U32> vbios{library_, "rsmi_dev_vbios_version_get"};
  F<Index, char*, U32> compute_partition{library_, "rsmi_dev_compute_partition_get"};
  F<Index, char*, U32> memory_partition{library_, "rsmi_dev_memory_partition_get"};
  F<Index, std::int32_t*> numa{library_, "rsmi_topo_numa_affinity_get"};

  F<Index, U32*> busy{library_, "rsmi_dev_busy_percent_get"};
  F<Index, U32*> memory_busy{library_, "rsmi_dev_memory_busy_percent_get"};
  F<Index, U32, U64*> memory_total{library_, "rsmi_dev_memory_total_get"};
  F<Index, U32, U64*> memory_used{library_, "rsmi_dev_memory_usage_get"};
  F<Index, U32, U32, I64*> temperature{library_, "rsmi_dev_temp_metric_get"};
  F<Index, U64*, U32*> power{library_, "rsmi_dev_power_get"};
  F<Index, U32, U64*> power_average{library_, "rsmi_dev_power_ave_get"};
  F<Index, U32, U64*> power_cap{library_, "rsmi_dev_power_cap_get"};
  F<Index, U64*> power_cap_default{library_, "rsmi_dev_power_cap_default_get"};
  F<Index, U32, U64*, U64*> power_cap_range{library_, "rsmi_dev_power_cap_range_get"};
  F<Index, U64*, float*, U64*> energy{library_, "rsmi_dev_energy_count_get"};
  F<Index, U32, I64*> fan{library_, "rsmi_dev_fan_speed_get"};
  F<Index, U32, U64*> fan_max{library_, "rsmi_dev_fan_speed_max_get"};
  F<Index, U64*> pcie_replays{library_, "rsmi_dev_pci_replay_counter_get"};
  F<Index, U64*> ecc_blocks{library_, "rsmi_dev_ecc_enabled_get"};
  F<Index, U64, RsmiErrorCount*> ecc{library_, "rsmi_dev_ecc_count_get"};
  F<Index, U32*, void*> bad_pages{library_, "rsmi_dev_memory_reserved_pages_get"};
  F<Index, Index, U64*, U32*> link{library_, "rsmi_topo_get_link_type"};
  F<Index, U32*> xgmi_errors{library_, "rsmi_dev_xgmi_error_status"};
};

/// AMD's system management interface, loaded and initialised.
///
/// Threading: the library locks each device by itself, and so this is safe from any thread. Each
/// of its calls may block, some for ever when a driver hangs: whoever is in a call keeps a share of
/// the library, because it must not be unloaded below them.
class RocmSmi {
 public:
  /// `name` is a path or a name; empty: those that distributions and ROCm give it, newest first.
  /// Errors: kUnavailable (no library, no driver), kPermission.
  [[nodiscard]] static Result<std::shared_ptr<const RocmSmi>> open(const std::string& name);

  /// Shuts it down and unloads it.
  ~RocmSmi();
  RocmSmi(const RocmSmi&) = delete;
  RocmSmi& operator=(const RocmSmi&) = delete;

  [[nodiscard]] const RsmiFunctions& call() const { return functions_; }

 private:
  explicit RocmSmi(SharedLibrary library) : library_(std::move(library)) {}

  SharedLibrary library_;
  RsmiFunctions functions_{library_};
  bool is_initialized_ = false;
};

/// What a caller does about it: kUnavailable (no driver: open again later), kNotFound (this device
/// is gone), kPermission, kIo for the rest. `what` names the call.
[[nodiscard]] Error rsmi_error(RsmiCode code, std::string_view what);

/// Why a reading is absent after this answer, which is not kRsmiOk.
[[nodiscard]] Missing rsmi_missing(RsmiCode code);

}  // namespace gpuvigil
