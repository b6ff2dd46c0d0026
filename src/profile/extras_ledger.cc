// SPDX-License-Identifier: Apache-2.0
#include "profile/extras_ledger.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "profile/segment_text.h"

namespace gpuvigil {
namespace {

constexpr std::uint64_t kMaxSumNs = std::uint64_t{1} << 62U;
constexpr std::uint64_t kMaxMemory = std::uint64_t{1} << 50U;
constexpr std::uint64_t kMaxCostNs = std::uint64_t{1} << 50U;
/// Executions that a writer may be ahead of one for each nanosecond since the machine started, in
/// each of three tables.
constexpr std::uint64_t kCallsAhead = std::uint64_t{1} << 32U;

Bytes bytes(std::uint64_t told) {
  return Bytes(std::min(told, kMaxMemory));
}

/// How much a number that only grows has grown; a smaller one is taken as it stands, for later.
std::uint64_t growth(std::uint64_t now, std::uint64_t& seen) {
  const std::uint64_t before = std::exchange(seen, now);
  return now > before ? now - before : 0;
}

Detail detail_of(std::uint32_t told) {
  switch (told) {
    case GPUVIGIL_DETAIL_FULL:
      return Detail::kFull;
    case GPUVIGIL_DETAIL_SAMPLED:
      return Detail::kSampled;
    case GPUVIGIL_DETAIL_COUNTS:
      return Detail::kCounts;
    default:
      return Detail::kOff;
  }
}

Blindness blindness_of(std::uint32_t told) {
  switch (told) {
    case 0:
      return Blindness::kNone;
    case GPUVIGIL_BLIND_PROFILER:
      return Blindness::kProfiler;
    case GPUVIGIL_BLIND_REFUSED:
      return Blindness::kRefused;
    case GPUVIGIL_BLIND_NO_DRIVER:
      return Blindness::kNoDriver;
    case GPUVIGIL_BLIND_UNSUPPORTED:
      return Blindness::kUnsupported;
    default:
      return Blindness::kUnknown;
  }
}

/// What stands before the counters: what an entry is.
bool is_same(const gpuvigil_segment_shape& a, const gpuvigil_segment_shape& b) {
  return std::memcmp(&a, &b, offsetof(gpuvigil_segment_shape, calls)) == 0;
}
bool is_same(const gpuvigil_segment_stream& a, const gpuvigil_segment_stream& b) {
  return std::memcmp(&a, &b, offsetof(gpuvigil_segment_stream, calls)) == 0;
}

std::unexpected<Error> changed(const char* what) {
  return fail(Errc::kCorrupt, std::string("not a segment: one of its ") + what +
                                  " is not what it was, or of a row or a device that there is not");
}

}  // namespace

Timestamp to_timeline(std::uint64_t monotonic_ns, const SegmentTime& time) {
  if (monotonic_ns >= time.monotonic_now_ns) return time.now;
  const std::uint64_t ago = time.monotonic_now_ns - monotonic_ns;
  const auto most = static_cast<std::uint64_t>(std::max<std::int64_t>(to_unix_ns(time.now), 0));
  return time.now - Duration(static_cast<std::int64_t>(std::min(ago, most)));
}

ExtrasLedger::ExtrasLedger(const gpuvigil_segment_header& layout)
    : features_(layout.abi >= 2 ? layout.features : 0) {}

Result<void> ExtrasLedger::take(const SegmentCopy& copy, std::size_t rows, std::size_t devices,
                                const SegmentTime& time, SegmentDelta& delta) {
  if ((features_ & GPUVIGIL_SEGMENT_HAS_SHAPES) != 0) {
    GPUVIGIL_CHECK(take_shapes(copy, rows, delta));
  }
  if ((features_ & GPUVIGIL_SEGMENT_HAS_STREAMS) != 0) {
    GPUVIGIL_CHECK(take_streams(copy, devices, delta));
  }
  if ((features_ & GPUVIGIL_SEGMENT_HAS_UNTIMED) != 0) take_untimed(copy, delta);
  if ((features_ & GPUVIGIL_SEGMENT_HAS_MEMORY) != 0) take_memories(copy, devices, delta);
  if ((features_ & GPUVIGIL_SEGMENT_HAS_STATUS) != 0) take_status(copy, time, delta);
  if (calls_ / 3 > time.monotonic_now_ns + kCallsAhead) {
    return fail(Errc::kCorrupt,
                "not a segment: it tells of more executions than there was time for");
  }
  return {};
}

ExtrasLedger::Counted ExtrasLedger::grow(Counted now, Counted& seen) {
  const Counted grown{.calls = growth(now.calls, seen.calls),
                      .sum_ns = std::min(growth(now.sum_ns, seen.sum_ns), kMaxSumNs)};
  calls_ = add_saturating(calls_, grown.calls);
  return grown;
}

Result<void> ExtrasLedger::take_shapes(const SegmentCopy& copy, std::size_t rows,
                                       SegmentDelta& delta) {
  for (std::size_t i = 0; i < copy.shapes.size(); ++i) {
    const gpuvigil_segment_shape& told = copy.shapes[i];
    if (i == shapes_.size()) shapes_.push_back({.told = told, .counted = {}});
    const bool is_known = told.row < rows || told.row == GPUVIGIL_NO_ROW;
    if (!is_known || !is_same(told, shapes_[i].told)) return changed("shapes");
    const Counted grown = grow({told.calls, told.sum_ns}, shapes_[i].counted);
    if (grown.calls == 0 && grown.sum_ns == 0) continue;
    SegmentDelta::Shape shape{.registers = told.registers,
                              .static_shared = Bytes(told.static_shared_bytes),
                              .dynamic_shared = Bytes(told.dynamic_shared_bytes),
                              .calls = grown.calls,
                              .sum_ns = grown.sum_ns};
    if (told.row != GPUVIGIL_NO_ROW) shape.row = told.row;
    std::ranges::copy(told.grid, shape.grid.begin());
    std::ranges::copy(told.block, shape.block.begin());
    delta.shapes.push_back(shape);
  }
  return {};
}

Result<void> ExtrasLedger::take_streams(const SegmentCopy& copy, std::size_t devices,
                                        SegmentDelta& delta) {
  for (std::size_t i = 0; i < copy.streams.size(); ++i) {
    const gpuvigil_segment_stream& told = copy.streams[i];
    if (i == streams_.size()) streams_.push_back({.told = told, .counted = {}});
    const bool is_known = told.device < devices || told.device == GPUVIGIL_NO_ROW;
    if (!is_known || !is_same(told, streams_[i].told)) return changed("streams");
    const Counted grown = grow({told.calls, told.sum_ns}, streams_[i].counted);
    if (grown.calls == 0 && grown.sum_ns == 0) continue;
    SegmentDelta::Stream stream{.stream = told.stream,
                                .kind = kind_of_segment(told.kind, ""),
                                .calls = grown.calls,
                                .sum_ns = grown.sum_ns};
    if (told.device != GPUVIGIL_NO_ROW) stream.device = told.device;
    delta.streams.push_back(stream);
  }
  return {};
}

void ExtrasLedger::take_untimed(const SegmentCopy& copy, SegmentDelta& delta) {
  for (const SegmentCopy::Row& copied : copy.changed) {
    if (copied.index >= untimed_.size()) untimed_.resize(std::size_t{copied.index} + 1);
    const std::uint64_t calls = growth(copied.row.untimed_calls, untimed_[copied.index]);
    calls_ = add_saturating(calls_, calls);
    if (calls > 0) delta.untimed.push_back({.row = copied.index, .calls = calls});
  }
}

void ExtrasLedger::take_memories(const SegmentCopy& copy, std::size_t devices,
                                 SegmentDelta& delta) {
  for (std::size_t i = 0; i < std::min(copy.memories.size(), devices); ++i) {
    const gpuvigil_segment_memory& told = copy.memories[i];
    const SegmentDelta::Memory memory{.device = static_cast<std::uint32_t>(i),
                                      .allocated = bytes(told.allocated_bytes),
                                      .peak = bytes(told.peak_bytes),
                                      .pool_reserved = bytes(told.pool_reserved_bytes),
                                      .pool_used = bytes(told.pool_used_bytes)};
    // A device on which nothing was ever allocated is no news.
    if (i == memories_.size()) memories_.push_back({.device = static_cast<std::uint32_t>(i)});
    if (memory == memories_[i]) continue;
    memories_[i] = memory;
    delta.memories.push_back(memory);
  }
}

void ExtrasLedger::take_status(const SegmentCopy& copy, const SegmentTime& time,
                               SegmentDelta& delta) {
  const gpuvigil_segment_status& told = copy.header.status;
  const std::uint64_t cost = std::min(growth(told.cost_ns, cost_ns_), kMaxCostNs);
  WriterStatus status{.detail = detail_of(told.detail),
                      .detail_every = std::max(told.detail_every, 1U),
                      .cost = Duration(static_cast<std::int64_t>(cost)),
                      .blindness = blindness_of(told.blind_reason),
                      .blind_since = {},
                      .runtime = text_of_segment(told.runtime)};
  if (status.blindness != Blindness::kNone) {
    status.blind_since = to_timeline(told.blind_since_ns, time);
  }
  delta.status = std::move(status);
}

}  // namespace gpuvigil
