// SPDX-License-Identifier: Apache-2.0
#include "store/row_codec.h"

#include "store/bytes.h"
#include "store/column_codec.h"

namespace gpuvigil {
namespace {

// What stands before a value: a difference is told as its zigzag and kPlain, in one varint.
constexpr std::uint64_t kAbsent = 0;
constexpr std::uint64_t kBits = 1;    // eight bytes
constexpr std::uint64_t kNumber = 2;  // the exponent, the number
constexpr std::uint64_t kPlain = 3;

void put_anew(double value, RowState::Column& column, std::string& out) {
  for (unsigned exponent = 0; exponent <= kMaxExponent; ++exponent) {
    // An exponent never falls: what is 70 after 70.5 would change it each second.
    if (column.exponent != RowState::kNone && exponent < column.exponent) continue;
    std::int64_t number = 0;
    if (!scale_value(value, exponent, number)) continue;
    put_varint(out, kNumber);
    out += static_cast<char>(exponent);
    put_varint(out, zigzag(number));
    column = {.number = number, .exponent = static_cast<std::uint8_t>(exponent)};
    return;
  }
  put_varint(out, kBits);
  put_u64(out, std::bit_cast<std::uint64_t>(value));
}

}  // namespace

void pack_row(std::span<const double> row, RowState& state, std::string& out) {
  put_varint(out, row.size());
  if (state.columns.size() < row.size()) state.columns.resize(row.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (is_absent(row[i])) {
      put_varint(out, kAbsent);
      continue;
    }
    RowState::Column& column = state.columns[i];
    std::int64_t number = 0;
    if (column.exponent != RowState::kNone && scale_value(row[i], column.exponent, number)) {
      put_varint(out, zigzag(number - column.number) + kPlain);
      column.number = number;
    } else {
      put_anew(row[i], column, out);
    }
  }
}

Result<void> unpack_row(std::string_view packed, RowState& state, std::vector<double>& row) {
  const auto damaged = [] { return fail(Errc::kCorrupt, "a stored row is damaged"); };
  ByteReader in(packed);
  const std::uint64_t count = in.varint();
  if (count > kMaxRowColumns || count > packed.size()) return damaged();
  if (state.columns.size() < count) state.columns.resize(count);
  row.resize(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    RowState::Column& column = state.columns[i];
    const std::uint64_t word = in.varint();
    if (word == kAbsent) {
      row[i] = absent_value();
      continue;
    }
    if (word == kBits) {
      row[i] = std::bit_cast<double>(in.u64());
      continue;
    }
    if (word == kNumber) {
      column.exponent = in.byte();
      column.number = unzigzag(in.varint());
    } else {
      // Without signs: what is damaged may be any number.
      column.number =
          static_cast<std::int64_t>(static_cast<std::uint64_t>(column.number) +
                                    static_cast<std::uint64_t>(unzigzag(word - kPlain)));
    }
    if (column.exponent > kMaxExponent) return damaged();
    row[i] = unscale_value(column.number, column.exponent);
  }
  if (in.failed() || !in.rest().empty()) return damaged();
  return {};
}

}  // namespace gpuvigil
