// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failpoint.h"

namespace gpuvigil {
namespace {

std::unexpected<Error> system_failure(const std::string& path, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return fail(Errc::kNotFound, fmt::format("{}: no such file; check the path", path));
    case EACCES:
    case EPERM:
      return fail(Errc::kPermission,
                  fmt::format("{}: permission denied; run as a user who may read it", path));
    default:
      return fail(Errc::kIo, fmt::format("{}: {}", path, std::strerror(error)));
  }
}

/// Why something of this kind is not read; empty for a regular file.
std::string_view refusal(mode_t mode) {
  if (S_ISREG(mode)) return {};
  if (S_ISDIR(mode)) return "is a directory; name a file in it";
  if (S_ISFIFO(mode)) return "is a pipe; save its content to a file first";
  if (S_ISSOCK(mode)) return "is a socket; name a regular file";
  return "is a device; name a regular file";
}

}  // namespace

Result<std::size_t> read_fully(ByteSource& source, std::span<char> into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    GPUVIGIL_TRY(const std::size_t count, source.read(into.subspan(filled)));
    if (count == 0) break;
    filled += count;
  }
  return filled;
}

Result<FileSource> FileSource::open(const std::string& path) {
  // Asked before it is opened, because opening a device can already do something; asked again
  // after, because the path may mean something else by then.
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return system_failure(path, errno);
  if (const auto why = refusal(info.st_mode); !why.empty()) {
    return fail(Errc::kInvalidArgument, fmt::format("{} {}", path, why));
  }
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) return system_failure(path, errno);
  FileSource file(descriptor, 0, path);
  if (::fstat(descriptor, &info) != 0) return system_failure(path, errno);
  if (const auto why = refusal(info.st_mode); !why.empty()) {
    return fail(Errc::kInvalidArgument, fmt::format("{} {}", path, why));
  }
  file.size_ = static_cast<std::uint64_t>(info.st_size);
  // Advice only: a file system that cannot take it reads as well without.
  static_cast<void>(::posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL));
  return file;
}

FileSource::FileSource(int descriptor, std::uint64_t size, std::string path)
    : descriptor_(descriptor), size_(size), path_(std::move(path)) {}

FileSource::FileSource(FileSource&& other) noexcept
    : ByteSource(),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_),
      position_(other.position_),
      path_(std::move(other.path_)) {}

FileSource::~FileSource() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<std::size_t> FileSource::read(std::span<char> into) {
  if (failpoint("file.read")) return system_failure(path_, EIO);
  for (;;) {
    const ssize_t count = ::read(descriptor_, into.data(), into.size());
    if (count >= 0) {
      position_ += static_cast<std::uint64_t>(count);
      return static_cast<std::size_t>(count);
    }
    if (errno != EINTR) return system_failure(path_, errno);
  }
}

Result<std::string> FileSource::head(std::size_t count) const {
  std::string bytes(count, '\0');
  std::size_t filled = 0;
  while (filled < count) {
    const ssize_t got =
        ::pread(descriptor_, bytes.data() + filled, count - filled, static_cast<off_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure(path_, errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

Result<std::size_t> MemorySource::read(std::span<char> into) {
  const std::size_t count = std::min({into.size(), chunk_, bytes_.size() - position_});
  if (count == 0) return 0;  // of no bytes at all there may be no address
  std::memcpy(into.data(), bytes_.data() + position_, count);
  position_ += count;
  return count;
}

}  // namespace gpuvigil
