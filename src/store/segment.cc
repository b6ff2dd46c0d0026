// SPDX-License-Identifier: Apache-2.0
#include "store/segment.h"

#include "base/assert.h"
#include "store/bytes.h"

namespace gpuvigil {
namespace {

std::unexpected<Error> damaged() {
  return fail(Errc::kCorrupt, "a stored segment is damaged");
}

/// The first time, the usual step, and where the steps are others: for a steady clock ten bytes.
Result<void> unpack_times(ByteReader& in, std::vector<std::int64_t>& times) {
  // Without signs: what is damaged may be any number.
  auto at = static_cast<std::uint64_t>(unzigzag(in.varint()));
  const std::uint64_t usual = in.varint();
  const std::uint64_t exceptions = in.varint();
  if (exceptions > times.size()) return damaged();
  std::size_t next = 0;
  const auto fill_until = [&](std::size_t end) {
    for (; next < end; ++next) {
      if (next > 0) at += usual;
      times[next] = static_cast<std::int64_t>(at);
    }
  };
  for (std::uint64_t i = 0; i < exceptions; ++i) {
    const std::uint64_t skipped = in.varint();
    const std::uint64_t step = in.varint();
    if (skipped >= times.size() - next) return damaged();
    fill_until(next + skipped);
    at += step;
    times[next++] = static_cast<std::int64_t>(at);
  }
  fill_until(times.size());
  for (std::size_t i = 1; i < times.size(); ++i) {
    if (times[i] <= times[i - 1]) return damaged();
  }
  return {};
}

}  // namespace

void pack_times(std::span<const std::int64_t> times, std::string& out) {
  GPUVIGIL_ASSERT(!times.empty());
  put_varint(out, zigzag(times.front()));
  const auto step_at = [&](std::size_t i) {
    return static_cast<std::uint64_t>(times[i] - times[i - 1]);
  };
  const std::uint64_t usual = times.size() > 1 ? step_at(times.size() / 2) : 1;
  put_varint(out, usual);
  std::string exceptions;
  std::uint64_t count = 0;
  std::size_t next = 0;
  for (std::size_t i = 1; i < times.size(); ++i) {
    if (step_at(i) == usual) continue;
    put_varint(exceptions, i - next);
    put_varint(exceptions, step_at(i));
    next = i + 1;
    ++count;
  }
  put_varint(out, count);
  out += exceptions;
}

std::string make_segment(std::span<const std::int64_t> times,
                         std::span<const std::string> columns) {
  std::string out;
  out += static_cast<char>(kSegmentVersion);
  put_varint(out, times.size());
  put_varint(out, columns.size());
  pack_times(times, out);
  for (const std::string& column : columns) put_varint(out, column.size());
  for (const std::string& column : columns) out += column;
  return out;
}

Result<SegmentReader> SegmentReader::open(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.byte() != kSegmentVersion) return damaged();
  const std::uint64_t rows = in.varint();
  const std::uint64_t columns = in.varint();
  if (in.failed() || rows == 0 || rows > kMaxSegmentRows || columns > kMaxSegmentColumns) {
    return damaged();
  }
  SegmentReader reader;
  reader.times_.resize(rows);
  GPUVIGIL_CHECK(unpack_times(in, reader.times_));
  std::vector<std::uint64_t> sizes(columns);
  for (std::uint64_t& size : sizes) size = in.varint();
  for (const std::uint64_t size : sizes) reader.columns_.push_back(in.take(size));
  if (in.failed()) return damaged();
  return reader;
}

Result<void> SegmentReader::read(std::size_t column, ColumnCodec& codec,
                                 std::span<double> values) const {
  GPUVIGIL_ASSERT(column < columns_.size() && values.size() == times_.size());
  return codec.unpack(columns_[column], values);
}

}  // namespace gpuvigil
