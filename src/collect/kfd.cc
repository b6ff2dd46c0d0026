// SPDX-License-Identifier: Apache-2.0
#include "collect/kfd.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "collect/sysfs.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxNodes = 1'024;
constexpr std::size_t kMaxProcesses = 4'096;

std::optional<std::uint64_t> parse(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

/// The number in the line "KEY NUMBER" of a "properties" file.
std::optional<std::uint64_t> property(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with(key) && line.substr(key.size()).starts_with(' ')) {
      return parse(line.substr(key.size() + 1));
    }
  }
  return std::nullopt;
}

}  // namespace

std::string gfx_name(std::uint64_t target_version) {
  const std::uint64_t major = target_version / 10'000;
  const std::uint64_t minor = target_version / 100 % 100;
  const std::uint64_t step = target_version % 100;
  if (major == 0 || major > 99 || minor > 15 || step > 15) return {};
  return fmt::format("gfx{}{:x}{:x}", major, minor, step);
}

std::vector<KfdNode> list_kfd_nodes(const std::string& root) {
  const std::string folder = root + "/sys/class/kfd/kfd/topology/nodes";
  std::vector<KfdNode> nodes;
  for (const std::string& name : list_folder(folder, kMaxNodes)) {
    const std::string path = folder + "/" + name;
    const auto id = read_sysfs_number(path + "/gpu_id");
    const auto text = read_sysfs(path + "/properties");
    if (!id || *id <= 0 || *id > UINT32_MAX || !text) continue;  // 0: a processor of the host
    const auto place = property(*text, "location_id");
    if (!place || *place > 0xFFFF) continue;
    const std::uint64_t domain = property(*text, "domain").value_or(0);
    KfdNode node{
        .gpu_id = static_cast<std::uint32_t>(*id),
        .pci_bus_id = normal_pci_bus_id(fmt::format("{:x}:{:x}:{:x}.{:x}", domain, *place >> 8U,
                                                    *place >> 3U & 0x1FU, *place & 7U)),
        .architecture = gfx_name(property(*text, "gfx_target_version").value_or(0)),
        .compute_units = std::nullopt};
    const auto simds = property(*text, "simd_count");
    const auto simds_each = property(*text, "simd_per_cu");
    if (simds && simds_each && *simds_each > 0 && *simds <= UINT32_MAX) {
      node.compute_units = static_cast<std::uint32_t>(*simds / *simds_each);
    }
    nodes.push_back(std::move(node));
  }
  return nodes;
}

std::map<std::uint32_t, Bytes> kfd_processes(const std::string& root, std::uint32_t gpu_id) {
  const std::string folder = root + "/sys/class/kfd/kfd/proc";
  std::map<std::uint32_t, Bytes> processes;
  for (const std::string& name : list_folder(folder, kMaxProcesses)) {
    const auto pid = parse(name);
    if (!pid || *pid > UINT32_MAX) continue;
    const auto held = read_sysfs_number(fmt::format("{}/{}/vram_{}", folder, name, gpu_id));
    if (!held || *held <= 0) continue;
    processes.emplace(static_cast<std::uint32_t>(*pid), Bytes(static_cast<std::uint64_t>(*held)));
  }
  return processes;
}

}  // namespace gpuvigil
