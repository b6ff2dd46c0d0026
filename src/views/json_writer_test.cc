// SPDX-License-Identifier: Apache-2.0
#include "base/json_writer.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <simdjson.h>

#include "base/decimal.h"
#include "base/text.h"

namespace gpuvigil {
namespace {

template <class Write>
std::string written(Write write) {
  std::string out;
  {
    JsonWriter json(out);
    write(json);
  }
  return out;
}

std::string read_back(const std::string& json) {
  simdjson::dom::parser parser;
  const simdjson::dom::element value = parser.parse(json);
  return std::string(std::string_view(value));
}

TEST(JsonWriter, ObjectsAndArraysGetTheirCommas) {
  const auto out = written([](JsonWriter& json) {
    json.begin_object();
    json.key("a");
    json.begin_array();
    json.number(1);
    json.null();
    json.begin_object();
    json.end_object();
    json.begin_array();
    json.end_array();
    json.end_array();
    json.key("b");
    json.boolean(true);
    json.foreign_key("<k>");
    json.raw("[1,2]");
    json.key("c");
    json.boolean(false);
    json.end_object();
  });
  EXPECT_EQ(out, R"({"a":[1,null,{},[]],"b":true,"\u003ck\u003e":[1,2],"c":false})");
}

TEST(JsonWriter, AppendsToWhatTheStringHolds) {
  std::string out = "data: ";
  JsonWriter json(out);
  json.number(7);
  json.finish();
  EXPECT_EQ(out, "data: 7");
  out += "\n";
  json.finish();
  EXPECT_EQ(out, "data: 7\n") << "it is done with the string";
}

TEST(JsonWriter, StringsAreEscapedForJsonAndForHtml) {
  const auto f = [](std::string_view text, std::string_view want) {
    EXPECT_EQ(written([&](JsonWriter& json) { json.string(text); }), want);
  };
  f("", R"("")");
  f("plain name of more than eight", R"("plain name of more than eight")");
  f("say \"hi\" \\ there", R"("say \"hi\" \\ there")");
  f("a\nb\tc\rd\be\x01", R"("a\nb\tc\rd\u0008e\u0001")");
  f(std::string_view("nul\0.", 5), R"("nul\u0000.")");
  f("</script><b>&amp;", R"("\u003c/script\u003e\u003cb\u003e\u0026amp;")");
  f("h\xC3\xA4nsel \xF0\x9F\x9A\x80", "\"h\xC3\xA4nsel \xF0\x9F\x9A\x80\"");
  f("a\xE2\x80\xA8\xE2\x80\xA9z", R"("a\u2028\u2029z")");
  f("bad \xFF\xC3", "\"bad \xEF\xBF\xBD\xEF\xBF\xBD\"");
  f("\xC3\xA4\xFF\xE2\x80\xA8", "\"\xC3\xA4\xEF\xBF\xBD\\u2028\"");
}

RC_GTEST_PROP(JsonWriter, AnyBytesComeBackAsTheirCleanText, (std::string bytes)) {
  const std::string json = written([&](JsonWriter& out) { out.string(bytes); });
  RC_ASSERT(json.find_first_of("<>&") == std::string::npos);
  // What is ASCII comes back exactly; only other characters are cleaned.
  std::string want;
  std::string run;
  const auto flush = [&] { want += clean_text(std::exchange(run, {})); };
  for (const char c : bytes) {
    if (static_cast<unsigned char>(c) >= 0x80) {
      run += c;
    } else {
      flush();
      want += c;
    }
  }
  flush();
  // The separators are kept, where clean_text replaces them.
  if (bytes.find("\xE2\x80\xA8") == std::string::npos &&
      bytes.find("\xE2\x80\xA9") == std::string::npos) {
    RC_ASSERT(read_back(json) == want);
  }
}

RC_GTEST_PROP(JsonWriter, EverySpecialCharacterIsFoundAtEveryPlace,
              (std::uint8_t before, std::uint8_t after, char c)) {
  const std::string text = std::string(before % 20U, 'x') + c + std::string(after % 20U, 'y');
  const std::string json = written([&](JsonWriter& out) { out.string(text); });
  const bool ascii = static_cast<unsigned char>(c) < 0x80;
  RC_ASSERT(read_back(json) == (ascii ? text : clean_text(text)));
}

TEST(JsonWriter, MillisecondsAreExactAndShort) {
  const auto f = [](std::uint64_t ns, std::string_view want) {
    EXPECT_EQ(written([&](JsonWriter& json) { json.milliseconds(ns); }), want);
  };
  f(0, "0");
  f(1, "0.000001");
  f(145'000, "0.145");
  f(1'000'000, "1");
  f(220'835'000, "220.835");
  f(1'234'567, "1.234567");
  f(100'000'010, "100.00001");
  f(UINT64_MAX, "18446744073709.551615");
}

RC_GTEST_PROP(JsonWriter, MillisecondsReadAsDecimalsAreTheNanoseconds, (std::uint64_t raw)) {
  const std::uint64_t ns = raw >> 1U;  // parse_scaled is signed
  const std::string text = written([&](JsonWriter& json) { json.milliseconds(ns); });
  RC_ASSERT(parse_scaled(text, 6) == static_cast<std::int64_t>(ns));
}

TEST(JsonWriter, DecimalsAreRoundedAndNeverNoNumber) {
  const auto f = [](double value, unsigned decimals, std::string_view want) {
    EXPECT_EQ(written([&](JsonWriter& json) { json.decimal(value, decimals); }), want);
  };
  f(73.5, 2, "73.5");
  f(0, 2, "0");
  f(-0.0, 2, "0");
  f(-0.001, 2, "0");
  f(-1.25, 2, "-1.25");
  f(99.999, 2, "100");
  f(0.05, 1, "0.1");
  f(2.5, 0, "3");
  f(1.0 / 3, 6, "0.333333");
  f(1e300, 2, "1e+300");
  f(-1e16, 2, "-1e+16");
  f(std::numeric_limits<double>::quiet_NaN(), 2, "null");
  f(std::numeric_limits<double>::infinity(), 2, "null");
}

RC_GTEST_PROP(JsonWriter, DecimalsAreWithinHalfAPlace, (std::int32_t raw, std::uint8_t places)) {
  const unsigned decimals = places % 7U;
  const double value = raw / 1024.0;
  const std::string text = written([&](JsonWriter& json) { json.decimal(value, decimals); });
  const double half_a_place = 0.5 * std::pow(10.0, -static_cast<double>(decimals));
  RC_ASSERT(std::abs(std::stod(text) - value) <= half_a_place + 1e-9);
}

TEST(JsonWriter, MebibytesAreWithinHalfAByte) {
  const auto f = [](std::uint64_t bytes, std::string_view want) {
    EXPECT_EQ(written([&](JsonWriter& json) { json.mebibytes(Bytes(bytes)); }), want);
  };
  f(0, "0");
  f(2048ULL << 20U, "2048");
  f(1, "0.000001");
  f((1ULL << 20U) - 1, "0.999999");
  f(3ULL << 19U, "1.5");
  f(UINT64_MAX, "17592186044415.999999");
}

TEST(JsonWriter, TimestampsHaveThreeSixOrNinePlaces) {
  const auto f = [](std::int64_t ns, std::string_view want) {
    const auto out = written([&](JsonWriter& json) { json.timestamp(from_unix_ns(ns)); });
    EXPECT_EQ(out, '"' + std::string(want) + '"');
  };
  f(0, "1970-01-01T00:00:00.000Z");
  f(1'767'323'045'678'000'000, "2026-01-02T03:04:05.678Z");
  f(1'767'323'045'678'900'000, "2026-01-02T03:04:05.678900Z");
  f(1'767'323'045'000'000'001, "2026-01-02T03:04:05.000000001Z");
  f(1'709'164'800'000'000'000, "2024-02-29T00:00:00.000Z");
  f(-1, "1969-12-31T23:59:59.999999999Z");
  f(INT64_MAX, "2262-04-11T23:47:16.854775807Z");
  f(INT64_MIN, "1677-09-21T00:12:43.145224192Z");
}

TEST(JsonWriter, TheCachedSecondIsTheOneThatIsMeant) {
  const auto out = written([](JsonWriter& json) {
    json.begin_array();
    for (const std::int64_t s : {59, 59, 60, 59}) json.timestamp(from_unix_ns(s * 1'000'000'000));
    json.end_array();
  });
  EXPECT_EQ(out, R"(["1970-01-01T00:00:59.000Z","1970-01-01T00:00:59.000Z",)"
                 R"("1970-01-01T00:01:00.000Z","1970-01-01T00:00:59.000Z"])");
}

TEST(JsonWriter, IdsAreSixteenHexDigits) {
  EXPECT_EQ(written([](JsonWriter& json) { json.hex_id(0x9f86d081884c7d65ULL); }),
            R"("9f86d081884c7d65")");
  EXPECT_EQ(written([](JsonWriter& json) { json.hex_id(10); }), R"("000000000000000a")");
}

TEST(JsonWriterDeathTest, WhatWasBegunMustBeEnded) {
  EXPECT_DEATH(written([](JsonWriter& json) { json.begin_object(); }), "depth_ == 0");
  EXPECT_DEATH(written([](JsonWriter& json) { json.end_array(); }), "depth_ > 0");
}

}  // namespace
}  // namespace gpuvigil
