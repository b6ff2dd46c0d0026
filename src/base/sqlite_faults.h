// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gpuvigil {

/// The name under which SQLite opens files: in a development build one whose reads, writes, syncs
/// and the like fail where a test has armed a failpoint; otherwise null, SQLite's own.
///
///   sqlite.io        an I/O error         sqlite.full   writes alone: no room
///   sqlite.io_once   the same error, once sqlite.kill   the process is killed in the middle
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
