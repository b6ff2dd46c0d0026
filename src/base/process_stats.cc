// SPDX-License-Identifier: Apache-2.0
#include "base/process_stats.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace gpuvigil {
namespace {

std::unexpected<Error> unreadable(const std::string& path, int error) {
  return fail(error == EACCES || error == EPERM ? Errc::kPermission : Errc::kUnavailable,
              fmt::format("{}: {}", path, std::strerror(error)));
}

std::unexpected<Error> odd(const std::string& path) {
  return fail(Errc::kCorrupt, fmt::format("{}: not as proc(5) has it", path));
}

/// The beginning of a file of /proc, which has no size until it is read.
Result<std::string> read_head(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return unreadable(path, errno);
  std::array<char, 4096> text{};
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size < 0) return unreadable(path, errno);
  return std::string(text.data(), static_cast<std::size_t>(size));
}

/// The field of that number (from 0) of a line of words, as a number.
std::optional<std::uint64_t> number_at(std::string_view line, std::size_t field) {
  for (; field > 0; --field) {
    const auto space = line.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    line.remove_prefix(space + 1);
  }
  std::uint64_t number = 0;
  const char* end = line.data() + line.size();
  const auto [stop, error] = std::from_chars(line.data(), end, number);
  if (error != std::errc() || (stop != end && *stop != ' ' && *stop != '\n')) return std::nullopt;
  return number;
}

/// The line of /proc/PID/stat behind the name of the program, which may hold anything.
Result<std::string> stat_fields(const std::string& path) {
  GPUVIGIL_TRY(std::string line, read_head(path));
  const auto name_end = line.rfind(") ");
  if (name_end == std::string::npos) return odd(path);
  return line.substr(name_end + 2);
}

/// Field `number` as proc(5) counts them: 3 is the state, the first behind the name.
Result<std::uint64_t> stat_field(const Result<std::string>& fields, const std::string& path,
                                 std::size_t number) {
  if (!fields) return std::unexpected(fields.error());
  const auto value = number_at(*fields, number - 3);
  if (!value) return odd(path);
  return *value;
}

Result<Duration> stat_time(const Result<std::string>& fields, const std::string& path,
                           std::size_t number) {
  GPUVIGIL_TRY(const std::uint64_t count, stat_field(fields, path, number));
  const auto per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return std::chrono::seconds(count / per_second) +
         Duration(count % per_second * 1'000'000'000 / per_second);
}

/// What the kernel counts from the boot, by the wall clock.
Result<Timestamp> start_time(const Result<std::string>& fields, const std::string& path) {
  GPUVIGIL_TRY(const Duration after_boot, stat_time(fields, path, 22));
  return wall_time() - (time_since_boot() - after_boot);
}

Result<std::uint64_t> resident_bytes(const std::string& path) {
  GPUVIGIL_TRY(const std::string line, read_head(path));
  const auto pages = number_at(line, 1);
  if (!pages) return odd(path);
  return *pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Result<std::uint64_t> open_files(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return unreadable(path, errno);
  if (info.st_size > 0) return static_cast<std::uint64_t>(info.st_size);  // since Linux 6.2
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (!directory) return unreadable(path, errno);
  std::uint64_t count = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] != '.') ++count;
  }
  return count - 1;  // the directory itself was open
}

}  // namespace

ProcessStats read_process_stats(const std::string& proc) {
  const std::string self = proc + "/self";
  const std::string stat = self + "/stat";
  const auto fields = stat_fields(stat);
  return {.user_time = stat_time(fields, stat, 14),
          .system_time = stat_time(fields, stat, 15),
          .resident_bytes = resident_bytes(self + "/statm"),
          .threads = stat_field(fields, stat, 20),
          .open_files = open_files(self + "/fd"),
          .started = start_time(fields, stat)};
}

}  // namespace gpuvigil
