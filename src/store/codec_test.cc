// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "store/column_codec.h"
#include "store/row_codec.h"
#include "store/segment.h"

namespace gpuvigil {
namespace {

/// Values as devices give them, and as nobody should.
rc::Gen<double> any_value() {
  using Limits = std::numeric_limits<double>;
  return rc::gen::oneOf(
      rc::gen::map(rc::gen::inRange(-100'000, 100'000), [](int n) { return n / 10.0; }),
      rc::gen::map(rc::gen::inRange(0, 100), [](int n) { return static_cast<double>(n); }),
      rc::gen::map(rc::gen::arbitrary<std::uint64_t>(),
                   [](std::uint64_t bits) { return std::bit_cast<double>(bits); }),
      rc::gen::element(0.0, -0.0, absent_value(), absent_value(), Limits::infinity(),
                       -Limits::infinity(), Limits::quiet_NaN(), Limits::max(),
                       Limits::denorm_min(), 1e15, -1125899906842624.0, 9007199254740993.0, 0.1,
                       1.0 / 3.0));
}

/// Columns of one sort of value, and mixed ones.
rc::Gen<std::vector<double>> any_column() {
  const auto decimal =
      rc::gen::map(rc::gen::inRange(-5000, 5000), [](int n) { return n / 1000.0; });
  const auto sparse =
      rc::gen::weightedOneOf<double>({{5, decimal}, {2, rc::gen::just(absent_value())}});
  return rc::gen::oneOf(rc::gen::container<std::vector<double>>(decimal),
                        rc::gen::container<std::vector<double>>(sparse),
                        rc::gen::container<std::vector<double>>(rc::gen::just(42.5)),
                        rc::gen::container<std::vector<double>>(any_value()));
}

std::vector<std::uint64_t> bits_of(const std::vector<double>& values) {
  std::vector<std::uint64_t> bits;
  for (const double value : values) bits.push_back(std::bit_cast<std::uint64_t>(value));
  return bits;
}

RC_GTEST_PROP(ColumnCodec, GivesBackEveryBit, ()) {
  const auto values = *any_column();
  RC_PRE(!values.empty());
  ColumnCodec codec;
  std::string packed;
  codec.pack(values, packed);
  std::vector<double> back(values.size());
  RC_ASSERT(codec.unpack(packed, back).has_value());
  RC_ASSERT(bits_of(back) == bits_of(values));
}

RC_GTEST_PROP(ColumnCodec, SurvivesAnyBytes, (std::string packed, std::uint8_t at, char to)) {
  ColumnCodec codec;
  std::vector<double> back(*rc::gen::inRange<std::size_t>(1, 100));
  (void)codec.unpack(packed, back);
  std::string sound;
  codec.pack(std::vector<double>{1.5, 2.5, absent_value(), 1e300}, sound);
  sound[at % sound.size()] = to;
  std::vector<double> four(4);
  (void)codec.unpack(sound, four);
}

RC_GTEST_PROP(RowCodec, GivesBackEveryBitOfEveryRow, ()) {
  RowState writer;
  RowState reader;
  const auto rows = *rc::gen::container<std::vector<std::vector<double>>>(
      rc::gen::container<std::vector<double>>(any_value()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i == rows.size() / 2) {
      writer.forget();
      reader.forget();
    }
    std::string packed;
    pack_row(rows[i], writer, packed);
    std::vector<double> back;
    RC_ASSERT(unpack_row(packed, reader, back).has_value());
    RC_ASSERT(bits_of(back) == bits_of(rows[i]));
  }
}

RC_GTEST_PROP(RowCodec, SurvivesAnyBytes, (const std::string& packed)) {
  RowState state;
  std::vector<double> back;
  (void)unpack_row(packed, state, back);
}

TEST(RowCodec, TakesAboutAByteForWhatHardlyChanges) {
  RowState state;
  std::string packed;
  pack_row(std::vector<double>(100, 61.5), state, packed);
  packed.clear();
  pack_row(std::vector<double>(100, 63.0), state, packed);
  EXPECT_LE(packed.size(), 101U);
}

RC_GTEST_PROP(Segment, GivesBackTimesAndColumns, ()) {
  const auto steps = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<std::int64_t>>(rc::gen::element<std::int64_t>(
          1'000'000'000, 1'000'000'000, 1'000'000'000, 1, 3'700'000'000)));
  std::vector<std::int64_t> times;
  std::int64_t at = *rc::gen::inRange<std::int64_t>(-5, 1'800'000'000'000'000'000);
  for (const std::int64_t step : steps) times.push_back(at += step);
  ColumnCodec codec;
  std::vector<std::string> columns(2);
  const std::vector<double> rising(times.begin(), times.end());
  const std::vector<double> none(times.size(), absent_value());
  codec.pack(rising, columns[0]);
  codec.pack(none, columns[1]);
  const std::string bytes = make_segment(times, columns);
  const auto reader = SegmentReader::open(bytes);
  RC_ASSERT(reader.has_value());
  RC_ASSERT(std::vector(reader->times().begin(), reader->times().end()) == times);
  std::vector<double> back(times.size());
  RC_ASSERT(reader->read(0, codec, back).has_value());
  RC_ASSERT(bits_of(back) == bits_of(rising));
  RC_ASSERT(reader->read(1, codec, back).has_value());
  RC_ASSERT(bits_of(back) == bits_of(none));
}

RC_GTEST_PROP(Segment, SurvivesAnyBytes, (const std::string& bytes)) {
  (void)SegmentReader::open(bytes);
  (void)SegmentReader::open("\x01\x05\x01" + bytes);
}

}  // namespace
}  // namespace gpuvigil
