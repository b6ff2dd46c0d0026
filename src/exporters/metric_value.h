// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace gpuvigil {

/// A number as others are told it, in base units; or nothing, which is never told as 0.
///
/// What we count is told exactly in texts: a count as an integer, nanoseconds as seconds with nine
/// places. Who can only take a double gets the nearest one.
class MetricValue {
 public:
  MetricValue() = default;  ///< Nothing.
  /// What is not finite is nothing.
  [[nodiscard]] static MetricValue number(double value);
  [[nodiscard]] static MetricValue ratio(double percent);  ///< 71.9 is told as 0.719.
  [[nodiscard]] static MetricValue count(std::uint64_t value) { return {Kind::kCount, value}; }
  [[nodiscard]] static MetricValue seconds(std::uint64_t ns) { return {Kind::kNanoseconds, ns}; }

  [[nodiscard]] bool is_there() const { return kind_ != Kind::kNothing; }

  /// 0 for nothing.
  [[nodiscard]] double to_double() const;

  /// Writes it as a decimal that reads back as the same number; where it ends. Takes at most
  /// kMaxText bytes. Requires is_there().
  [[nodiscard]] char* write(char* at) const;
  static constexpr std::size_t kMaxText = 40;

 private:
  enum class Kind : std::uint8_t { kNothing, kNumber, kCount, kNanoseconds };
  MetricValue(Kind kind, std::uint64_t count) : kind_(kind), count_(count) {}

  Kind kind_ = Kind::kNothing;
  union {
    std::uint64_t count_ = 0;
    double number_;
  };
};

}  // namespace gpuvigil
