// SPDX-License-Identifier: Apache-2.0
#include "trace/event_walk.h"

#include <algorithm>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gpuvigil {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Walked {
  Fields fields;
  bool broken = false;

  bool operator==(const Walked&) const = default;
  friend void PrintTo(const Walked& walked, std::ostream* out) {
    *out << testing::PrintToString(walked.fields) << (walked.broken ? " broken" : "");
  }
};

/// Walks with the quotes of the first `noted` blocks; `filler` stands where the next event would.
Walked walk(const std::string& object, std::size_t noted = SIZE_MAX, char filler = '"') {
  const std::string padded = object + std::string(2 * kJsonPadding, filler);
  std::vector<std::uint64_t> quotes(padded.size() / kScanBlock + 1);
  BracketState state;
  state.quotes = quotes.data();
  EXPECT_EQ(bracket_scan()(padded.data(), padded.size() / kScanBlock, state), object.size())
      << object;
  quotes.resize(std::min(noted, static_cast<std::size_t>(state.quotes - quotes.data())));
  EventWalk event({.text = std::string_view(padded).substr(0, object.size()), .quotes = quotes});
  Walked walked;
  for (JsonField field; event.next(field);) {
    walked.fields.emplace_back(field.key, json_value(field.value));
  }
  walked.broken = event.broken();
  return walked;
}

TEST(EventWalk, GivesEachMemberWhetherItsQuotesWereNotedOrNot) {
  const auto f = [](const std::string& object, const Fields& want) {
    for (const std::size_t noted : {std::size_t{0}, std::size_t{1}, SIZE_MAX}) {
      for (const char filler : {'"', ' ', 'x', ':', '}'}) {
        EXPECT_EQ(walk(object, noted, filler), (Walked{want, false})) << object << noted << filler;
      }
    }
  };
  f("{}", {});
  f("{ \r\n\t }", {});
  f(R"({"a":1})", {{"a", "1"}});
  f(R"({"a" : "x\"}y" , "b":[1,{"c":2}],"d":{"e":"]"}})",
    {{"a", R"("x\"}y")"}, {"b", R"([1,{"c":2}])"}, {"d", R"({"e":"]"})"}});
  f(R"({"a":NaN,"b":-1.5e3,"c":null})", {{"a", "NaN"}, {"b", "-1.5e3"}, {"c", "null"}});
  f("{\n    \"ph\":   \"X\",\n                                 \"ts\": 1\n  }",
    {{"ph", "\"X\""}, {"ts", "1"}});
  for (std::size_t i = 0; i < 200; ++i) {
    const std::string fill(i, 'x');
    f("{\"" + fill + "\":\"" + fill + "\\\"\",\"b\":2}",
      {{fill, "\"" + fill + "\\\"\""}, {"b", "2"}});
  }
}

TEST(EventWalk, StopsWhereTheTextIsNoMember) {
  const auto f = [](const std::string& object, std::size_t whole) {
    for (const char filler : {'"', ' ', 'x', ':', '}'}) {
      const Walked got = walk(object, SIZE_MAX, filler);
      EXPECT_EQ(got.fields.size(), whole) << object << filler;
      EXPECT_TRUE(got.broken) << object << filler;
    }
  };
  f("{a:1}", 0);
  f("{1}", 0);
  f(R"({"a"})", 0);
  f(R"({"a"1})", 0);
  f(R"({"a":})", 0);
  f(R"({"a":1,"b"})", 1);
  f(R"({"a":1,"b": })", 1);
}

TEST(EventWalk, WalksAnObjectInsideTheEvent) {
  const std::string text =
      R"({"name":"n","args":{"device":3,"x":"y"},"ts":1})" + std::string(64, ' ');
  const std::size_t begin = text.find("{\"device");
  const std::size_t size = text.find("},") + 1 - begin;
  const EventText event{.text = std::string_view(text).substr(0, text.rfind('}') + 1),
                        .quotes = {}};
  EventWalk args(event, event.text.substr(begin, size));
  JsonField field;
  ASSERT_TRUE(args.next(field));
  EXPECT_EQ(field.key, "device");
  EXPECT_EQ(json_value(field.value), "3");
  ASSERT_TRUE(args.next(field));
  EXPECT_EQ(field.value, "\"y\"");
  EXPECT_FALSE(args.next(field));
  EXPECT_FALSE(args.broken());
}

RC_GTEST_PROP(EventWalk, GivesWhatObjectWalkerGives, ()) {
  const auto value = rc::gen::element<std::string>("1", "-2.5", "\"s\"", R"("\"\\")", "[]", "{}",
                                                   R"({"a":["}"]})", "null", "\"\"");
  const auto blank = rc::gen::element<std::string>("", " ", "\n    ", std::string(40, ' '));
  std::string object = "{";
  const auto values = *rc::gen::container<std::vector<std::string>>(value);
  for (std::size_t i = 0; i < values.size(); ++i) {
    object += (i > 0 ? "," : "") + *blank + "\"k" + std::to_string(i) + "\"" + *blank + ":" +
              *blank + values[i] + *blank;
  }
  object += "}";
  const std::string padded = object + std::string(kJsonPadding, ' ');
  ObjectWalker walker(std::string_view(padded).substr(0, object.size()));
  Walked want;
  for (JsonField field; walker.next(field);) want.fields.emplace_back(field.key, field.value);
  RC_ASSERT(!walker.broken());
  RC_ASSERT(walk(object) == want);
  RC_ASSERT(walk(object, 1) == want);
}

}  // namespace
}  // namespace gpuvigil
