// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpuvigil/trace_ring.h"
#include "profile/segment_copy.h"

namespace gpuvigil::testing {

/// The ring of a trace in plain memory, written as an honest writer would, or by hand.
class RingImage {
 public:
  explicit RingImage(std::uint64_t id = 1, std::uint32_t capacity = 8)
      : words_((sizeof(gpuvigil_trace_header) + capacity * sizeof(gpuvigil_trace_entry)) / 8) {
    gpuvigil_trace_header& h = header();
    h.magic = GPUVIGIL_TRACE_MAGIC;
    h.id = id;
    h.size = static_cast<std::uint32_t>(words_.size() * 8);
    h.offset = sizeof(h);
    h.stride = sizeof(gpuvigil_trace_entry);
    h.capacity = capacity;
  }

  gpuvigil_trace_header& header() {
    return *reinterpret_cast<gpuvigil_trace_header*>(words_.data());
  }
  gpuvigil_trace_entry& entry(std::uint64_t number) {
    auto* const entries = reinterpret_cast<gpuvigil_trace_entry*>(
        reinterpret_cast<char*>(words_.data()) + sizeof(gpuvigil_trace_header));
    return entries[number % header().capacity];
  }

  void write(std::uint32_t row, std::uint64_t start_ns, std::uint64_t end_ns) {
    const std::uint64_t number = header().head++;
    entry(number) = {.number = number + 1,
                     .row = row,
                     .stream = 7,
                     .start_ns = start_ns,
                     .end_ns = end_ns,
                     .bytes = UINT64_MAX};
  }

  [[nodiscard]] SharedBytes bytes() const { return std::as_bytes(std::span(words_)); }
  [[nodiscard]] std::span<std::byte> writable() {
    return std::as_writable_bytes(std::span(words_));
  }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace gpuvigil::testing
