// SPDX-License-Identifier: Apache-2.0
#include "store/column_codec.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "store/bytes.h"

namespace gpuvigil {
namespace {

constexpr std::array<double, kMaxExponent + 1> kPowers = {1,   1e1, 1e2, 1e3, 1e4,
                                                          1e5, 1e6, 1e7, 1e8, 1e9};
constexpr double kMaxNumber = 1125899906842624;  // 2^50: sums and differences stay exact
constexpr int kZstdLevel = 1;

enum class Mode : std::uint8_t { kAbsent = 0, kConstant = 1, kDecimal = 2, kBits = 3 };
constexpr std::uint8_t kHasGaps = 0x10;
constexpr std::uint8_t kIsPacked = 0x20;
constexpr std::uint8_t kIsDelta = 0x40;

/// The nearest whole number of |value| < 2^51, by the rounding of an addition: no call.
double nearest(double value) {
  constexpr double kMagic = 6755399441055744.0;  // 1.5 x 2^52
  return (value + kMagic) - kMagic;
}

unsigned width(std::uint64_t value) {
  return static_cast<unsigned>(64 - std::countl_zero(value));
}

unsigned planes_for(std::span<const std::uint64_t> words) {
  std::uint64_t all = 0;
  for (const std::uint64_t word : words) all |= word;
  return (width(all) + 7) / 8;
}

std::unexpected<Error> damaged() {
  return fail(Errc::kCorrupt, "a stored column is damaged");
}

/// A bit for each value; none at all: all are there.
bool is_there(std::string_view gaps, std::size_t i) {
  return gaps.empty() || ((static_cast<unsigned char>(gaps[i / 8]) >> (i % 8)) & 1U) != 0;
}

}  // namespace

bool scale_value(double value, unsigned exponent, std::int64_t& number) {
  const double scaled = value * kPowers[exponent];
  if (!(std::abs(scaled) < kMaxNumber)) return false;
  const double rounded = nearest(scaled);
  const auto whole = static_cast<std::int64_t>(rounded);
  // -0 is a value of its own.
  if (std::bit_cast<std::uint64_t>(unscale_value(whole, exponent)) !=
      std::bit_cast<std::uint64_t>(value)) {
    return false;
  }
  number = whole;
  return true;
}

double unscale_value(std::int64_t number, unsigned exponent) {
  return static_cast<double>(number) / kPowers[exponent];
}

/// The smallest exponent under which all are whole; what is whole under one is so under the next.
bool ColumnCodec::scale_all(std::span<const double> present) {
  exponent_ = 0;
  numbers_.resize(present.size());
  for (const double value : present) {
    std::int64_t number = 0;
    while (!scale_value(value, exponent_, number)) {
      if (++exponent_ > kMaxExponent) return false;
    }
  }
  for (std::size_t i = 0; i < present.size(); ++i) {
    if (!scale_value(present[i], exponent_, numbers_[i])) return false;
  }
  return true;
}

void ColumnCodec::put_planes(std::span<const std::uint64_t> words, unsigned planes) {
  const std::size_t before = plain_.size();
  plain_.resize(before + words.size() * planes);
  for (unsigned p = 0; p < planes; ++p) {
    char* at = plain_.data() + before + p * words.size();
    const unsigned shift = 8 * p;
    for (std::size_t i = 0; i < words.size(); ++i) at[i] = static_cast<char>(words[i] >> shift);
  }
}

/// Whole numbers: over their smallest, or each less the one before, whichever takes fewer bits.
void ColumnCodec::put_decimals(std::string& out) {
  const std::size_t count = numbers_.size();
  const auto [low, high] = std::ranges::minmax(numbers_);
  const std::int64_t middle = low + (high - low) / 2;
  std::uint64_t plain_bits = 0;
  std::uint64_t delta_bits = 0;
  std::int64_t before = numbers_.front();
  for (const std::int64_t number : numbers_) {
    plain_bits += width(zigzag(number - middle));
    delta_bits += width(zigzag(number - before));
    before = number;
  }
  words_.resize(count);
  const bool by_delta = delta_bits < plain_bits;
  const std::int64_t base = by_delta ? numbers_.front() : low;
  before = base;
  for (std::size_t i = 0; i < count; ++i) {
    words_[i] =
        by_delta ? zigzag(numbers_[i] - before) : static_cast<std::uint64_t>(numbers_[i] - base);
    before = numbers_[i];
  }
  const unsigned planes = planes_for(words_);
  put_planes(words_, planes);
  if (by_delta) out.back() = static_cast<char>(out.back() | kIsDelta);
  out += static_cast<char>(exponent_ << 4U | planes);
  put_varint(out, zigzag(base));
}

void ColumnCodec::put_bits(std::span<const double> present) {
  words_.resize(present.size());
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < present.size(); ++i) {
    const auto bits = std::bit_cast<std::uint64_t>(present[i]);
    words_[i] = bits ^ before;
    before = bits;
  }
  put_planes(words_, 8);
}

/// Packs what lies in plain_ where that makes it smaller.
void ColumnCodec::finish(std::string& out) {
  const std::size_t before = out.size();
  zstd_.pack(plain_, kZstdLevel, out);
  if (out.size() - before < plain_.size()) return;
  out.resize(before);
  out += plain_;
}

void ColumnCodec::pack(std::span<const double> values, std::string& out) {
  present_.clear();
  for (const double value : values) {
    if (!is_absent(value)) present_.push_back(value);
  }
  if (present_.empty()) {
    out += static_cast<char>(Mode::kAbsent);
    return;
  }
  const bool has_gaps = present_.size() < values.size();
  const auto first = std::bit_cast<std::uint64_t>(present_.front());
  const bool constant = std::ranges::all_of(
      present_, [first](double value) { return std::bit_cast<std::uint64_t>(value) == first; });
  if (constant && !has_gaps) {
    out += static_cast<char>(Mode::kConstant);
    put_u64(out, first);
    return;
  }
  plain_.clear();
  if (has_gaps) {
    plain_.resize((values.size() + 7) / 8);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (is_absent(values[i])) continue;
      plain_[i / 8] = static_cast<char>(plain_[i / 8] | (1 << (i % 8)));
    }
  }
  const bool decimal = scale_all(present_);
  const std::size_t head = out.size();
  out += static_cast<char>(static_cast<std::uint8_t>(decimal ? Mode::kDecimal : Mode::kBits) |
                           (has_gaps ? kHasGaps : 0));
  decimal ? put_decimals(out) : put_bits(present_);
  const std::size_t body = out.size();
  finish(out);
  if (out.size() - body < plain_.size()) out[head] = static_cast<char>(out[head] | kIsPacked);
}

Result<void> ColumnCodec::unpack(std::string_view packed, std::span<double> values) {
  ByteReader in(packed);
  const std::uint8_t head = in.byte();
  const auto mode = static_cast<Mode>(head & 0x0FU);
  if (in.failed() || mode > Mode::kBits) return damaged();
  if (mode == Mode::kAbsent) {
    std::ranges::fill(values, absent_value());
    return {};
  }
  if (mode == Mode::kConstant) {
    std::ranges::fill(values, std::bit_cast<double>(in.u64()));
    if (in.failed()) return damaged();
    return {};
  }
  const std::uint8_t shape = mode == Mode::kDecimal ? in.byte() : std::uint8_t{8};
  const unsigned planes = shape & 0x0FU;
  const unsigned exponent = shape >> 4U;
  const std::int64_t base = mode == Mode::kDecimal ? unzigzag(in.varint()) : 0;
  if (in.failed() || planes > 8 || exponent > kMaxExponent) return damaged();

  std::string_view body = in.rest();
  if ((head & kIsPacked) != 0) {
    plain_.clear();
    GPUVIGIL_CHECK(zstd_.unpack(body, values.size() * 9 + 8, plain_));
    body = plain_;
  }
  std::string_view gaps;
  std::size_t count = values.size();
  if ((head & kHasGaps) != 0) {
    gaps = body.substr(0, std::min(body.size(), (values.size() + 7) / 8));
    if (gaps.size() * 8 < values.size()) return damaged();
    body.remove_prefix(gaps.size());
    count = 0;
    for (std::size_t i = 0; i < values.size(); ++i) count += is_there(gaps, i) ? 1U : 0U;
  }
  if (body.size() != count * planes) return damaged();
  words_.assign(count, 0);
  for (unsigned p = 0; p < planes; ++p) {
    const char* at = body.data() + p * count;
    for (std::size_t i = 0; i < count; ++i) {
      words_[i] |= std::uint64_t{static_cast<unsigned char>(at[i])} << (8 * p);
    }
  }
  // Damage that the packer's sum did not notice may be any number: without signs nothing overflows.
  const bool by_delta = (head & kIsDelta) != 0;
  auto running = static_cast<std::uint64_t>(base);
  std::uint64_t bits = 0;
  std::size_t next = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!is_there(gaps, i)) {
      values[i] = absent_value();
      continue;
    }
    const std::uint64_t word = words_[next++];
    if (mode == Mode::kBits) {
      bits ^= word;
      values[i] = std::bit_cast<double>(bits);
      continue;
    }
    if (by_delta) {
      running += static_cast<std::uint64_t>(unzigzag(word));
    } else {
      running = static_cast<std::uint64_t>(base) + word;
    }
    values[i] = unscale_value(static_cast<std::int64_t>(running), exponent);
  }
  return {};
}

}  // namespace gpuvigil
