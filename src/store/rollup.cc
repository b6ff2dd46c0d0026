// SPDX-License-Identifier: Apache-2.0
#include "store/rollup.h"

#include <algorithm>

#include "store/column_codec.h"

namespace gpuvigil {

void DecimalSum::add(double value) {
  for (unsigned exponent = exponent_; exponent <= kMaxExponent; ++exponent) {
    std::int64_t number = 0;
    if (!scale_value(value, exponent, number)) continue;
    std::int64_t raised = number_;
    bool fits = true;
    for (unsigned e = exponent_; e < exponent; ++e) {
      fits = fits && !__builtin_mul_overflow(raised, std::int64_t{10}, &raised);
    }
    if (!fits || __builtin_add_overflow(raised, number, &raised)) break;
    number_ = raised;
    exponent_ = exponent;
    return;
  }
  rest_ += value;
}

double DecimalSum::value() const {
  const double exact = unscale_value(number_, exponent_);
  return rest_ == 0 ? exact : exact + rest_;
}

Timestamp Rollup::step_of(Timestamp at) const {
  const std::int64_t ns = to_unix_ns(at);
  const std::int64_t w = width_.count();
  const std::int64_t step = ns >= 0 ? ns / w : (ns + 1) / w - 1;
  return from_unix_ns(step * w);
}

std::optional<Timestamp> Rollup::finished_by(Timestamp at) const {
  if (!step_ || step_of(at) == *step_) return std::nullopt;
  return step_;
}

Rollup::Part& Rollup::part(Timestamp at, std::size_t series) {
  if (!step_) step_ = step_of(at);
  if (series >= parts_.size()) parts_.resize(series + 1);
  return parts_[series];
}

void Rollup::add(Timestamp at, std::size_t series, double value) {
  Part& p = part(at, series);
  p.min = p.count == 0 ? value : std::min(p.min, value);
  p.max = p.count == 0 ? value : std::max(p.max, value);
  p.last = value;
  p.sum.add(value);
  ++p.count;
}

void Rollup::add(Timestamp at, std::size_t series, const RollupRecord& record) {
  Part& p = part(at, series);
  p.min = p.count == 0 ? record.min : std::min(p.min, record.min);
  p.max = p.count == 0 ? record.max : std::max(p.max, record.max);
  p.last = record.last;
  p.sum.add(record.sum);
  p.count += record.count;
}

RollupRecord Rollup::record_of(std::size_t series) const {
  const Part& p = parts_[series];
  return {.count = p.count, .min = p.min, .max = p.max, .last = p.last, .sum = p.sum.value()};
}

void Rollup::take(std::vector<double>& row) {
  row.assign(parts_.size() * kRollupColumns, absent_value());
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i].count == 0) continue;
    const RollupRecord record = record_of(i);
    double* at = row.data() + i * kRollupColumns;
    at[kCount] = record.count;
    at[kMin] = record.min;
    at[kMax] = record.max;
    at[kLast] = record.last;
    at[kSum] = record.sum;
  }
  std::ranges::fill(parts_, Part());
  step_.reset();
}

}  // namespace gpuvigil
