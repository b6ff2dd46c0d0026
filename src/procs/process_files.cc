// SPDX-License-Identifier: Apache-2.0
#include "procs/process_files.h"

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace gpuvigil {
namespace {

std::unexpected<Error> failure(std::string_view path, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ESRCH:  // the process ended between opening and reading
      return fail(Errc::kNotFound, fmt::format("{}: no such process", path));
    case EACCES:
    case EPERM:
      return fail(Errc::kPermission, fmt::format("{}: permission denied", path));
    default:
      return fail(Errc::kIo, fmt::format("{}: {}", path, std::strerror(error)));
  }
}

}  // namespace

Result<ProcessFiles> ProcessFiles::open(const std::string& proc, std::uint32_t pid) {
  const std::string path = fmt::format("{}/{}", proc, pid);
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!directory) return failure(path, errno);
  return ProcessFiles(std::move(directory));
}

Result<FileHead> ProcessFiles::read(const char* name, std::size_t limit) const {
  const UniqueFd file(
      ::openat(directory_.get(), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return failure(name, errno);
  constexpr std::size_t kStep = 4096;
  FileHead head;
  for (;;) {
    const std::size_t filled = head.bytes.size();
    head.bytes.resize(filled + kStep);
    const ssize_t count = ::read(file.get(), head.bytes.data() + filled, kStep);
    if (count < 0 && errno == EINTR) {
      head.bytes.resize(filled);
      continue;
    }
    if (count < 0) return failure(name, errno);
    head.bytes.resize(filled + static_cast<std::size_t>(count));
    if (head.bytes.size() > limit) {
      head.bytes.resize(limit);
      head.is_whole = false;
      return head;
    }
    if (count == 0) return head;
  }
}

}  // namespace gpuvigil
