// SPDX-License-Identifier: Apache-2.0
#include "base/private_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace gpuvigil {
namespace {

constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

std::unexpected<Error> system_failure(std::string_view path, std::string_view what) {
  const int error = errno;
  Errc code = Errc::kIo;
  if (error == ENOENT) code = Errc::kNotFound;
  if (error == EACCES || error == EPERM || error == EROFS) code = Errc::kPermission;
  if (error == ELOOP) {
    return fail(Errc::kPermission,
                fmt::format("{}: is a symbolic link; name the file itself", path));
  }
  return fail(code, fmt::format("{}: {}: {}", path, what, std::strerror(error)));
}

Result<void> check_mode(const std::string& path, const struct stat& info, mode_t forbidden) {
  if ((info.st_mode & forbidden) == 0) return {};
  const bool may_read = (forbidden & S_IROTH) == 0;
  return fail(Errc::kPermission,
              fmt::format("{}: others may {} it (mode {:04o}); run: chmod go-{} '{}'", path,
                          may_read ? "write" : "get at", info.st_mode & 07777U,
                          may_read ? "w" : "rwx", path));
}

Result<void> check_owner(const std::string& path, const struct stat& info, mode_t forbidden) {
  if (info.st_uid != ::geteuid() && info.st_uid != 0) {
    return fail(Errc::kPermission,
                fmt::format("{}: belongs to user {}; it must belong to user {} or root", path,
                            info.st_uid, ::geteuid()));
  }
  return check_mode(path, info, forbidden);
}

/// What an open descriptor is; kInvalidArgument where that is no regular file.
Result<struct stat> look_at(int descriptor, const std::string& path) {
  struct stat info{};
  if (::fstat(descriptor, &info) != 0) return system_failure(path, "cannot be looked at");
  if (!S_ISREG(info.st_mode)) {
    return fail(Errc::kInvalidArgument, fmt::format("{}: is not a regular file", path));
  }
  return info;
}

Result<std::string> read_all(int descriptor, const std::string& path, std::size_t max_bytes) {
  std::string text(max_bytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(descriptor, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure(path, "cannot be read");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > max_bytes) {
    return fail(Errc::kTooLarge, fmt::format("{}: larger than {} bytes", path, max_bytes));
  }
  text.resize(size);
  return text;
}

Result<void> write_all(int descriptor, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_failure(path, "cannot be written");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

Result<std::string> read_private_file(const std::string& path, std::size_t max_bytes) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file) return system_failure(path, "cannot be opened");
  GPUVIGIL_TRY(const struct stat info, look_at(file.get(), path));
  GPUVIGIL_CHECK(check_owner(path, info, kOthers));
  return read_all(file.get(), path, max_bytes);
}

Result<std::string> read_guarded_file(const std::string& path, GuardedFile options) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return system_failure(path, "cannot be opened");
  GPUVIGIL_TRY(const struct stat info, look_at(file.get(), path));
  GPUVIGIL_CHECK(options.any_owner ? check_mode(path, info, S_IWGRP | S_IWOTH)
                                   : check_owner(path, info, S_IWGRP | S_IWOTH));
  return read_all(file.get(), path, options.max_bytes);
}

Result<void> write_private_file(const std::string& path, std::string_view text) {
  const std::string beside = fmt::format("{}.{}.new", path, ::getpid());
  ::unlink(beside.c_str());  // of a process that had our number and died
  {
    const UniqueFd file(
        ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return system_failure(beside, "cannot be made");
    auto written = write_all(file.get(), beside, text);
    if (written && ::fsync(file.get()) != 0) written = system_failure(beside, "cannot be kept");
    if (!written) {
      ::unlink(beside.c_str());
      return written;
    }
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    const auto failure = system_failure(path, "cannot be replaced");
    ::unlink(beside.c_str());
    return failure;
  }
  return {};
}

Result<void> make_private_directory(const std::string& path) {
  std::error_code error;
  const auto parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return system_failure(path, "cannot be made");
  }
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return system_failure(path, "cannot be looked at");
  if (!S_ISDIR(info.st_mode)) {
    return fail(Errc::kInvalidArgument, fmt::format("{}: is not a directory", path));
  }
  return check_owner(path, info, S_IWGRP | S_IWOTH);
}

Result<FileLock> FileLock::take(const std::string& path, Duration patience) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor < 0) return system_failure(path, "cannot be opened");
  FileLock lock(descriptor);
  const SystemClock clock;
  const Timestamp deadline = clock.now() + patience;
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return system_failure(path, "cannot be locked");
    if (clock.now() >= deadline) {
      return fail(Errc::kTimeout, fmt::format("{}: another process holds it; try again", path));
    }
    ::poll(nullptr, 0, 10);  // there is no flock() with a time limit
  }
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace gpuvigil
