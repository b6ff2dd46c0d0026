// SPDX-License-Identifier: Apache-2.0
#include "collect/fdinfo.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "collect/sysfs.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxWordBytes = 64;

/// A number and what stands behind it.
struct Amount {
  std::uint64_t number = 0;
  std::string_view unit;
};

std::optional<Amount> parse_amount(std::string_view text) {
  Amount amount;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, amount.number);
  if (error != std::errc()) return std::nullopt;
  amount.unit = text.substr(static_cast<std::size_t>(stop - text.data()));
  amount.unit.remove_prefix(std::min(amount.unit.find_first_not_of(" \t"), amount.unit.size()));
  return amount;
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  const auto amount = parse_amount(text);
  if (!amount) return std::nullopt;
  unsigned shift = 0;
  if (amount->unit == "KiB") shift = 10;
  if (amount->unit == "MiB") shift = 20;
  if (shift == 0 && !amount->unit.empty()) return std::nullopt;
  if (amount->number > (std::uint64_t{1} << 60U) >> shift) return std::nullopt;
  return amount->number << shift;
}

/// Takes `prefix` off `key`; false where it does not begin with it.
bool take(std::string_view& key, std::string_view prefix) {
  if (!key.starts_with(prefix)) return false;
  key.remove_prefix(prefix.size());
  return true;
}

/// "vram", "vram1" (amdgpu, xe), "local0" (i915): memory on the board. The rest is the host's.
bool is_device_memory(std::string_view region) {
  while (!region.empty() && region.back() >= '0' && region.back() <= '9') region.remove_suffix(1);
  return region == "vram" || region == "local";
}

/// Reads one file, line by line.
class FdinfoReader {
 public:
  void read(std::string_view key, std::string_view value) {
    if (key == "drm-driver") {
      usage_.driver = truncate_utf8(clean_text(value.substr(0, kMaxWordBytes)), kMaxWordBytes);
    } else if (key == "drm-pdev") {
      usage_.pci_bus_id = normal_pci_bus_id(value);
    } else if (key == "drm-client-id") {
      const auto id = parse_amount(value);
      has_client_ = id && id->unit.empty();
      if (has_client_) usage_.client = id->number;
    } else if (take(key, "drm-engine-capacity-")) {
      const auto capacity = parse_amount(value);
      if (capacity && capacity->number >= 1 && capacity->number <= 64) {
        if (auto* engine = engine_of(key)) engine->capacity = capacity->number;
      }
    } else if (take(key, "drm-engine-")) {
      const auto busy = parse_amount(value);
      if (busy && busy->unit == "ns") set(key, &DrmUsage::Engine::busy_ns, busy->number);
    } else if (take(key, "drm-total-cycles-")) {
      const auto cycles = parse_amount(value);
      if (cycles) set(key, &DrmUsage::Engine::total_cycles, cycles->number);
    } else if (take(key, "drm-cycles-")) {
      const auto cycles = parse_amount(value);
      if (cycles) set(key, &DrmUsage::Engine::cycles, cycles->number);
    } else {
      read_memory(key, value);
    }
  }

  std::optional<DrmUsage> finish() && {
    if (!has_client_ || usage_.pci_bus_id.empty()) return std::nullopt;
    // What is resident is what others cannot have; older kernels say it by another name.
    for (auto& bytes : {resident_, memory_, total_}) {
      if (!usage_.memory_bytes) usage_.memory_bytes = bytes;
    }
    return std::move(usage_);
  }

 private:
  void read_memory(std::string_view key, std::string_view value) {
    std::optional<std::uint64_t>* into = nullptr;
    if (take(key, "drm-resident-")) {
      into = &resident_;
    } else if (take(key, "drm-memory-")) {
      into = &memory_;
    } else if (take(key, "drm-total-")) {
      into = &total_;
    }
    if (into == nullptr || !is_device_memory(key)) return;
    if (const auto bytes = parse_bytes(value)) *into = into->value_or(0) + *bytes;
  }

  DrmUsage::Engine* engine_of(std::string_view name) {
    if (name.empty() || name.size() > kMaxWordBytes) return nullptr;
    const auto found = std::ranges::find(usage_.engines, name, &DrmUsage::Engine::name);
    if (found != usage_.engines.end()) return &*found;
    if (usage_.engines.size() == DrmUsage::kMaxEngines) return nullptr;
    usage_.engines.push_back({.name = std::string(name), .busy_ns = {}, .cycles = {}});
    return &usage_.engines.back();
  }

  void set(std::string_view name, std::optional<std::uint64_t> DrmUsage::Engine::* member,
           std::uint64_t value) {
    if (auto* engine = engine_of(name)) engine->*member = value;
  }

  DrmUsage usage_;
  bool has_client_ = false;
  std::optional<std::uint64_t> resident_;
  std::optional<std::uint64_t> memory_;
  std::optional<std::uint64_t> total_;
};

struct NamedRole {
  std::string_view name;
  EngineRole role;
};
// amdgpu, then i915, then xe. Intel's video engines both encode and decode.
constexpr std::array kRoles = {
    NamedRole{"gfx", EngineRole::kGraphics}, NamedRole{"compute", EngineRole::kCompute},
    NamedRole{"enc", EngineRole::kEncode},   NamedRole{"enc_1", EngineRole::kEncode},
    NamedRole{"dec", EngineRole::kDecode},   NamedRole{"render", EngineRole::kGraphics},
    NamedRole{"rcs", EngineRole::kGraphics}, NamedRole{"ccs", EngineRole::kCompute},
};

}  // namespace

std::optional<DrmUsage> parse_fdinfo(std::string_view text) {
  FdinfoReader reader;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    reader.read(line.substr(0, colon), value);
  }
  return std::move(reader).finish();
}

EngineRole role_of_engine(std::string_view name) {
  const auto found = std::ranges::find(kRoles, name, &NamedRole::name);
  return found == kRoles.end() ? EngineRole::kOther : found->role;
}

}  // namespace gpuvigil
