// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/sqlite_database.h"
#include "model/kernel_history.h"
#include "store/kernel_file.h"

namespace gpuvigil {

/// What of the kernels is not in the file yet, as it was between two commits: while the file can be
/// written, nothing.
struct KernelHead {
  std::vector<KernelStep> steps;
  std::vector<StoredKernel> names;
  std::vector<std::string> devices;  ///< All of them, by number.
};

/// Checked before anything is read. Errors: kTooLarge for more points than there may be.
[[nodiscard]] Result<void> check_kernel_query(const KernelHistoryQuery& query);

/// What one kernel did, a step after the other; all of it as it was at one moment.
/// Errors: kNotFound where its name is not known, kTooLarge; as SqliteDatabase::execute(). What is
/// damaged is a gap, and counted.
[[nodiscard]] Result<KernelHistory> read_kernel_history(SqliteDatabase& db, const KernelHead& head,
                                                        const KernelHistoryQuery& query,
                                                        std::uint64_t& damaged);

/// What all kernels did since then; at most 64 000 series, the rest is under __other__.
/// Errors: as SqliteDatabase::execute().
[[nodiscard]] Result<KernelWindow> read_kernel_window(SqliteDatabase& db, const KernelHead& head,
                                                      Timestamp since, std::uint64_t& damaged);

}  // namespace gpuvigil
