// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "gpuvigil/segment.h"
#include "profile/segment_copy.h"
#include "profile/segment_delta.h"

namespace gpuvigil {

/// How the times of a segment (CLOCK_MONOTONIC) become those of the timeline.
struct SegmentTime {
  Timestamp now{};  ///< Nothing is later.
  std::uint64_t monotonic_now_ns = 0;
};
[[nodiscard]] Timestamp to_timeline(std::uint64_t monotonic_ns, const SegmentTime& time);

/// What was taken of a segment so far of what layout 2 added, and what is new in it. Of segments
/// without those features nothing is.
class ExtrasLedger {
 public:
  explicit ExtrasLedger(const gpuvigil_segment_header& layout);

  /// After the rows and devices of the copy were taken, of which there are so many. Errors:
  /// kCorrupt.
  [[nodiscard]] Result<void> take(const SegmentCopy& copy, std::size_t rows, std::size_t devices,
                                  const SegmentTime& time, SegmentDelta& delta);

 private:
  struct Counted {
    std::uint64_t calls = 0;
    std::uint64_t sum_ns = 0;
  };
  struct SeenShape {
    gpuvigil_segment_shape told{};
    Counted counted;
  };
  struct SeenStream {
    gpuvigil_segment_stream told{};
    Counted counted;
  };

  Result<void> take_shapes(const SegmentCopy& copy, std::size_t rows, SegmentDelta& delta);
  Result<void> take_streams(const SegmentCopy& copy, std::size_t devices, SegmentDelta& delta);
  void take_untimed(const SegmentCopy& copy, SegmentDelta& delta);
  void take_memories(const SegmentCopy& copy, std::size_t devices, SegmentDelta& delta);
  void take_status(const SegmentCopy& copy, const SegmentTime& time, SegmentDelta& delta);
  Counted grow(Counted now, Counted& seen);

  std::uint32_t features_ = 0;
  std::vector<SeenShape> shapes_;
  std::vector<SeenStream> streams_;
  std::vector<std::uint64_t> untimed_;
  std::vector<SegmentDelta::Memory> memories_;
  std::uint64_t cost_ns_ = 0;
  std::uint64_t calls_ = 0;  ///< Of everything here together.
};

}  // namespace gpuvigil
