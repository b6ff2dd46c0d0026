// SPDX-License-Identifier: Apache-2.0
#include "procs/pod_resources.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxIdBytes = 128;
constexpr std::size_t kMaxNameBytes = 253;

// Fields of the kubelet's API v1, by message.
constexpr std::uint64_t kPods = 1;  // ListPodResourcesResponse
constexpr std::uint64_t kPodName = 1, kPodNamespace = 2, kContainers = 3;  // PodResources
constexpr std::uint64_t kContainerName = 1, kDevices = 2;                  // ContainerResources
constexpr std::uint64_t kResourceName = 1, kDeviceIds = 2;                 // ContainerDevices

/// The fields of one message, one after the other.
class Fields {
 public:
  explicit Fields(std::string_view message) : rest_(message) {}

  /// The next one that is a text or a message; nothing at the end, or where it is broken.
  struct Field {
    std::uint64_t number = 0;
    std::string_view bytes;
  };
  std::optional<Field> next() {
    while (!rest_.empty() && !is_broken_) {
      const std::uint64_t key = varint();
      switch (key & 7U) {
        case 0:
          varint();
          break;
        case 1:
          take(8);
          break;
        case 5:
          take(4);
          break;
        case 2: {
          const std::string_view bytes = take(varint());
          if (!is_broken_) return Field{.number = key >> 3U, .bytes = bytes};
          break;
        }
        default:
          is_broken_ = true;
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] bool is_broken() const { return is_broken_; }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::string_view byte = take(1);
      if (is_broken_) return 0;
      value |= std::uint64_t{static_cast<unsigned char>(byte[0]) & 0x7FU} << shift;
      if ((static_cast<unsigned char>(byte[0]) & 0x80U) == 0) return value;
    }
    is_broken_ = true;
    return 0;
  }

  std::string_view take(std::uint64_t count) {
    if (count > rest_.size()) is_broken_ = true;
    if (is_broken_) return {};
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::string_view rest_;
  bool is_broken_ = false;
};

bool is_name(std::string_view text, std::size_t most) {
  return !text.empty() && text.size() <= most && is_clean_text(text);
}

/// Calls `use` with each field; false where the message is broken.
template <class Use>
bool for_each_field(std::string_view message, const Use& use) {
  Fields fields(message);
  bool is_good = true;
  while (const auto field = fields.next()) is_good = use(field->number, field->bytes) && is_good;
  return is_good && !fields.is_broken();
}

bool read_devices(std::string_view message, DeviceHolder holder, DeviceHolders& holders) {
  std::vector<std::string_view> ids;
  const bool is_good = for_each_field(message, [&](std::uint64_t number, std::string_view bytes) {
    if (number == kResourceName) holder.resource = clean_text(bytes.substr(0, kMaxNameBytes));
    if (number == kDeviceIds) ids.push_back(bytes);
    return true;
  });
  for (const std::string_view id : ids) {
    if (!is_name(id, kMaxIdBytes) || holders.size() >= kMaxDeviceHolders) continue;
    holder.device_id = id;
    holders.push_back(holder);
  }
  return is_good;
}

bool read_container(std::string_view message, DeviceHolder holder, DeviceHolders& holders) {
  std::vector<std::string_view> devices;
  bool is_good = for_each_field(message, [&](std::uint64_t number, std::string_view bytes) {
    if (number == kContainerName) holder.container = bytes.substr(0, kMaxNameBytes + 1);
    if (number == kDevices) devices.push_back(bytes);
    return true;
  });
  if (!is_name(holder.container, kMaxNameBytes)) return is_good;
  for (const std::string_view one : devices)
    is_good = read_devices(one, holder, holders) && is_good;
  return is_good;
}

bool read_pod(std::string_view message, DeviceHolders& holders) {
  DeviceHolder holder;
  std::vector<std::string_view> containers;
  bool is_good = for_each_field(message, [&](std::uint64_t number, std::string_view bytes) {
    if (number == kPodName) holder.pod = bytes.substr(0, kMaxNameBytes + 1);
    if (number == kPodNamespace) holder.pod_namespace = bytes.substr(0, kMaxNameBytes + 1);
    if (number == kContainers) containers.push_back(bytes);
    return true;
  });
  if (!is_name(holder.pod, kMaxNameBytes) || !is_name(holder.pod_namespace, kMaxNameBytes)) {
    return is_good;
  }
  for (const std::string_view one : containers) {
    is_good = read_container(one, holder, holders) && is_good;
  }
  return is_good;
}

}  // namespace

Result<DeviceHolders> parse_pod_resources(std::string_view message) {
  DeviceHolders holders;
  const bool is_good = for_each_field(message, [&](std::uint64_t number, std::string_view bytes) {
    return number != kPods || read_pod(bytes, holders);
  });
  if (!is_good) return fail(Errc::kCorrupt, "what the kubelet says is not in protobuf's format");
  return holders;
}

}  // namespace gpuvigil
