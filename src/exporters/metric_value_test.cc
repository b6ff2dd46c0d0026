// SPDX-License-Identifier: Apache-2.0
#include "exporters/metric_value.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gpuvigil {
namespace {

std::string text_of(const MetricValue& value) {
  std::array<char, MetricValue::kMaxText> text{};
  return {text.data(), value.write(text.data())};
}

double read_back(const std::string& text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

TEST(MetricValue, IsWrittenAsAShortDecimal) {
  const auto is = [](double value, const std::string& want) {
    EXPECT_EQ(text_of(MetricValue::number(value)), want);
  };
  is(0, "0");
  is(-0.0, "0");
  is(1, "1");
  is(-1.5, "-1.5");
  is(0.735, "0.735");
  is(251.3, "251.3");
  is(0.1 + 0.2, "0.30000000000000004");
  is(1410e6, "1410000000");
  is(1e300, "1e+300");
  EXPECT_EQ(text_of(MetricValue::count(0)), "0");
  EXPECT_EQ(text_of(MetricValue::count(UINT64_MAX)), "18446744073709551615");
  EXPECT_EQ(text_of(MetricValue::seconds(0)), "0");
  EXPECT_EQ(text_of(MetricValue::seconds(1)), "0.000000001");
  EXPECT_EQ(text_of(MetricValue::seconds(1'500'000'000)), "1.5");
  EXPECT_EQ(text_of(MetricValue::seconds(UINT64_MAX)), "18446744073.709551615");
}

TEST(MetricValue, IsNothingWhereThereIsNoNumber) {
  EXPECT_FALSE(MetricValue().is_there());
  EXPECT_FALSE(MetricValue::number(std::numeric_limits<double>::quiet_NaN()).is_there());
  EXPECT_FALSE(MetricValue::number(std::numeric_limits<double>::infinity()).is_there());
  EXPECT_TRUE(MetricValue::number(0).is_there());
  EXPECT_EQ(MetricValue::seconds(1'500'000'000).to_double(), 1.5);
}

RC_GTEST_PROP(MetricValue, ReadsBackAsTheSameDouble, (std::uint64_t bits)) {
  const auto value = std::bit_cast<double>(bits);
  RC_PRE(std::isfinite(value));
  const std::string text = text_of(MetricValue::number(value));
  RC_ASSERT(text.size() <= MetricValue::kMaxText);
  RC_ASSERT(read_back(text) == value);
}

RC_GTEST_PROP(MetricValue, ReadsBackWhatHasAFewPlaces, (std::int32_t digits)) {
  for (const double scale : {1.0, 10.0, 1000.0, 1e6, 1e7}) {
    RC_ASSERT(read_back(text_of(MetricValue::number(digits / scale))) == digits / scale);
  }
}

}  // namespace
}  // namespace gpuvigil
