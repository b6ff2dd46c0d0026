// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace gpuvigil {

/// What the kernel says of one process. Each value stands alone: what cannot be read (no /proc, a
/// file that is hidden, a line that is not as proc(5) has it) is an error that says why.
struct ProcessStats {
  Result<Duration> user_time;            ///< CPU time in the program, in steps of a clock tick.
  Result<Duration> system_time;          ///< CPU time in the kernel for it, the same.
  Result<std::uint64_t> resident_bytes;  ///< Memory in RAM, shared pages included.
  Result<std::uint64_t> threads;
  Result<std::uint64_t> open_files;  ///< Descriptors.
  Result<Timestamp> started;         ///< By the wall clock of now, to a hundredth of a second.
};

/// Reads them of this process, from /proc/self/stat, statm and fd. Some 30 us; with thousands of
/// descriptors on a kernel before 6.2 up to a millisecond.
/// `proc` stands for /proc in tests.
[[nodiscard]] ProcessStats read_process_stats(const std::string& proc = "/proc");

}  // namespace gpuvigil
