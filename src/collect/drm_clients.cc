// SPDX-License-Identifier: Apache-2.0
#include "collect/drm_clients.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <set>
#include <string_view>

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collect/sysfs.h"

namespace gpuvigil {
namespace {

constexpr std::array kRoles = {EngineRole::kGraphics, EngineRole::kCompute, EngineRole::kEncode,
                               EngineRole::kDecode, EngineRole::kOther};
using Shares = std::array<double, kRoles.size()>;

double& share_of(Shares& shares, EngineRole role) {
  return shares[static_cast<std::size_t>(role)];
}

std::optional<std::uint32_t> number_of(std::string_view name) {
  std::uint32_t number = 0;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

bool leads_to_device(const std::string& link) {
  std::array<char, 64> target{};
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  return size > 0 &&
         std::string_view(target.data(), static_cast<std::size_t>(size)).starts_with("/dev/dri/");
}

Percent percent(double share) {
  return Percent(std::clamp(share * 100, 0.0, 100.0));
}

/// A counter's growth; one that fell is of another life.
double growth(std::uint64_t now, std::uint64_t before) {
  return now >= before ? static_cast<double>(now - before) : 0.0;
}

/// What one process does on the device, put together from its clients.
struct ProcessSum {
  Shares shares{};
  std::optional<std::uint64_t> memory;
  bool has_graphics = false;
  bool has_compute = false;
  bool has_encoder = false;
  bool has_decoder = false;
  bool was_before = false;  ///< All of it was there at the last scan.
};

DeviceProcess::Type type_of(const ProcessSum& sum) {
  if (sum.has_graphics && sum.has_compute) return DeviceProcess::Type::kBoth;
  return sum.has_graphics ? DeviceProcess::Type::kGraphics : DeviceProcess::Type::kCompute;
}

}  // namespace

std::vector<std::uint32_t> DrmClients::numbers_of_processes() const {
  std::set<std::uint32_t> pids;
  if (scans_ % kFullEvery == 0) {
    for (const std::string& name : list_folder(root_ + "/proc", kMaxProcesses)) {
      if (const auto pid = number_of(name)) pids.insert(*pid);
    }
  } else {
    for (const auto& [id, client] : clients_) pids.insert(client.pid);
  }
  return {pids.begin(), pids.end()};
}

void DrmClients::scan(Duration now) {
  between_ = scans_ == 0 ? Duration::zero() : std::max(now - scanned_, Duration::zero());
  if (scans_ % kFullEvery == 0) sees_all_ = true;
  Clients found;
  std::size_t files = 0;
  for (const std::uint32_t pid : numbers_of_processes()) scan_process(pid, found, files);
  before_ = std::exchange(clients_, std::move(found));
  scanned_ = now;
  ++scans_;
}

void DrmClients::scan_process(std::uint32_t pid, Clients& clients, std::size_t& files) {
  const std::string process = fmt::format("{}/proc/{}", root_, pid);
  const std::string open_files = process + "/fd";
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(open_files.c_str()), ::closedir);
  if (!folder) {
    if (errno == EACCES || errno == EPERM) sees_all_ = false;
    return;
  }
  while (const dirent* entry = ::readdir(folder.get())) {
    const auto* name = static_cast<const char*>(entry->d_name);
    if (name[0] == '.' || !leads_to_device(fmt::format("{}/{}", open_files, name))) continue;
    if (++files > kMaxFiles) return;
    const auto text = read_sysfs(fmt::format("{}/fdinfo/{}", process, name));
    auto usage = text ? parse_fdinfo(*text) : std::nullopt;
    if (!usage) continue;
    const ClientId id(usage->pci_bus_id, usage->client);
    if (clients.contains(id)) continue;
    if (clients.size() == max_clients_) {
      ++clients_dropped_;
      continue;
    }
    clients.emplace(id, Client{.pid = pid, .usage = *std::move(usage)});
  }
}

/// A process of ROCm puts its work into queues of its own, past the engines' accounts: that these
/// say nothing does not mean that it does nothing.
bool DrmClients::runs_user_queues(std::uint32_t pid) const {
  struct stat info{};
  return ::stat(fmt::format("{}/sys/class/kfd/kfd/proc/{}", root_, pid).c_str(), &info) == 0;
}

/// How much of the time between the scans this client had engines of a kind busy; 0 to 1 where
/// there is one of them.
double DrmClients::share(const ClientId& id, const DrmUsage::Engine& engine) const {
  const auto client = before_.find(id);
  if (client == before_.end()) return 0;
  const auto& engines = client->second.usage.engines;
  const auto before = std::ranges::find(engines, engine.name, &DrmUsage::Engine::name);
  if (before == engines.end()) return 0;
  const auto capacity = static_cast<double>(engine.capacity);
  if (engine.cycles && engine.total_cycles && before->cycles && before->total_cycles) {
    const double total = growth(*engine.total_cycles, *before->total_cycles);
    return total > 0 ? growth(*engine.cycles, *before->cycles) / total / capacity : 0;
  }
  if (engine.busy_ns && before->busy_ns && between_ > Duration::zero()) {
    return growth(*engine.busy_ns, *before->busy_ns) / static_cast<double>(between_.count()) /
           capacity;
  }
  return 0;
}

DrmDeviceUse DrmClients::use_of(const std::string& pci_bus_id,
                                const std::map<std::uint32_t, Bytes>& held) const {
  std::map<std::uint32_t, ProcessSum> sums;
  Shares device{};
  for (const auto& [id, client] : clients_) {
    if (id.first != pci_bus_id) continue;
    ProcessSum& sum = sums.try_emplace(client.pid, ProcessSum{.was_before = true}).first->second;
    sum.was_before = sum.was_before && before_.contains(id);
    if (client.usage.memory_bytes) {
      sum.memory = sum.memory.value_or(0) + *client.usage.memory_bytes;
    }
    for (const DrmUsage::Engine& engine : client.usage.engines) {
      const EngineRole role = role_of_engine(engine.name);
      const double part = share(id, engine);
      share_of(sum.shares, role) += part;
      share_of(device, role) += part;
      const bool was_used = engine.busy_ns.value_or(0) + engine.cycles.value_or(0) > 0;
      sum.has_graphics = sum.has_graphics || (was_used && role == EngineRole::kGraphics);
      sum.has_compute = sum.has_compute || (was_used && role == EngineRole::kCompute);
      sum.has_encoder = sum.has_encoder || role == EngineRole::kEncode;
      sum.has_decoder = sum.has_decoder || role == EngineRole::kDecode;
    }
  }
  for (const auto& [pid, bytes] : held) {
    ProcessSum& sum = sums.try_emplace(pid, ProcessSum{.was_before = true}).first->second;
    // Kernels differ in whether a client's account has this memory too.
    sum.memory = std::max(sum.memory.value_or(0), bytes.count());
  }
  DrmDeviceUse use;
  for (auto& [pid, sum] : sums) {
    const bool has_queues = runs_user_queues(pid);
    sum.has_compute = sum.has_compute || has_queues;
    if (sum.memory.value_or(0) == 0 && !sum.has_graphics && !sum.has_compute) continue;
    DeviceProcess process{.pid = pid, .type = type_of(sum)};
    if (sum.memory) process.memory = Bytes(*sum.memory);
    const Missing why = has_queues ? Missing::kUnsupported : Missing::kNotSampled;
    const bool is_known = sum.was_before && between_ > Duration::zero();
    process.sm_utilization = missing(why);
    if (is_known && !has_queues) {
      process.sm_utilization = percent(std::max(share_of(sum.shares, EngineRole::kGraphics),
                                                share_of(sum.shares, EngineRole::kCompute)));
    }
    if (is_known && sum.has_encoder) {
      process.encoder_utilization = percent(share_of(sum.shares, EngineRole::kEncode));
    }
    if (is_known && sum.has_decoder) {
      process.decoder_utilization = percent(share_of(sum.shares, EngineRole::kDecode));
    }
    if (use.processes.size() < DeviceDetails::kMaxProcesses) use.processes.push_back(process);
  }
  if (between_ > Duration::zero()) {
    use.busy = percent(
        std::max(share_of(device, EngineRole::kGraphics), share_of(device, EngineRole::kCompute)));
  }
  return use;
}

}  // namespace gpuvigil
