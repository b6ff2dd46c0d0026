// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/zstd.h"
#include "store/kernel_sums.h"

namespace gpuvigil {

/// What one series did in one step, as it lies in the file: kernels and devices by number.
struct KernelRecord {
  std::uint64_t kernel = 0;
  std::uint32_t device = 0;
  KernelKind kind = KernelKind::kCompute;
  const KernelSum* sum = nullptr;
};

inline constexpr std::uint8_t kKernelBlobVersion = 1;
inline constexpr std::size_t kMaxKernelRecords = 16'384;

/// All records of one step, packed. Errors cannot be; requires records.size() <=
/// kMaxKernelRecords.
[[nodiscard]] std::string pack_kernels(std::span<const KernelRecord> records, Timestamp from,
                                       ZstdCodec& zstd);

/// Reads what was packed, one record after the other; those that nobody wants are skipped without a
/// look at them.
///
/// Threading: one thread at a time.
class KernelBlobReader {
 public:
  /// A record whose sum is not read yet.
  struct Entry {
    std::uint64_t kernel = 0;
    std::uint32_t device = 0;
    KernelKind kind = KernelKind::kCompute;
    std::string_view bytes;
  };

  /// Unpacks; the entries are valid until the next open(). `from` is that of the step.
  /// Errors: kCorrupt.
  [[nodiscard]] Result<void> open(std::string_view packed, Timestamp from);

  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

  /// Adds an entry to a sum. Errors: kCorrupt; then nothing was added.
  [[nodiscard]] Result<void> add_to(KernelSum& sum, const Entry& entry);

 private:
  ZstdCodec zstd_;
  Timestamp from_{};
  std::string plain_;
  std::vector<Entry> entries_;
  std::vector<BucketCount> buckets_;
};

}  // namespace gpuvigil
