// SPDX-License-Identifier: Apache-2.0
#include "store/kernel_blob.h"

#include <bit>
#include <limits>

#include "base/assert.h"
#include "store/bytes.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxPlainBytes = std::size_t{64} << 20U;
constexpr int kLevel = 1;
constexpr unsigned kKindBits = 2;

/// Times of day may be anything that a source said: differences of them wrap around, and back.
std::uint64_t unsigned_ns(Timestamp at) {
  return static_cast<std::uint64_t>(to_unix_ns(at));
}

/// calls, sum, min, max - min, sum of squares, memory, end, buckets: each bucket against the last.
void put_sum(const KernelSum& sum, Timestamp from, std::string& out) {
  const KernelCounters& c = sum.counters;
  put_varint(out, c.calls);
  put_varint(out, c.sum_ns);
  put_varint(out, c.min_ns);
  put_varint(out, c.max_ns - c.min_ns);
  put_u64(out, std::bit_cast<std::uint64_t>(c.sum_squares_ns2));
  put_varint(out, c.memory_calls);
  put_varint(out, c.memory_bytes);
  put_varint(out, zigzag(static_cast<std::int64_t>(unsigned_ns(sum.last_end) - unsigned_ns(from))));
  std::uint32_t last = 0;
  sum.sketch.for_each([&](std::uint32_t bucket, std::uint32_t count) {
    put_varint(out, bucket - last + 1);
    put_varint(out, count);
    last = bucket;
  });
  put_varint(out, 0);
}

std::unexpected<Error> damaged() {
  return fail(Errc::kCorrupt, "a stored step of kernels is damaged");
}

}  // namespace

std::string pack_kernels(std::span<const KernelRecord> records, Timestamp from, ZstdCodec& zstd) {
  GPUVIGIL_ASSERT(records.size() <= kMaxKernelRecords);
  std::string plain;
  std::string one;
  for (const KernelRecord& record : records) {
    one.clear();
    put_sum(*record.sum, from, one);
    put_varint(plain, record.kernel);
    put_varint(plain, (std::uint64_t{record.device} << kKindBits) |
                          static_cast<std::uint64_t>(record.kind));
    put_varint(plain, one.size());
    plain += one;
  }
  std::string out;
  out += static_cast<char>(kKernelBlobVersion);
  zstd.pack(plain, kLevel, out);
  return out;
}

Result<void> KernelBlobReader::open(std::string_view packed, Timestamp from) {
  entries_.clear();
  plain_.clear();
  from_ = from;
  if (packed.empty() || static_cast<std::uint8_t>(packed.front()) != kKernelBlobVersion) {
    return damaged();
  }
  if (!zstd_.unpack(packed.substr(1), kMaxPlainBytes, plain_)) return damaged();
  ByteReader in(plain_);
  while (!in.rest().empty()) {
    Entry entry;
    entry.kernel = in.varint();
    const std::uint64_t place = in.varint();
    const std::uint64_t device = place >> kKindBits;
    entry.kind = static_cast<KernelKind>(place & ((1U << kKindBits) - 1));
    entry.bytes = in.take(in.varint());
    if (in.failed() || device > std::numeric_limits<std::uint32_t>::max() ||
        entries_.size() >= kMaxKernelRecords) {
      entries_.clear();
      return damaged();
    }
    entry.device = static_cast<std::uint32_t>(device);
    entries_.push_back(entry);
  }
  return {};
}

Result<void> KernelBlobReader::add_to(KernelSum& sum, const Entry& entry) {
  ByteReader in(entry.bytes);
  KernelCounters c;
  c.calls = in.varint();
  c.sum_ns = in.varint();
  c.min_ns = in.varint();
  const std::uint64_t spread = in.varint();
  c.max_ns = c.min_ns + spread;
  c.sum_squares_ns2 = std::bit_cast<double>(in.u64());
  c.memory_calls = in.varint();
  c.memory_bytes = in.varint();
  const auto after = static_cast<std::uint64_t>(unzigzag(in.varint()));
  buckets_.clear();
  std::uint64_t bucket = 0;
  while (const std::uint64_t step = in.varint()) {
    bucket += step - 1;
    const std::uint64_t count = in.varint();
    if (bucket >= SketchScheme::kBuckets || count > std::numeric_limits<std::uint32_t>::max()) {
      return damaged();
    }
    buckets_.push_back({static_cast<std::uint32_t>(bucket), static_cast<std::uint32_t>(count)});
  }
  if (in.failed() || !in.rest().empty() || c.max_ns < c.min_ns) return damaged();
  const auto last_end = static_cast<std::int64_t>(unsigned_ns(from_) + after);
  sum.counters.merge(c);
  sum.last_end = std::max(sum.last_end, from_unix_ns(last_end));
  for (const BucketCount& hit : buckets_) sum.sketch.add_to_bucket(hit.bucket, hit.count);
  return {};
}

}  // namespace gpuvigil
