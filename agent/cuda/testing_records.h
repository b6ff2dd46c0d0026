// SPDX-License-Identifier: Apache-2.0
#pragma once

// Buffers as CUPTI would fill them, and an iterator over them that steps by whatever stride a test
// says.

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "agent/cuda/cupti_abi.h"

namespace gpuvigil::testing {

/// Bytes of a record by kind; what the iterator below steps by. Of one thread at a time.
inline std::array<std::size_t, 64>& record_bytes() {
  static std::array<std::size_t, 64> bytes{};
  return bytes;
}

/// Steps as NVIDIA's does, but by record_bytes().
inline int next_record(std::uint8_t* buffer, std::size_t valid, void** at) {
  std::size_t place = 0;
  std::uint32_t kind = 0;
  if (*at != nullptr) {
    std::memcpy(&kind, *at, sizeof(kind));
    place = static_cast<std::size_t>(static_cast<std::uint8_t*>(*at) - buffer) +
            record_bytes().at(kind);
  }
  if (place + sizeof(kind) > valid) return CUPTI_MAX_LIMIT_REACHED;
  std::memcpy(&kind, buffer + place, sizeof(kind));
  if (kind >= record_bytes().size() || record_bytes().at(kind) == 0) return CUPTI_INVALID_KIND;
  if (place + record_bytes().at(kind) > valid) return CUPTI_MAX_LIMIT_REACHED;
  *at = buffer + place;
  return CUPTI_SUCCESS;
}

/// A buffer that is filled record by record.
class Records {
 public:
  /// `record` is the part that all releases have; what a longer one has more is filled with 0xAA.
  template <class Record>
  void add(std::uint32_t kind, Record record, std::size_t stride) {
    record.kind = kind;
    record_bytes().at(kind) = stride;
    const std::size_t at = bytes_.size();
    bytes_.resize(at + stride, 0xAA);
    std::memcpy(bytes_.data() + at, &record, sizeof(record));
  }

  void add_kernel(const char* name, std::uint64_t start, std::uint64_t end, std::size_t stride) {
    cupti_kernel kernel{};
    kernel.name = name;
    kernel.start = start;
    kernel.end = end;
    add(CUPTI_KIND_CONCURRENT_KERNEL, kernel, stride);
  }

  std::vector<std::uint8_t>& bytes() { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

}  // namespace gpuvigil::testing
