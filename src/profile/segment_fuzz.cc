// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/assert.h"
#include "model/latency_sketch.h"
#include "profile/segment_reader.h"
#include "profile/testing_segment.h"

namespace {

using gpuvigil::SegmentDelta;
using gpuvigil::SketchScheme;
using gpuvigil::testing::SegmentImage;

constexpr int kMaxReadings = 16;
constexpr gpuvigil::SegmentTime kTime{.now = gpuvigil::from_unix_ns(1'800'000'000'000'000'000),
                                      .monotonic_now_ns = std::uint64_t{1} << 45U};

void check_extras(const SegmentDelta& delta, std::size_t rows, std::size_t devices) {
  constexpr std::uint64_t kMaxSum = std::uint64_t{1} << 62U;
  constexpr gpuvigil::Bytes kMaxMemory(std::uint64_t{1} << 50U);
  for (const SegmentDelta::Shape& shape : delta.shapes) {
    GPUVIGIL_ASSERT((!shape.row || *shape.row < rows) && shape.sum_ns <= kMaxSum);
  }
  for (const SegmentDelta::Stream& stream : delta.streams) {
    GPUVIGIL_ASSERT((!stream.device || *stream.device < devices) && stream.sum_ns <= kMaxSum);
  }
  for (const SegmentDelta::Untimed& untimed : delta.untimed) {
    GPUVIGIL_ASSERT(untimed.row < rows && untimed.calls > 0);
  }
  for (const SegmentDelta::Memory& memory : delta.memories) {
    GPUVIGIL_ASSERT(memory.device < devices);
    GPUVIGIL_ASSERT(std::max({memory.allocated, memory.peak, memory.pool_reserved,
                              memory.pool_used}) <= kMaxMemory);
  }
  if (!delta.status) return;
  GPUVIGIL_ASSERT(delta.status->detail_every > 0 &&
                  delta.status->cost >= gpuvigil::Duration::zero());
  GPUVIGIL_ASSERT(!delta.status->blind_since || *delta.status->blind_since <= kTime.now);
  GPUVIGIL_ASSERT(delta.status->runtime.find('\n') == std::string::npos);
}

/// Holds a difference to what the live state relies on.
void check(const SegmentDelta& delta, std::size_t& rows, std::size_t& devices) {
  devices += delta.devices.size();
  for (const SegmentDelta::Row& row : delta.rows) {
    GPUVIGIL_ASSERT(!row.name.empty() && row.device < devices);
  }
  rows += delta.rows.size();
  for (const SegmentDelta::Change& change : delta.changes) {
    GPUVIGIL_ASSERT(change.row < rows);
    const auto buckets = std::span(delta.buckets).subspan(change.first_bucket, change.bucket_count);
    std::uint64_t calls = 0;
    std::uint32_t next = 0;
    for (const gpuvigil::BucketCount& b : buckets) {
      GPUVIGIL_ASSERT(b.bucket >= next && b.bucket < SketchScheme::kBuckets && b.count > 0);
      next = b.bucket + 1;
      calls += b.count;
    }
    const gpuvigil::KernelCounters& c = change.counters;
    GPUVIGIL_ASSERT(c.calls == calls && c.memory_calls <= UINT64_MAX);
    GPUVIGIL_ASSERT(std::isfinite(c.sum_squares_ns2) && c.sum_squares_ns2 >= 0);
    GPUVIGIL_ASSERT(change.last_end <= kTime.now);
    if (calls == 0) continue;
    GPUVIGIL_ASSERT(SketchScheme::bucket_of(c.min_ns) == buckets.front().bucket);
    GPUVIGIL_ASSERT(SketchScheme::bucket_of(c.max_ns) == buckets.back().bucket);
    GPUVIGIL_ASSERT(c.min_ns <= c.max_ns && c.sum_ns >= c.min_ns);
  }
  for (const SegmentDelta::Listed& listed : delta.recent) {
    GPUVIGIL_ASSERT(listed.row < rows && listed.execution.end <= kTime.now);
    GPUVIGIL_ASSERT(listed.execution.duration >= gpuvigil::Duration::zero());
  }
  for (const SegmentDelta::Busy& busy : delta.busy) {
    GPUVIGIL_ASSERT(busy.device < devices && busy.from <= busy.to && busy.to <= kTime.now);
    GPUVIGIL_ASSERT(busy.kernels <= busy.all && busy.all <= busy.to - busy.from);
  }
  check_extras(delta, rows, devices);
}

/// A good segment.
SegmentImage make_ground() {
  SegmentImage image(64, 60);
  image.add_device("GPU-1");
  image.add_device();
  for (std::uint32_t row = 0; row < 4; ++row) {
    image.add_row("kernel", row % 2);
    image.record(row, std::uint64_t{100} << (8 * row), 1000 + row);
  }
  image.header().features = UINT32_MAX;  // those that nobody knows as well
  image.header().shapes_used = image.header().streams_used = 2;
  image.shape(0).row = image.stream(0).device = GPUVIGIL_NO_ROW;
  image.flush();
  return image;
}

/// The segment of all inputs, made once: making it was a fifth of what a short input took. What was
/// written into it is taken back at the end.
class Ground {
 public:
  Ground() { written_.reserve(kMaxWrites); }
  ~Ground() {
    for (auto one = written_.rbegin(); one != written_.rend(); ++one) put(one->place, one->before);
  }
  Ground(const Ground&) = delete;
  Ground& operator=(const Ground&) = delete;

  [[nodiscard]] gpuvigil::SharedBytes bytes() const { return image().bytes(); }

  /// Two or eight bytes; at the end as far as there is room.
  template <class Number>
  void write(std::size_t place, Number value) {
    const std::size_t at = std::min(place, bytes().size() - sizeof(std::uint64_t));
    Written& made = written_.emplace_back(at, 0);
    std::memcpy(&made.before, bytes().data() + at, sizeof(made.before));
    std::memcpy(image().writable().data() + at, &value, sizeof(value));
  }
  void add_to_flushes(std::uint64_t more) {
    write(offsetof(gpuvigil_segment_header, flush_seq), image().header().flush_seq + more);
  }

  static constexpr std::size_t kMaxWrites = 1'000;

 private:
  struct Written {
    std::size_t place;
    std::uint64_t before;
  };

  static SegmentImage& image() {
    static SegmentImage made = make_ground();
    return made;
  }
  static void put(std::size_t place, std::uint64_t value) {
    std::memcpy(image().writable().data() + place, &value, sizeof(value));
  }

  static inline std::vector<Written> written_storage_;
  std::vector<Written>& written_ = (written_storage_.clear(), written_storage_);
};

}  // namespace

/// The input is a list of writes into a good segment, five bytes each (two of place, two of value,
/// one of how): so that mutations get past the first checks. A `how` of 255 reads what there is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Ground ground;
  auto reader = gpuvigil::SegmentReader::open(ground.bytes());
  std::size_t rows = 0;
  std::size_t devices = 0;
  // A reading costs a hundred times what a write does, and sixteen show whatever more would.
  int readings = 0;
  const std::size_t end = std::min(size, 5 * Ground::kMaxWrites);
  for (std::size_t at = 0; at + 5 <= end && readings < kMaxReadings; at += 5) {
    std::uint16_t place = 0;
    std::uint16_t value = 0;
    std::memcpy(&place, data + at, sizeof(place));
    std::memcpy(&value, data + at + 2, sizeof(value));
    const std::uint8_t how = data[at + 4];
    if (how < 128) {  // anywhere, eight bytes: small numbers as well as large ones
      const std::uint64_t wide = std::uint64_t{value} << (how % 64);
      ground.write(place, wide);
    } else if (how < 250) {  // two bytes of the header or of the first rows
      ground.write(place % 2048, value);
    } else if (how < 254) {
      ground.add_to_flushes(how - 250U);
    } else {
      ++readings;
      if (how == 254) reader = gpuvigil::SegmentReader::open(ground.bytes());
      if (how == 254) rows = devices = 0;
      if (!reader) continue;
      const auto delta = reader->read(ground.bytes(), kTime, value % 2 != 0);
      if (!delta) {
        GPUVIGIL_ASSERT(delta.error().message.find('\n') == std::string::npos);
        return 0;
      }
      check(*delta, rows, devices);
    }
  }
  return 0;
}
