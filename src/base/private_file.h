// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace gpuvigil {

/// Files that only their owner may see or change: tokens, keys, what commands the program. But for
/// read_guarded_file(), nothing here follows a symbolic link in the last place of a path.

/// The whole file. Errors: kNotFound; kPermission when it belongs to neither this user nor root, or
/// when group or others may read or write it (the message names the command that mends it);
/// kInvalidArgument when it is no regular file; kTooLarge beyond `max_bytes`; kIo.
[[nodiscard]] Result<std::string> read_private_file(const std::string& path, std::size_t max_bytes);

struct GuardedFile {
  std::size_t max_bytes;
  bool any_owner = false;  ///< Of whomever: the user who named it answers for it.
};

/// The whole file, as long as nobody but its owner may write it; all may read it.
/// Errors: as read_private_file.
[[nodiscard]] Result<std::string> read_guarded_file(const std::string& path, GuardedFile options);

/// Replaces the file in one step, mode 0600: a crash leaves the old one or the new one.
/// Errors: kIo, kPermission.
[[nodiscard]] Result<void> write_private_file(const std::string& path, std::string_view text);

/// Makes the directory, mode 0700, with its parents.
/// Errors: kPermission when it is there and others may write it or it is somebody else's; kIo.
[[nodiscard]] Result<void> make_private_directory(const std::string& path);

/// Keeps other processes that ask for the same lock out, until it is destroyed.
class FileLock {
 public:
  /// Waits up to `patience`. Errors: kTimeout; kIo, kPermission.
  [[nodiscard]] static Result<FileLock> take(const std::string& path,
                                             Duration patience = std::chrono::seconds(5));
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace gpuvigil
