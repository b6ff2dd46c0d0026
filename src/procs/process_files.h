// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace gpuvigil {

/// The beginning of a file that has no size until it is read.
struct FileHead {
  std::string bytes;
  bool is_whole = true;  ///< False: there was more than the limit.
};

/// The files that the kernel shows of one process. All of them are of the same process: once it
/// has ended, reading fails even where its number was given to another one.
class ProcessFiles {
 public:
  /// `proc` stands for /proc in tests. Errors: kNotFound (no such process, or hidden from us),
  /// kPermission, kIo.
  [[nodiscard]] static Result<ProcessFiles> open(const std::string& proc, std::uint32_t pid);

  /// At most `limit` bytes of "stat" or its like. Errors: kNotFound (it has ended, or there is no
  /// such file), kPermission (not for our user), kIo.
  [[nodiscard]] Result<FileHead> read(const char* name, std::size_t limit) const;

 private:
  explicit ProcessFiles(UniqueFd directory) : directory_(std::move(directory)) {}
  UniqueFd directory_;
};

}  // namespace gpuvigil
