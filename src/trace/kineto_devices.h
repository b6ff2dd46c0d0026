// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trace/trace_sink.h"

namespace gpuvigil {

/// What a Kineto file says of the GPUs of its machine, and which of them a device number means.
///
/// NVIDIA's numbers are the ids of this list. AMD's are agent numbers, which count the CPU sockets
/// first, so there a name is known only when all GPUs of the machine have the same.
class DeviceProperties {
 public:
  /// Takes the raw text of a "deviceProperties" array, followed by kJsonPadding readable bytes.
  void parse(std::string_view array);

  /// True when the list itself shows that these are AMD's: by a name, or by warps of 64.
  [[nodiscard]] bool say_amd() const { return say_amd_; }
  /// True when it shows that they are not: by another's name, and warps of 32.
  [[nodiscard]] bool say_not_amd() const { return say_not_amd_ && !say_amd_; }

  /// Name and memory of the device that the file numbers so, as far as they are known.
  [[nodiscard]] TraceDevice device(std::uint32_t number, bool amd) const;

 private:
  struct Property {
    std::optional<std::uint64_t> id;
    std::string name;
    std::optional<std::uint64_t> memory_bytes;
  };

  void add(std::string_view object);

  std::vector<Property> list_;
  bool say_amd_ = false;
  bool say_not_amd_ = false;
};

}  // namespace gpuvigil
