// SPDX-License-Identifier: Apache-2.0
#include "apps/whole_file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace gpuvigil {
namespace {

std::unexpected<Error> system_failure(const std::string& path, int error = errno) {
  return fail(Errc::kIo, fmt::format("{}: {}", path, std::strerror(error)));
}

/// Where the file really is: a symbolic link stays one. Errors: kIo for what cannot be a file.
Result<std::string> place_of(const std::string& path) {
  if (path.empty()) return system_failure(path, ENOENT);
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  std::string place = real ? std::string(real.get()) : path;
  struct stat status{};
  if (::stat(place.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    return system_failure(path, EISDIR);
  }
  return place;
}

bool is_special(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

std::string name_beside(const std::string& path) {
  return fmt::format("{}.{}.new", path, ::getpid());
}

Result<UniqueFd> open_new(const std::string& path) {
  ::unlink(path.c_str());  // of a process that had our number and died
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!file) return system_failure(path);
  return file;
}

Result<UniqueFd> open_special(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return system_failure(path);
  return file;
}

Result<void> write_all(int fd, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    const ssize_t done = ::write(fd, text.data(), text.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return system_failure(path);
    text.remove_prefix(static_cast<std::size_t>(done));
  }
  return {};
}

}  // namespace

Result<void> check_whole_file(const std::string& path) {
  GPUVIGIL_TRY(const std::string place, place_of(path));
  if (is_special(place)) return {};
  const std::string beside = name_beside(place);
  GPUVIGIL_CHECK(open_new(beside));
  ::unlink(beside.c_str());
  return {};
}

Result<void> write_whole_file(const std::string& path, std::string_view text) {
  GPUVIGIL_TRY(const std::string place, place_of(path));
  if (is_special(place)) {
    GPUVIGIL_TRY(const UniqueFd file, open_special(place));
    return write_all(file.get(), path, text);
  }
  const std::string beside = name_beside(place);
  GPUVIGIL_TRY(const UniqueFd file, open_new(beside));
  auto written = write_all(file.get(), path, text);
  if (written && ::rename(beside.c_str(), place.c_str()) != 0) written = system_failure(path);
  if (!written) ::unlink(beside.c_str());
  return written;
}

}  // namespace gpuvigil
