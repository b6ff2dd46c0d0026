// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/units.h"
#include "model/device.h"
#include "model/kernel.h"
#include "model/latency_sketch.h"
#include "model/loss.h"

namespace gpuvigil {

/// How closely a writer looks; what it does not look at it still counts, unless it is off.
enum class Detail { kFull, kSampled, kCounts, kOff };

/// Why a writer sees nothing.
enum class Blindness { kNone, kProfiler, kRefused, kNoDriver, kUnsupported, kUnknown };

/// How a writer is doing.
struct WriterStatus {
  Detail detail = Detail::kFull;
  std::uint32_t detail_every = 1;  ///< At least 1.
  Duration cost{};                 ///< CPU time that it took of its program since the last reading.
  Blindness blindness = Blindness::kNone;
  std::optional<Timestamp> blind_since;
  std::string runtime;  ///< What it sits in, "CUPTI 130001"; empty until it is known.
};

/// What one reading of a segment found to be new. Rows and devices are numbered in the order in
/// which they were told of.
struct SegmentDelta {
  struct Row {
    std::string name;
    std::uint32_t device = 0;
    KernelKind kind = KernelKind::kCompute;
  };
  struct Change {
    std::uint32_t row = 0;
    KernelCounters counters;
    std::uint32_t first_bucket = 0;  ///< Its share of `buckets`.
    std::uint32_t bucket_count = 0;
    Timestamp last_end{};
    std::uint64_t last_duration_ns = 0;
    std::uint64_t largest_memory_bytes = 0;
  };
  struct Listed {
    std::uint32_t row = 0;
    Execution execution;
  };
  /// How long kernels, and GPU work of any kind, ran on a device in [from, to).
  struct Busy {
    std::uint32_t device = 0;
    Timestamp from{};
    Timestamp to{};
    Duration kernels{};
    Duration all{};
  };

  /// What executions of a row that were launched alike add up to.
  struct Shape {
    std::optional<std::uint32_t> row;  ///< Without: of all for which there was no room.
    std::array<std::uint32_t, 3> grid{};
    std::array<std::uint32_t, 3> block{};  ///< 0: left to the driver.
    std::uint32_t registers = 0;           ///< Of a thread; 0: not known.
    Bytes static_shared{};
    Bytes dynamic_shared{};
    std::uint64_t calls = 0;
    std::uint64_t sum_ns = 0;  ///< At most 2^62.
  };
  /// What executions of a kind on a stream add up to.
  struct Stream {
    std::optional<std::uint32_t> device;  ///< Without: of all for which there was no room.
    std::uint64_t stream = 0;             ///< As the driver numbers them.
    KernelKind kind = KernelKind::kCompute;
    std::uint64_t calls = 0;
    std::uint64_t sum_ns = 0;  ///< At most 2^62.
  };
  /// Device memory of the program, as its allocations tell; each at most 2^50 bytes.
  struct Memory {
    std::uint32_t device = 0;
    Bytes allocated{};
    Bytes peak{};
    Bytes pool_reserved{};
    Bytes pool_used{};
    friend bool operator==(const Memory&, const Memory&) = default;
  };
  /// Executions of which nothing but their number is known.
  struct Untimed {
    std::uint32_t row = 0;
    std::uint64_t calls = 0;
  };

  std::vector<DeviceInfo> devices;
  std::vector<Row> rows;
  std::vector<Change> changes;
  std::vector<BucketCount> buckets;  ///< Ascending within each change.
  std::vector<Listed> recent;        ///< Oldest first.
  std::vector<Busy> busy;
  std::vector<Shape> shapes;  ///< Those that have grown, by what; and so with the next two.
  std::vector<Stream> streams;
  std::vector<Untimed> untimed;
  std::vector<Memory> memories;        ///< As they are now, of devices where that has changed.
  std::optional<WriterStatus> status;  ///< As it is now, of a writer that tells.
  LossCounters losses;
  /// Counted before anybody looked, over longer than a frame waits for: it belongs to the totals
  /// and to no window.
  bool is_late = false;

  [[nodiscard]] bool is_empty() const;
  [[nodiscard]] std::size_t memory_bytes() const;
};

}  // namespace gpuvigil
