// SPDX-License-Identifier: Apache-2.0
#include "trace/json_text.h"

#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/decimal.h"

namespace gpuvigil {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Walked {
  Fields fields;
  bool broken = false;
};

/// `filler` stands where the text of the next event would.
Walked walk(const std::string& object, char filler = '"') {
  const std::string padded = object + std::string(kJsonPadding, filler);
  ObjectWalker walker(std::string_view(padded).substr(0, object.size()));
  Walked walked;
  for (JsonField field; walker.next(field);) walked.fields.emplace_back(field.key, field.value);
  walked.broken = walker.broken();
  return walked;
}

TEST(ObjectWalker, GivesEachMemberAsItStands) {
  const auto f = [](const std::string& object, const Fields& want) {
    for (const char filler : {'"', '}', ' ', 'x', '\\'}) {
      const Walked got = walk(object, filler);
      EXPECT_EQ(got.fields, want) << object;
      EXPECT_FALSE(got.broken) << object;
    }
  };
  f("{}", {});
  f("{ \r\n\t }", {});
  f(R"({"a":1})", {{"a", "1"}});
  f(R"({"a" : "x\"}y" , "b":[1,{"c":2}],"d":{"e":"]"}})",
    {{"a", R"("x\"}y")"}, {"b", R"([1,{"c":2}])"}, {"d", R"({"e":"]"})"}});
  f(R"({"a":NaN,"b":-1.5e3,"c":null})", {{"a", "NaN"}, {"b", "-1.5e3"}, {"c", "null"}});
  f(R"({"a":1,"a":2,})", {{"a", "1"}, {"a", "2"}});
  f(R"({"a":1 "b":2})", {{"a", "1"}, {"b", "2"}});
  f("{\n    \"ph\": \"X\",\n                                 \"ts\": 1\n  }",
    {{"ph", "\"X\""}, {"ts", "1"}});
}

TEST(ObjectWalker, StopsWhereTheTextIsNoMember) {
  const auto f = [](const std::string& object, std::size_t whole) {
    for (const char filler : {'"', '}', ' ', 'x', ':', '1', '{'}) {
      const Walked got = walk(object, filler);
      EXPECT_EQ(got.fields.size(), whole) << object << filler;
      EXPECT_TRUE(got.broken) << object << filler;
    }
  };
  f("{a:1}", 0);
  f(R"({"a})", 0);
  f(R"({"a"})", 0);
  f(R"({"a":})", 0);
  f(R"({"a":,"b":1})", 0);
  f(R"({"a":1,"b":"x})", 1);
  f(R"({"a":1,"b":[})", 1);
  f(R"({"a":1,2})", 1);
}

TEST(JsonText, DecodesEscapesAndPassesWhatIsNoUtf8) {
  const auto f = [](const std::string& raw, const std::string& want) {
    EXPECT_EQ(decode_json_text(raw, 1000), want) << raw;
  };
  const std::string lost = "\xEF\xBF\xBD";
  f(R"("plain")", "plain");
  f(R"("")", "");
  f("12345", "12345");
  f("null", "");
  f(R"("a\"b\\c\/d\b\f\n\r\t")", "a\"b\\c/d\b\f\n\r\t");
  f(R"("\u0041\u00e9\u20ac\ud83d\ude00")", "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  f(R"("\u0000")", std::string(1, '\0'));
  f(R"("\ud83d")", lost);
  f(R"("\ud83dx\ude00")", lost + "x" + lost);
  f(R"("\ud83d\u0041")", lost + "A");
  f(R"("\u12")", lost + "12");
  f(R"("\uxyzw!")", lost + "xyzw!");
  f(R"("\q")", lost);
  f("\"\xff\xfe\"", "\xff\xfe");
  EXPECT_EQ(decode_json_text(R"("abcdef")", 3), "abc");
  EXPECT_EQ(decode_json_text(R"("a\nbcdef")", 3), "a\nb");
}

TEST(JsonText, TimesBecomeIntegerNanoseconds) {
  const auto f = [](const std::string& raw, std::optional<std::int64_t> want) {
    EXPECT_EQ(parse_microseconds(raw), want) << raw;
    for (const std::string behind : {",", "}", " , \n \"", "]\"0"}) {
      const std::string padded = raw + behind + std::string(kJsonPadding, '7');
      const std::string_view region =
          std::string_view(padded).substr(0, raw.size() + behind.size());
      EXPECT_EQ(parse_microseconds_at(raw.starts_with('"') ? region.substr(0, raw.size()) : region),
                want)
          << region;
    }
  };
  f("0", 0);
  f("12", 12'000);
  f("12.3", 12'300);
  f("1712195495505583.125", 1'712'195'495'505'583'125);
  f(R"("12.34")", 12'340);
  f("-5", -5'000);
  f("1e3", 1'000'000);
  f("0.0005", 0);
  f("0.0015", 2);
  f("12.3456", 12'346);
  f("9223372036854775.807", INT64_MAX);
  f("9223372036854775.808", {});
  f("36893488147419103232", {});
  f("1e300", {});
  f("NaN", {});
  f("Infinity", {});
  f("null", {});
  f("", {});
  f("\"\"", {});
  f("12.3x", {});
  f("1.", 1'000);
}

RC_GTEST_PROP(JsonText, TheShortCutReadsWhatTheSlowWayReads, ()) {
  const auto whole = *rc::gen::arbitrary<std::uint64_t>();
  const auto digits = *rc::gen::inRange(0, 7);
  const auto fraction = *rc::gen::arbitrary<std::uint32_t>();
  std::string text = std::to_string(whole >> *rc::gen::inRange(0, 64));
  if (digits > 0) text += "." + std::to_string(fraction).substr(0, static_cast<unsigned>(digits));
  const std::string padded = text + "," + std::string(kJsonPadding, '7');
  const std::string_view region = std::string_view(padded).substr(0, text.size() + 1);
  RC_ASSERT(parse_microseconds_at(region) == parse_scaled(text, 3));
}

TEST(JsonText, CountsAreWholeNumbers) {
  const auto f = [](const std::string& raw, std::optional<std::uint64_t> want) {
    EXPECT_EQ(parse_count(raw), want) << raw;
  };
  f("0", 0);
  f(R"("7")", 7);
  f("18446744073709551615", UINT64_MAX);
  f("18446744073709551616", {});
  f("-1", {});
  f("1.5", {});
  f("", {});
  f("true", {});
}

}  // namespace
}  // namespace gpuvigil
