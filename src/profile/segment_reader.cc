// SPDX-License-Identifier: Apache-2.0
#include "profile/segment_reader.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "profile/segment_text.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLate = 2s;
constexpr std::uint64_t kMaxDurationNs = std::uint64_t{1} << 50U;
constexpr std::uint64_t kMaxMemory = std::uint64_t{1} << 50U;
/// More than any process can lose between two readings.
constexpr std::uint64_t kMaxLoss = std::uint64_t{1} << 40U;
/// Executions that a writer may be ahead of one for each nanosecond since the machine started.
constexpr std::uint64_t kCallsAhead = std::uint64_t{1} << 32U;

std::unexpected<Error> corrupt(std::string what) {
  return fail(Errc::kCorrupt, "not a segment: " + std::move(what));
}

/// How much a number that only grows has grown; a smaller one is taken as it stands, for later.
std::uint64_t growth(std::uint64_t now, std::uint64_t& seen) {
  const std::uint64_t before = std::exchange(seen, now);
  return now > before ? now - before : 0;
}

struct WriterLoss {
  std::uint32_t theirs;
  Loss ours;
};
constexpr std::array kWriterLosses = {
    WriterLoss{GPUVIGIL_LOSS_REFUSED, Loss::kExecutionsRefused},
    WriterLoss{GPUVIGIL_LOSS_UNCOUNTED, Loss::kExecutionsUncounted},
    WriterLoss{GPUVIGIL_LOSS_UNTIMED, Loss::kExecutionsUncounted},
    WriterLoss{GPUVIGIL_LOSS_UNLISTED, Loss::kExecutionsOverrun},
};

}  // namespace

Result<SegmentReader> SegmentReader::open(SharedBytes segment) {
  GPUVIGIL_TRY(const gpuvigil_segment_header layout, read_layout(segment));
  return SegmentReader(layout);
}

std::string_view SegmentReader::writer() const {
  const std::string_view told(layout_.writer, sizeof(layout_.writer));
  for (const std::string_view known : {"cuda", "opencl"}) {
    if (told.starts_with(known) && told[known.size()] == '\0') return known;
  }
  return "sdk";
}

Result<SegmentDelta> SegmentReader::read(SharedBytes segment, const SegmentTime& time,
                                         bool is_last) {
  SegmentDelta delta;
  GPUVIGIL_TRY(const bool has_news, copy_news(segment, layout_, seen_, is_last, copy_));
  if (!has_news) return delta;
  delta.is_late = !has_read_ && time.now - to_timeline(layout_.since_ns, time) > kLate;
  take_devices(delta);
  take_new_rows(delta);
  GPUVIGIL_CHECK(take_changes(time, delta));
  GPUVIGIL_CHECK(take_recent(time, delta));
  take_busy(time, delta);
  take_losses(delta);
  GPUVIGIL_CHECK(extras_.take(copy_, seen_.rows.size(), seen_.devices, time, delta));
  seen_.shapes = static_cast<std::uint32_t>(copy_.shapes.size());
  seen_.streams = static_cast<std::uint32_t>(copy_.streams.size());
  seen_.flush_seq = copy_.header.flush_seq;
  has_read_ = true;
  return delta;
}

void SegmentReader::take_devices(SegmentDelta& delta) {
  for (; seen_.devices < copy_.devices.size(); ++seen_.devices) {
    const gpuvigil_segment_device& device = copy_.devices[seen_.devices];
    std::string uuid = word_of_segment(device.uuid);
    if (uuid.empty()) uuid = fmt::format("SDK-{}", device.number);
    delta.devices.push_back({.uuid = std::move(uuid),
                             .name = text_of_segment(device.name),
                             .pci_bus_id = {},
                             .source = std::string(writer())});
  }
}

void SegmentReader::take_new_rows(SegmentDelta& delta) {
  std::size_t next_name = 0;
  for (const SegmentCopy::Row& copied : copy_.changed) {
    if (copied.index < seen_.rows.size()) continue;
    std::string& name = copy_.new_names[next_name++];
    const KernelKind kind = kind_of_segment(copied.row.kind, name);
    delta.rows.push_back({.name = std::move(name), .device = copied.row.device, .kind = kind});
    seen_.rows.push_back(copied.row);
    ledgers_.emplace_back();
  }
}

/// No two sketches may share a page: else a small segment could tell of more than it holds.
Result<void> SegmentReader::own_pages(std::uint32_t index, const gpuvigil_segment_row& row) {
  for (std::uint32_t page = 0; page < GPUVIGIL_SKETCH_PAGES; ++page) {
    const std::uint16_t place = row.pages[page];
    if (place == 0) continue;
    if (place >= page_owners_.size()) page_owners_.resize(std::size_t{place} + 1);
    const std::uint32_t us = 1 + GPUVIGIL_SKETCH_PAGES * index + page;
    if (page_owners_[place] != 0 && page_owners_[place] != us) {
      return corrupt(fmt::format("row {} has the page of another", index));
    }
    page_owners_[place] = us;
  }
  return {};
}

Result<void> SegmentReader::take_changes(const SegmentTime& time, SegmentDelta& delta) {
  for (const SegmentCopy::Row& copied : copy_.changed) {
    GPUVIGIL_CHECK(own_pages(copied.index, copied.row));
    const auto first = static_cast<std::uint32_t>(delta.buckets.size());
    const auto pages =
        std::span<const gpuvigil_segment_page>(copy_.pages).subspan(copied.first_page);
    const KernelCounters counters = ledgers_[copied.index].take(copied.row, pages, delta.buckets);
    seen_.rows[copied.index] = copied.row;
    calls_ += counters.calls;
    if (counters.calls == 0 && counters.sum_ns == 0) continue;
    delta.changes.push_back(
        {.row = copied.index,
         .counters = counters,
         .first_bucket = first,
         .bucket_count = static_cast<std::uint32_t>(delta.buckets.size()) - first,
         .last_end = to_timeline(copied.row.last_end_ns, time),
         .last_duration_ns = std::min(copied.row.last_duration_ns, kMaxDurationNs),
         .largest_memory_bytes = std::min(copied.row.largest_memory_bytes, kMaxMemory)});
  }
  // A sum over all of them that could be wrapped around would hide everybody else's.
  if (calls_ > time.monotonic_now_ns + kCallsAhead) {
    return corrupt("it tells of more executions than there was time for");
  }
  return {};
}

Result<void> SegmentReader::take_recent(const SegmentTime& time, SegmentDelta& delta) {
  const std::uint64_t head = copy_.header.recent_head;
  const std::uint64_t before = std::exchange(seen_.recent_head, head);
  if (head == before || layout_.recent.capacity == 0) return {};
  const std::uint64_t capacity = layout_.recent.capacity;
  for (std::uint64_t n = std::max(before, head - std::min(head, capacity)); n < head; ++n) {
    const gpuvigil_segment_recent& one = copy_.recent[n % capacity];
    if (one.row >= seen_.rows.size()) return corrupt("it lists an execution of no row");
    Execution execution;
    execution.end = to_timeline(one.end_ns, time);
    execution.duration =
        Duration(static_cast<std::int64_t>(std::min(one.duration_ns, kMaxDurationNs)));
    if ((one.flags & GPUVIGIL_RECENT_HAS_START) != 0) {
      execution.start = std::min(to_timeline(one.start_ns, time), execution.end);
    }
    if ((one.flags & GPUVIGIL_RECENT_HAS_MEMORY) != 0) {
      execution.memory = Bytes(std::min(one.memory_bytes, kMaxMemory));
    }
    delta.recent.push_back({.row = one.row, .execution = execution});
  }
  return {};
}

void SegmentReader::take_busy(const SegmentTime& time, SegmentDelta& delta) {
  if ((layout_.features & GPUVIGIL_SEGMENT_HAS_BUSY) == 0) return;
  const std::uint64_t until = std::min(copy_.header.covered_until_ns, time.monotonic_now_ns);
  const std::uint64_t from = has_read_ ? covered_until_ns_ : std::min(layout_.since_ns, until);
  if (until <= from) return;
  covered_until_ns_ = until;
  const std::uint64_t length = until - from;
  for (std::uint32_t i = 0; i < seen_.devices; ++i) {
    const gpuvigil_segment_device& told = copy_.devices[i];
    const std::uint64_t kernels = std::min(growth(told.kernel_busy_ns, busy_ns_[i][0]), length);
    const std::uint64_t all = std::min(growth(told.gpu_busy_ns, busy_ns_[i][1]), length);
    delta.busy.push_back({.device = i,
                          .from = to_timeline(from, time),
                          .to = to_timeline(until, time),
                          .kernels = Duration(static_cast<std::int64_t>(kernels)),
                          .all = Duration(static_cast<std::int64_t>(std::max(kernels, all)))});
  }
}

void SegmentReader::take_losses(SegmentDelta& delta) {
  for (const WriterLoss& loss : kWriterLosses) {
    const std::uint64_t more = growth(copy_.header.losses[loss.theirs], losses_[loss.theirs]);
    delta.losses.add(loss.ours, std::min(more, kMaxLoss));
  }
}

}  // namespace gpuvigil
