// SPDX-License-Identifier: Apache-2.0
#include "collect/nvml_backend.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace gpuvigil {
namespace {

/// "00000000:3B:00.0" as the system writes it: "0000:3b:00.0".
std::string pci_bus_id(const NvmlPci& pci) {
  std::string text(pci.bus_id, std::find(std::begin(pci.bus_id), std::end(pci.bus_id), '\0'));
  constexpr std::size_t kLongDomain = 8;
  if (text.find(':') == kLongDomain && text.starts_with("0000")) text.erase(0, 4);
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

DeviceInfo info_of(const NvmlIdentity& identity) {
  return {.uuid = identity.uuid,
          .name = identity.name,
          .pci_bus_id = identity.pci_bus_id,
          .source = "nvml"};
}

}  // namespace

Result<std::unique_ptr<Backend>> NvmlBackend::open(const BackendOptions& options) {
  GPUVIGIL_TRY(auto library, NvmlLibrary::open(options.nvml_library));
  return std::make_unique<NvmlBackend>(std::move(library));
}

NvmlBackend::NvmlBackend(std::shared_ptr<const NvmlLibrary> library)
    : library_(std::move(library)), versions_(library_->versions()), events_(library_) {}

Result<std::vector<Board>> NvmlBackend::boards() {
  std::uint32_t count = 0;
  if (const NvmlCode code = library_->call().count(&count); code != kNvmlOk) {
    return std::unexpected(nvml_error(code, "GetCount"));
  }
  std::vector<Board> boards;
  std::set<std::string> listed;
  std::optional<Error> refused;
  for (std::uint32_t index = 0; index < std::min(count, kMostGpus); ++index) {
    const auto identities = identify(index);
    if (!identities) {
      // Without the driver there is nothing; without one GPU there are the others.
      if (identities.error().code == Errc::kUnavailable) return std::unexpected(identities.error());
      refused = identities.error();
      continue;
    }
    Board& board = boards.emplace_back();
    for (const NvmlIdentity& identity : *identities) {
      keep(identity);
      listed.insert(identity.uuid);
      board.devices.push_back(info_of(identity));
    }
  }
  if (boards.empty() && refused && refused->code == Errc::kPermission) {
    return std::unexpected(*refused);
  }
  std::vector<std::shared_ptr<NvmlDeviceReader>> gone;  // they end after the lock
  const MutexLock lock(mutex_);
  for (auto at = readers_.begin(); at != readers_.end();) {
    if (listed.contains(at->first)) {
      ++at;
    } else {
      gone.push_back(std::move(at->second));
      at = readers_.erase(at);
    }
  }
  return boards;
}

Result<std::vector<NvmlIdentity>> NvmlBackend::identify(std::uint32_t index) const {
  const NvmlFunctions& call = library_->call();
  NvmlIdentity gpu;
  if (const NvmlCode code = call.by_index(index, &gpu.handle); code != kNvmlOk) {
    return std::unexpected(nvml_error(code, "GetHandleByIndex"));
  }
  gpu.board = gpu.handle;
  char uuid[kNvmlUuidBytes] = {};
  if (const NvmlCode code = call.uuid(gpu.handle, uuid, sizeof uuid); code != kNvmlOk) {
    return std::unexpected(nvml_error(code, "GetUUID"));
  }
  uuid[sizeof uuid - 1] = '\0';
  gpu.uuid = uuid;
  gpu.name = nvml_text(call.name, gpu.handle);
  NvmlPci pci{};
  if (call.pci(gpu.handle, &pci) == kNvmlOk) gpu.pci_bus_id = pci_bus_id(pci);
  std::uint32_t current = 0;
  std::uint32_t pending = 0;
  gpu.is_divided =
      call.mig_mode(gpu.handle, &current, &pending) == kNvmlOk && current == kNvmlEnabled;
  std::vector<NvmlIdentity> identities = {gpu};
  if (gpu.is_divided) add_mig_devices(identities);
  return identities;
}

void NvmlBackend::add_mig_devices(std::vector<NvmlIdentity>& identities) const {
  const NvmlFunctions& call = library_->call();
  const NvmlIdentity gpu = identities.front();
  std::uint32_t most = 0;
  if (call.max_mig_devices(gpu.handle, &most) != kNvmlOk) return;
  for (std::uint32_t i = 0; i < std::min(most, kMostMigDevices); ++i) {
    NvmlIdentity part;
    if (call.mig_by_index(gpu.handle, i, &part.handle) != kNvmlOk) continue;  // a free place
    part.uuid = nvml_text(call.uuid, part.handle);
    if (part.uuid.empty()) continue;  // it went away meanwhile
    part.name = nvml_text(call.name, part.handle);
    part.pci_bus_id = gpu.pci_bus_id;
    part.board = gpu.handle;
    part.parent_uuid = gpu.uuid;
    std::uint32_t id = 0;
    if (call.gpu_instance(part.handle, &id) == kNvmlOk) part.gpu_instance = id;
    if (call.compute_instance(part.handle, &id) == kNvmlOk) part.compute_instance = id;
    identities.push_back(std::move(part));
  }
}

/// The reader of a device stays while the device is the same in all respects: a handle that came to
/// mean another one, or a partitioning, begins anew.
void NvmlBackend::keep(const NvmlIdentity& identity) {
  bool is_new = false;
  {
    const MutexLock lock(mutex_);
    const auto at = readers_.find(identity.uuid);
    is_new = at == readers_.end();
    if (!is_new && at->second->identity() == identity) return;
  }
  // Outside the lock, because it asks the driver.
  auto reader = std::make_shared<NvmlDeviceReader>(library_, identity, versions_);
  if (is_new && identity.handle == identity.board) events_.watch(identity.handle);
  const MutexLock lock(mutex_);
  std::swap(readers_[identity.uuid], reader);
}

Result<DeviceSample> NvmlBackend::sample(const DeviceInfo& device, Timestamp now) {
  std::shared_ptr<NvmlDeviceReader> reader;
  {
    const MutexLock lock(mutex_);
    const auto at = readers_.find(device.uuid);
    if (at != readers_.end()) reader = at->second;
  }
  if (!reader) return fail(Errc::kNotFound, "the driver lists no device " + device.uuid);
  const auto xids = xids_.of(
      reader->identity().parent_uuid.empty() ? device.uuid : reader->identity().parent_uuid, now);
  return reader->sample(now, xids);
}

Result<std::vector<Event>> NvmlBackend::wait_for_events(Duration patience, const Clock& clock) {
  auto events = events_.wait(patience, clock, [this](NvmlDevice handle) {
    const MutexLock lock(mutex_);
    for (const auto& [uuid, reader] : readers_) {
      if (reader->identity().handle == handle) return uuid;
    }
    return std::string();
  });
  if (!events) return events;
  for (const Event& event : *events) {
    if (event.kind == "xid" && event.code) xids_.add(event.uuid, *event.code, event.at);
  }
  return events;
}

}  // namespace gpuvigil
