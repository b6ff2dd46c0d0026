// SPDX-License-Identifier: Apache-2.0
#include "collect/sysfs.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "base/unique_fd.h"

namespace gpuvigil {
namespace {

Missing why(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return Missing::kNoPermission;
    case ENOENT:
    case ENOTDIR:
    case ENODEV:
    case EOPNOTSUPP:
    case ENODATA:
    case EINVAL:  // what drivers say of a sensor that this board lacks
      return Missing::kUnsupported;
    default:
      return Missing::kDriverError;
  }
}

std::string_view first_line(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\0'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

/// "1: 1000Mhz *" is 1000; "S: 19Mhz" is what a clock that sleeps has.
std::optional<std::uint32_t> megahertz_of(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  line.remove_prefix(colon + 1);
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc()) return std::nullopt;
  const std::string_view unit = line.substr(static_cast<std::size_t>(end - line.data()));
  if (!unit.starts_with("Mhz") && !unit.starts_with("MHz")) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> hex(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

Reading<std::string> read_sysfs(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return missing(why(errno));
  std::string bytes(kMaxSysfsBytes, '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count = ::read(file.get(), bytes.data() + filled, bytes.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return missing(why(errno));
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  bytes.resize(filled);
  return bytes;
}

std::string read_sysfs_line(const std::string& path) {
  const auto bytes = read_sysfs(path);
  return bytes ? clean_text(first_line(*bytes)) : std::string();
}

Reading<std::int64_t> read_sysfs_number(const std::string& path) {
  const auto bytes = read_sysfs(path);
  if (!bytes) return missing(bytes.error());
  const std::string_view line = first_line(*bytes);
  std::int64_t value = 0;
  const char* const end = line.data() + line.size();
  const auto [stop, error] = std::from_chars(line.data(), end, value);
  if (error != std::errc() || stop != end) return missing(Missing::kDriverError);
  return value;
}

std::vector<std::string> list_folder(const std::string& path, std::size_t limit) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  if (!folder) return names;
  while (const dirent* entry = ::readdir(folder.get())) {
    if (names.size() == limit) break;
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

std::string_view uevent_value(std::string_view uevent, std::string_view key) {
  while (!uevent.empty()) {
    const std::string_view line = take_line(uevent);
    if (line.starts_with(key) && line.substr(key.size()).starts_with('=')) {
      return line.substr(key.size() + 1);
    }
  }
  return {};
}

std::optional<std::uint32_t> current_dpm_megahertz(std::string_view table) {
  while (!table.empty()) {
    const std::string_view line = take_line(table);
    if (line.contains('*')) return megahertz_of(line);
  }
  return std::nullopt;
}

std::optional<std::uint32_t> highest_dpm_megahertz(std::string_view table) {
  std::optional<std::uint32_t> highest;
  while (!table.empty()) {
    const auto value = megahertz_of(take_line(table));
    if (value) highest = std::max(highest.value_or(0), *value);
  }
  return highest;
}

std::string normal_pci_bus_id(std::string_view text) {
  const std::size_t dot = text.rfind('.');
  const std::size_t second = dot == std::string_view::npos ? dot : text.rfind(':', dot);
  if (second == std::string_view::npos || second == 0) return {};
  const std::size_t first = text.rfind(':', second - 1);
  const auto domain = first == std::string_view::npos ? std::optional<std::uint64_t>(0)
                                                      : hex(text.substr(0, first));
  const std::size_t bus_at = first == std::string_view::npos ? 0 : first + 1;
  const auto bus = hex(text.substr(bus_at, second - bus_at));
  const auto slot = hex(text.substr(second + 1, dot - second - 1));
  const auto function = hex(text.substr(dot + 1));
  if (!domain || !bus || !slot || !function || *domain > 0xFFFFFFFF || *bus > 0xFF ||
      *slot > 0x1F || *function > 7) {
    return {};
  }
  return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", *domain, *bus, *slot, *function);
}

std::optional<std::uint32_t> pcie_generation(std::string_view speed) {
  static constexpr std::array<std::string_view, 7> kSpeeds = {"2.5", "5",  "8",  "16",
                                                              "32",  "64", "128"};
  std::string_view number = speed.substr(0, speed.find(' '));
  if (number.ends_with(".0")) number.remove_suffix(2);
  const auto* found = std::ranges::find(kSpeeds, number);
  if (found == kSpeeds.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - kSpeeds.begin()) + 1;
}

}  // namespace gpuvigil
