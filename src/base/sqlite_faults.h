// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gpuvigil {

/// The name under which SQLite opens files: in a development build one whose reads, writes, syncs
/// and the like fail where a test has armed the failpoint "sqlite.io" (an I/O error) or
/// "sqlite.full" (writes alone: no room); otherwise null, SQLite's own.
///
/// Threading: safe from any thread.
#if defined(GPUVIGIL_FAILPOINTS)
[[nodiscard]] const char* faulty_vfs_name();
#else
[[nodiscard]] constexpr const char* faulty_vfs_name() {
  return nullptr;
}
#endif

}  // namespace gpuvigil
