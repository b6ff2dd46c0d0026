// SPDX-License-Identifier: Apache-2.0
#include "collect/rocm_smi_backend.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "collect/drm_backend.h"
#include "collect/drm_card.h"

namespace gpuvigil {
namespace {

/// Who a device is; the same name and UUID as the kernel's files give it.
Result<DeviceInfo> identify(const RsmiFunctions& call, std::uint32_t index) {
  std::uint64_t place = 0;
  if (const RsmiCode code = call.pci_id(index, &place); code != kRsmiOk) {
    return std::unexpected(rsmi_error(code, "rsmi_dev_pci_id_get"));
  }
  const auto [domain, bus, device, function] = unpack_place(place);
  DeviceInfo info;
  info.pci_bus_id = fmt::format("{:04x}:{:02x}:{:02x}.{:x}", domain, bus, device, function);
  std::uint64_t unique = 0;
  if (call.unique_id(index, &unique) != kRsmiOk) unique = 0;
  info.uuid = device_uuid(unique == 0 ? "" : fmt::format("{:016x}", unique), info.pci_bus_id);
  char name[256] = {};
  if (call.name(index, name, sizeof name - 1) == kRsmiOk) info.name = clean_text(name);
  info.source = "rocm";
  return info;
}

}  // namespace

Result<std::unique_ptr<Backend>> RocmSmiBackend::open(const BackendOptions& options) {
  GPUVIGIL_TRY(auto library, RocmSmi::open(options.rocm_smi_library));
  std::uint32_t count = 0;
  const RsmiCode code = library->call().count(&count);
  if (code != kRsmiOk) return std::unexpected(rsmi_error(code, "rsmi_num_monitor_devices"));
  if (count == 0) return fail(Errc::kUnavailable, "AMD's library sees no device");
  auto kernel = DrmBackend::open("");
  return std::make_unique<RocmSmiBackend>(std::move(library),
                                          kernel ? *std::move(kernel) : nullptr);
}

Result<std::vector<Board>> RocmSmiBackend::boards() {
  const RsmiFunctions& call = library_->call();
  std::uint32_t count = 0;
  if (const RsmiCode code = call.count(&count); code != kRsmiOk) {
    return std::unexpected(rsmi_error(code, "rsmi_num_monitor_devices"));
  }
  auto round = std::make_shared<Round>();
  std::vector<Board> boards;
  for (std::uint32_t i = 0; i < std::min(count, kMostDevices); ++i) {
    GPUVIGIL_TRY(DeviceInfo info, identify(call, i));
    // Partitions of one card share its place, and the number that is burnt into it.
    const bool is_known = std::ranges::any_of(
        round->devices, [&](const RsmiDevice& one) { return one.info.uuid == info.uuid; });
    if (is_known) info.uuid += fmt::format("-{}", i);
    boards.push_back({.devices = {info}});
    round->devices.push_back({.index = i, .info = std::move(info)});
  }
  if (kernel_) {
    if (const auto cards = kernel_->boards()) {
      for (const Board& card : *cards) round->files.push_back(card.devices.front());
    }
  }
  latest_.set(std::move(round));
  return boards;
}

Result<DeviceSample> RocmSmiBackend::sample(const DeviceInfo& device, Timestamp now) {
  const auto round = latest_.get();
  if (!round) return fail(Errc::kNotFound, fmt::format("no AMD device {}", device.uuid));
  const auto at = std::ranges::find_if(
      round->devices, [&](const RsmiDevice& one) { return one.info.uuid == device.uuid; });
  if (at == round->devices.end()) {
    return fail(Errc::kNotFound, fmt::format("no AMD device {}", device.uuid));
  }
  DeviceSample sample = absent_sample(Missing::kUnsupported, now);
  const auto file = std::ranges::find(round->files, device.pci_bus_id, &DeviceInfo::pci_bus_id);
  if (kernel_ && file != round->files.end()) {
    if (auto told = kernel_->sample(*file, now)) sample = *std::move(told);
  }
  auto inventory = sample.inventory ? std::make_shared<DeviceInventory>(*sample.inventory)
                                    : std::make_shared<DeviceInventory>();
  read_rocm_smi(library_->call(), *at, round->devices, sample);
  read_rocm_smi_inventory(library_->call(), *at, *inventory);
  sample.inventory = std::move(inventory);
  return sample;
}

}  // namespace gpuvigil
