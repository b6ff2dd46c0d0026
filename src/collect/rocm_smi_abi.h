// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

// The part of librocm_smi64's binary interface that is used, in our own words: numbers and layouts
// that are the same in rocm_smi.h of ROCm 4.0.0, 5.2.3 (Debian 12), 5.7.1, 6.0.0, 6.2.0 and of the
// last one that was published alone (rocm_smi_lib a129571, 2024-10). What changed between them is
// not used: the records of clocks and of gpu_metrics, and the list of processes.

namespace gpuvigil {

/// rsmi_status_t.
using RsmiCode = std::uint32_t;
inline constexpr RsmiCode kRsmiOk = 0;
inline constexpr RsmiCode kRsmiInvalidArguments = 1;
inline constexpr RsmiCode kRsmiNotSupported = 2;
inline constexpr RsmiCode kRsmiFileError = 3;
inline constexpr RsmiCode kRsmiPermission = 4;
inline constexpr RsmiCode kRsmiInitError = 8;
inline constexpr RsmiCode kRsmiNotImplemented = 9;
inline constexpr RsmiCode kRsmiNotFound = 10;
inline constexpr RsmiCode kRsmiNoData = 14;
inline constexpr RsmiCode kRsmiBusy = 16;
/// Ours: this release of the library lacks the function.
inline constexpr RsmiCode kRsmiNoFunction = 0xFFFF'FF00U;

/// RSMI_INIT_FLAG_THRAD_ONLY_MUTEX: locks of this process alone. Without it the library shares
/// locks with all processes of the machine, and one that died in it holds us up. Old releases
/// ignore it.
inline constexpr std::uint64_t kRsmiOwnLocks = 0x0400'0000'0000'0000U;

/// rsmi_temperature_type_t and rsmi_temperature_metric_t.
inline constexpr std::uint32_t kRsmiEdge = 0;
inline constexpr std::uint32_t kRsmiJunction = 1;
inline constexpr std::uint32_t kRsmiMemory = 2;
inline constexpr std::uint32_t kRsmiCurrent = 0;
inline constexpr std::uint32_t kRsmiCritical = 5;
inline constexpr std::uint32_t kRsmiEmergency = 7;

inline constexpr std::uint32_t kRsmiVram = 0;          ///< rsmi_memory_type_t.
inline constexpr std::uint32_t kRsmiDriver = 0;        ///< rsmi_sw_component_t.
inline constexpr std::uint32_t kRsmiAveragePower = 0;  ///< RSMI_POWER_TYPE.
inline constexpr std::uint32_t kRsmiInstantPower = 1;
inline constexpr std::uint32_t kRsmiLinkXgmi = 2;  ///< RSMI_IO_LINK_TYPE.

/// rsmi_error_count_t.
struct RsmiErrorCount {
  std::uint64_t corrected = 0;
  std::uint64_t uncorrected = 0;
  /// Not in any release so far: room for one that would write more than it should.
  std::uint64_t reserve[6] = {};
};
static_assert(offsetof(RsmiErrorCount, uncorrected) == 8);

/// A place on the PCI bus as rsmi_dev_pci_id_get packs it: domain << 32, bus << 8, device << 3,
/// function. Bits 28 to 31 are a partition of it.
struct RsmiPlace {
  std::uint32_t domain;
  std::uint32_t bus;
  std::uint32_t device;
  std::uint32_t function;
};
[[nodiscard]] constexpr RsmiPlace unpack_place(std::uint64_t id) {
  return {.domain = static_cast<std::uint32_t>(id >> 32U),
          .bus = static_cast<std::uint32_t>(id >> 8U) & 0xFFU,
          .device = static_cast<std::uint32_t>(id >> 3U) & 0x1FU,
          .function = static_cast<std::uint32_t>(id) & 7U};
}

}  // namespace gpuvigil
