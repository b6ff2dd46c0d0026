// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "collect/nvml_abi.h"

namespace gpuvigil {

/// What a buffer is filled with before the driver writes into it.
inline constexpr std::byte kUnwritten{0xAA};

/// How many bytes each of `records` has, from how far the driver wrote over kUnwritten: 24, or the
/// 32 that some drivers 535 write under the same name and version. `records` is above 0.
[[nodiscard]] std::size_t process_record_bytes(std::span<const std::byte> buffer,
                                               std::size_t records);

/// Fills a buffer with at most `*count` records and sets `*count`; as NVML's functions do.
using ProcessLister = std::function<NvmlCode(std::uint32_t* count, void* records)>;

/// What one of NVML's lists of processes says.
struct ProcessList {
  NvmlCode code = kNvmlOk;
  std::vector<NvmlProcess> processes;
  bool is_cut = false;  ///< There were more than kMaxProcesses.
};

/// More than that are not asked for.
inline constexpr std::uint32_t kMaxProcessesOfDevice = 4096;

/// Asks with a buffer that grows while the driver says that it is too small.
[[nodiscard]] ProcessList list_processes(const ProcessLister& lister);

}  // namespace gpuvigil
