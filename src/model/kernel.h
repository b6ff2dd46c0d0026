// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/units.h"

namespace gpuvigil {

/// What kind of GPU work an execution was. Copies and sets are not kernels.
enum class KernelKind : std::uint8_t { kCompute, kCollective, kMemcpy, kMemset };

[[nodiscard]] constexpr std::string_view to_string(KernelKind kind) {
  switch (kind) {
    case KernelKind::kCompute:
      return "compute";
    case KernelKind::kCollective:
      return "collective";
    case KernelKind::kMemcpy:
      return "memcpy";
    case KernelKind::kMemset:
      return "memset";
  }
  return "compute";
}

[[nodiscard]] constexpr bool is_kernel(KernelKind kind) {
  return kind == KernelKind::kCompute || kind == KernelKind::kCollective;
}

/// Names longer than this keep their head and tail, with a hash of the whole between them.
inline constexpr std::size_t kMaxKernelNameBytes = 8192;

/// Where series go that were evicted, and those for which there is no room.
inline constexpr std::string_view kRetiredName = "__retired__";
inline constexpr std::string_view kOtherName = "__other__";

/// The identity of a kernel: its name as recorded, never demangled, cleaned to valid printable
/// UTF-8 of at most kMaxKernelNameBytes.
struct KernelName {
  std::string name;
  std::string short_name;  ///< For people: demangled, template and call arguments folded.
  std::uint64_t id = 0;    ///< First 64 bits of SHA-256 of `name`.
};

/// Cleans, bounds, hashes and shortens a recorded name. An empty one becomes "(unnamed)".
[[nodiscard]] std::shared_ptr<const KernelName> make_kernel_name(std::string_view recorded);

/// The id as it stands in URLs: 16 hex digits.
[[nodiscard]] std::string format_kernel_id(std::uint64_t id);
[[nodiscard]] std::optional<std::uint64_t> parse_kernel_id(std::string_view text);

/// kCollective for the kernels of communication libraries (NCCL, RCCL, MSCCL, NVSHMEM), else
/// kCompute.
[[nodiscard]] KernelKind kind_of_kernel(std::string_view name);

/// a + b, or the largest number: a sum that wrapped around would be any number at all.
[[nodiscard]] constexpr std::uint64_t add_saturating(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<std::uint64_t>::max() : sum;
}

/// What is exact about a set of executions. Merging is addition; sums stay at the largest number.
struct KernelCounters {
  std::uint64_t calls = 0;
  std::uint64_t sum_ns = 0;
  std::uint64_t min_ns = std::numeric_limits<std::uint64_t>::max();  ///< Of no calls: the maximum.
  std::uint64_t max_ns = 0;
  double sum_squares_ns2 = 0;      ///< For the standard deviation.
  std::uint64_t memory_calls = 0;  ///< Executions that carried their memory.
  std::uint64_t memory_bytes = 0;  ///< Summed over those.

  void add(std::uint64_t duration_ns) {
    ++calls;
    sum_ns = add_saturating(sum_ns, duration_ns);
    min_ns = std::min(min_ns, duration_ns);
    max_ns = std::max(max_ns, duration_ns);
    const auto d = static_cast<double>(duration_ns);
    sum_squares_ns2 += d * d;
  }

  void merge(const KernelCounters& other) {
    calls += other.calls;
    sum_ns = add_saturating(sum_ns, other.sum_ns);
    min_ns = std::min(min_ns, other.min_ns);
    max_ns = std::max(max_ns, other.max_ns);
    sum_squares_ns2 += other.sum_squares_ns2;
    memory_calls += other.memory_calls;
    memory_bytes = add_saturating(memory_bytes, other.memory_bytes);
  }
};

/// Population standard deviation in nanoseconds; 0 for fewer than two calls.
[[nodiscard]] double stddev_ns(const KernelCounters& counters);

/// One run of a kernel, copy or set on a device.
struct Execution {
  std::optional<Timestamp> start;  ///< Absent where the source only knows that it ended.
  Timestamp end{};
  Duration duration{};          ///< >= 0.
  std::optional<Bytes> memory;  ///< What its source says it used; absent where nobody said.
};

}  // namespace gpuvigil
