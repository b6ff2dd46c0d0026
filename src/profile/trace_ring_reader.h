// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "base/result.h"
#include "gpuvigil/trace_ring.h"
#include "profile/segment_copy.h"

namespace gpuvigil {

/// Reads the ring of one trace again and again, and tells what is new.
///
/// Every byte of it is hostile: it is copied, and only the copy is looked at. What an entry says is
/// as it was written, and for the caller to doubt.
///
/// Threading: one thread at a time.
class TraceRingReader {
 public:
  /// Looks at the parts that never change. Errors: kCorrupt (not the ring of that request).
  [[nodiscard]] static Result<TraceRingReader> open(SharedBytes ring, std::uint64_t id);

  /// Hands on each entry that is new and whole, oldest first, at most as many as the ring holds.
  /// Errors: kCorrupt (it has shrunk), after which it is not to be read again.
  [[nodiscard]] Result<void> read(SharedBytes ring,
                                  const std::function<void(const gpuvigil_trace_entry&)>& take);

  /// What the header said when it was read last; `is_done` was so before the entries were read.
  [[nodiscard]] const gpuvigil_trace_header& header() const { return header_; }

  /// Entries that were written over before they were read; at most 2^40.
  [[nodiscard]] std::uint64_t overwritten() const { return overwritten_; }

 private:
  explicit TraceRingReader(const gpuvigil_trace_header& layout)
      : layout_(layout), header_(layout) {}

  const gpuvigil_trace_header layout_;
  gpuvigil_trace_header header_;
  std::uint64_t next_ = 0;
  std::uint64_t overwritten_ = 0;
};

}  // namespace gpuvigil
