// SPDX-License-Identifier: Apache-2.0
#include "collect/nvml_inventory.h"

#include <array>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"

namespace gpuvigil {
namespace {

using Number = NvmlFunction<NvmlDevice, std::uint32_t*>;

/// By NVIDIA's number of the architecture.
constexpr std::array<std::string_view, 14> kArchitectures = {
    "",       "",    "Kepler", "Maxwell",   "Pascal", "Volta", "Turing",
    "Ampere", "Ada", "Hopper", "Blackwell", "",       "",      "Rubin"};

constexpr std::array<std::string_view, 4> kComputeModes = {"default", "exclusive_thread",
                                                           "prohibited", "exclusive_process"};

std::optional<std::uint32_t> number(const Number& function, NvmlDevice device) {
  std::uint32_t value = 0;
  if (function(device, &value) != kNvmlOk) return std::nullopt;
  return value;
}

template <std::size_t size>
std::string named(const std::array<std::string_view, size>& names,
                  std::optional<std::uint32_t> number) {
  return number && *number < names.size() ? std::string(names[*number]) : std::string();
}

}  // namespace

std::string nvml_text(const NvmlFunction<NvmlDevice, char*, std::uint32_t>& function,
                      NvmlDevice device) {
  char text[kNvmlUuidBytes] = {};
  if (function(device, text, sizeof text) != kNvmlOk) return {};
  text[sizeof text - 1] = '\0';
  return clean_text(text);
}

std::string mig_profile_in(const std::string& name) {
  constexpr std::string_view kMark = " MIG ";
  const auto at = name.rfind(kMark);
  return at == std::string::npos ? std::string() : name.substr(at + kMark.size());
}

DeviceInventory read_inventory(const NvmlFunctions& call, const NvmlIdentity& identity,
                               const NvmlVersions& versions) {
  const NvmlDevice device = identity.handle;
  DeviceInventory inventory;
  inventory.vendor = "NVIDIA";
  inventory.architecture = named(kArchitectures, number(call.architecture, identity.board));
  int major = 0;
  int minor = 0;
  if (call.compute_capability(identity.board, &major, &minor) == kNvmlOk) {
    inventory.compute_capability = fmt::format("{}.{}", major, minor);
  }
  inventory.serial = nvml_text(call.serial, identity.board);
  inventory.vbios = nvml_text(call.vbios_version, identity.board);
  inventory.driver_version = versions.driver;
  if (versions.cuda > 0) {
    inventory.runtime_version =
        fmt::format("CUDA {}.{}", versions.cuda / 1000, versions.cuda % 1000 / 10);
  }
  NvmlAttributes attributes{};
  if (call.attributes(device, &attributes) == kNvmlOk) {
    inventory.multiprocessors = attributes.multiprocessors;
  }
  inventory.minor_number = number(call.minor_number, identity.board);
  inventory.compute_mode = named(kComputeModes, number(call.compute_mode, device));
  if (const auto mode = number(call.persistence_mode, identity.board)) {
    inventory.persistence_mode = *mode == kNvmlEnabled;
  }
  std::uint32_t current = 0;
  std::uint32_t pending = 0;
  if (call.ecc_mode(identity.board, &current, &pending) == kNvmlOk) {
    inventory.ecc_enabled = current == kNvmlEnabled;
    inventory.ecc_pending = pending == kNvmlEnabled;
  }
  if (call.mig_mode(identity.board, &current, &pending) == kNvmlOk) {
    inventory.mig_enabled = current == kNvmlEnabled;
    inventory.mig_pending = pending == kNvmlEnabled;
  }
  inventory.parent_uuid = identity.parent_uuid;
  if (!identity.parent_uuid.empty()) inventory.profile = mig_profile_in(identity.name);
  inventory.gpu_instance = identity.gpu_instance;
  inventory.compute_instance = identity.compute_instance;
  return inventory;
}

}  // namespace gpuvigil
