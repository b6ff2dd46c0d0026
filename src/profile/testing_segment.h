// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <string_view>
#include <vector>

#include "gpuvigil/segment.h"
#include "profile/segment_copy.h"

namespace gpuvigil::testing {

/// A segment in plain memory, written as an honest writer would, or by hand.
class SegmentImage {
 public:
  explicit SegmentImage(std::uint32_t rows = 8, std::uint32_t pages = 32) : words_(kBytes / 8) {
    gpuvigil_segment_header& h = header();
    h.magic = GPUVIGIL_SEGMENT_MAGIC;
    h.abi = GPUVIGIL_SEGMENT_ABI;
    h.size = kBytes;
    h.sketch_scheme = GPUVIGIL_SKETCH_SCHEME;
    std::memcpy(h.writer, "sdk", 4);
    std::uint32_t end = sizeof(h);
    h.devices = place(end, sizeof(gpuvigil_segment_device), 4);
    h.rows = place(end, sizeof(gpuvigil_segment_row), rows);
    h.recent = place(end, sizeof(gpuvigil_segment_recent), 16);
    h.names = place(end, 1, 4096);
    h.pages = place(end, sizeof(gpuvigil_segment_page), pages);
    h.shapes = place(end, sizeof(gpuvigil_segment_shape), 8);
    h.streams = place(end, sizeof(gpuvigil_segment_stream), 8);
    h.memories = place(end, sizeof(gpuvigil_segment_memory), 4);
  }

  static constexpr std::uint32_t kBytes = 64 * 1024;

  gpuvigil_segment_header& header() { return at<gpuvigil_segment_header>(0); }
  gpuvigil_segment_device& device(std::uint32_t i) {
    return at<gpuvigil_segment_device>(header().devices.offset + i * header().devices.stride);
  }
  gpuvigil_segment_row& row(std::uint32_t i) {
    return at<gpuvigil_segment_row>(header().rows.offset + i * header().rows.stride);
  }
  gpuvigil_segment_page& page(std::uint32_t i) {
    return at<gpuvigil_segment_page>(header().pages.offset + i * header().pages.stride);
  }
  gpuvigil_segment_recent& recent(std::uint32_t i) {
    return at<gpuvigil_segment_recent>(header().recent.offset + i * header().recent.stride);
  }
  gpuvigil_segment_shape& shape(std::uint32_t i) {
    return at<gpuvigil_segment_shape>(header().shapes.offset + i * header().shapes.stride);
  }
  gpuvigil_segment_stream& stream(std::uint32_t i) {
    return at<gpuvigil_segment_stream>(header().streams.offset + i * header().streams.stride);
  }
  gpuvigil_segment_memory& memory(std::uint32_t i) {
    return at<gpuvigil_segment_memory>(header().memories.offset + i * header().memories.stride);
  }

  std::uint32_t add_device(std::string_view uuid = "") {
    gpuvigil_segment_device& made = device(header().devices_used);
    std::memcpy(made.uuid, uuid.data(), uuid.size());
    made.number = header().devices_used;
    return header().devices_used++;
  }

  std::uint32_t add_row(std::string_view name, std::uint32_t device = 0) {
    gpuvigil_segment_row& made = row(header().rows_used);
    made.name_offset = names_used_;
    made.name_bytes = static_cast<std::uint32_t>(name.size());
    made.device = device;
    made.min_ns = UINT64_MAX;
    std::memcpy(&at<char>(header().names.offset + names_used_), name.data(), name.size());
    names_used_ += made.name_bytes;
    return header().rows_used++;
  }

  /// Counts one execution, as a writer does.
  void record(std::uint32_t index, std::uint64_t ns, std::uint64_t end_ns = 0) {
    gpuvigil_segment_row& r = row(index);
    const std::uint32_t bucket = gpuvigil_sketch_bucket(ns);
    const std::uint32_t p = bucket / GPUVIGIL_SKETCH_PAGE_BUCKETS;
    if (r.pages[p] == 0) r.pages[p] = static_cast<std::uint16_t>(++pages_used_);
    ++page(r.pages[p] - 1U).counts[bucket % GPUVIGIL_SKETCH_PAGE_BUCKETS];
    ++r.calls;
    r.sum_ns += ns;
    r.sum_squares_ns2 += static_cast<double>(ns) * static_cast<double>(ns);
    r.min_ns = std::min(r.min_ns, ns);
    r.max_ns = std::max(r.max_ns, ns);
    r.last_end_ns = end_ns;
    r.last_duration_ns = ns;
    const std::uint64_t place = header().recent_head++ % header().recent.capacity;
    recent(static_cast<std::uint32_t>(place)) = {
        .row = index, .flags = 0, .start_ns = 0, .end_ns = end_ns, .duration_ns = ns};
  }

  /// What was written so far is a flush.
  void flush() { header().flush_seq += 2; }

  [[nodiscard]] SharedBytes bytes() const { return std::as_bytes(std::span(words_)); }
  [[nodiscard]] std::span<std::byte> writable() {
    return std::as_writable_bytes(std::span(words_));
  }

 private:
  template <class T>
  T& at(std::size_t offset) {
    return *reinterpret_cast<T*>(reinterpret_cast<char*>(words_.data()) + offset);
  }
  static gpuvigil_segment_table place(std::uint32_t& end, std::uint32_t stride,
                                      std::uint32_t capacity) {
    const gpuvigil_segment_table table{end, stride, capacity, 0};
    end += stride * capacity;
    return table;
  }

  std::vector<std::uint64_t> words_;
  std::uint32_t names_used_ = 0;
  std::uint32_t pages_used_ = 0;
};

}  // namespace gpuvigil::testing
