// SPDX-License-Identifier: Apache-2.0
//
// Part 6: what is UTF-8 and what is not, in one frame and in many.
#include <fmt/format.h>

#include "net/stream_cases.h"

namespace gpuvigil::testing {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kMixed =
    "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!";
constexpr std::string_view kWord = "\xce\xba\xcf\x8c\xcf\x83\xce\xbc\xce\xb5";
constexpr std::string_view kFive = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";

/// Sequences of one section, numbered from `first`.
struct Section {
  std::string_view number;
  bool is_text;
  std::vector<std::string_view> sequences;
  int first = 1;
};

// The characters themselves, and every way to come close to one.
std::vector<Section> sections() {
  return {
      {"6.7", true, {"\x00"sv, "\xc2\x80", "\xe0\xa0\x80", "\xf0\x90\x80\x80"}},
      {"6.8", false, {"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80"}},
      {"6.9", true, {"\x7f", "\xdf\xbf", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"}},
      {"6.10", false, {"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf"}},
      {"6.11", true, {"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf"}},
      {"6.11", false, {"\xf4\x90\x80\x80"}, 5},
      {"6.12",
       false,
       {"\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80", "\x80\xbf\x80\xbf", "\x80\xbf\x80\xbf\x80",
        "\x80\xbf\x80\xbf\x80\xbf", "\x80\x81\x82\x83\x9f\xa0\xbe\xbf"}},
      {"6.13",
       false,
       {"\xc0 \xc1 \xc2 \xdf ", "\xe0 \xe1 \xef ", "\xf0 \xf1 \xf4 \xf7 ", "\xf8 \xf9 \xfb ",
        "\xfc \xfd "}},
      {"6.14",
       false,
       {"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80", "\xdf",
        "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf"}},
      {"6.15",
       false,
       {"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc\x80\x80\x80\x80\xdf\xef\xbf\xf7\xbf\xbf"}},
      {"6.16", false, {"\xfe", "\xff", "\xfe\xfe\xff\xff"}},
      {"6.17",
       false,
       {"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf",
        "\xfc\x80\x80\x80\x80\xaf"}},
      {"6.18",
       false,
       {"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf",
        "\xfc\x83\xbf\xbf\xbf\xbf"}},
      {"6.19",
       false,
       {"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80",
        "\xfc\x80\x80\x80\x80\x80"}},
      {"6.20",
       false,
       {"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80",
        "\xed\xbe\x80", "\xed\xbf\xbf"}},
      {"6.21",
       false,
       {"\xed\xa0\x80\xed\xb0\x80", "\xed\xa0\x80\xed\xbf\xbf", "\xed\xad\xbf\xed\xb0\x80",
        "\xed\xad\xbf\xed\xbf\xbf", "\xed\xae\x80\xed\xb0\x80", "\xed\xae\x80\xed\xbf\xbf",
        "\xed\xaf\xbf\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf"}},
      {"6.23",
       true,
       {"\xef\xbf\xb9", "\xef\xbf\xba", "\xef\xbf\xbb", "\xef\xbf\xbc", "\xef\xbf\xbd",
        "\xef\xbf\xbe", "\xef\xbf\xbf"}},
  };
}

/// A character beyond the basic plane, or in it, of a value that is no surrogate.
std::string utf8_of(unsigned value) {
  const auto tail = [&](unsigned shift) {
    return static_cast<char>(0x80U | ((value >> shift) & 0x3FU));
  };
  if (value < 0x10000) return {static_cast<char>(0xE0U | (value >> 12U)), tail(6), tail(0)};
  return {static_cast<char>(0xF0U | (value >> 18U)), tail(12), tail(6), tail(0)};
}

StreamCase echoed(std::string number, std::vector<std::string> pieces, std::string_view whole) {
  pieces.push_back(close_wire(1000));
  return {std::move(number), std::move(pieces), {"t" + std::string(whole), "c1000"}};
}

StreamCase refused(std::string number, std::vector<std::string> pieces) {
  return {std::move(number), std::move(pieces), {"c1007"}};
}

/// One message in one frame, which is echoed or refused.
StreamCase one_frame(std::string number, std::string_view payload, bool is_text) {
  const std::string wire = wire_of({.payload = payload});
  return is_text ? echoed(std::move(number), {wire}, payload) : refused(std::move(number), {wire});
}

std::string first_part(std::string_view payload) {
  return wire_of({.payload = payload, .is_final = false});
}
std::string next_part(std::string_view payload, bool is_final) {
  return wire_of({.opcode = kContinuation, .payload = payload, .is_final = is_final});
}

void add_fragment_cases(std::vector<StreamCase>& cases) {
  cases.push_back(one_frame("6.1.1", "", true));
  cases.push_back(echoed("6.1.2", {first_part(""), next_part("", false), next_part("", true)}, ""));
  cases.push_back(echoed(
      "6.1.3", {first_part(""), next_part("middle frame payload", false), next_part("", true)},
      "middle frame payload"));
  cases.push_back(one_frame("6.2.1", kMixed, true));
  cases.push_back(echoed(
      "6.2.2", {first_part(kMixed.substr(0, 12)), next_part(kMixed.substr(12), true)}, kMixed));
  cases.push_back(echoed("6.2.3", {fragmented(kText, kMixed, 1)}, kMixed));
  cases.push_back(echoed("6.2.4", {fragmented(kText, kWord, 1)}, kWord));
  const std::string surrogate = std::string(kFive) + "\xed\xa0\x80" + "edited";
  cases.push_back(one_frame("6.3.1", surrogate, false));
  cases.push_back(refused("6.3.2", {fragmented(kText, surrogate, 1)}));
  // What is wrong is told as soon as it is there: the message is never ended.
  cases.push_back(refused("6.4.1", {first_part(kFive), next_part("\xf4\x90\x80\x80", false)}));
  cases.push_back(
      refused("6.4.2", {first_part(std::string(kFive) + "\xf4"), next_part("\x90", false)}));
  const std::string long_frame =
      wire_of({.payload = std::string(kFive) + "\xf4\x90\x80\x80" + "edited"});
  const std::size_t header = 6;
  cases.push_back(refused("6.4.3", {long_frame.substr(0, header + kFive.size()),
                                    long_frame.substr(header + kFive.size(), 4)}));
  cases.push_back(refused("6.4.4", {long_frame.substr(0, header + kFive.size() + 1),
                                    long_frame.substr(header + kFive.size() + 1, 1)}));
  for (std::size_t at = 1; at <= 5; ++at) {
    cases.push_back(echoed(fmt::format("6.5.{}", at),
                           {first_part(kFive.substr(0, at)), next_part(kFive.substr(at), true)},
                           kFive));
  }
}

}  // namespace

std::vector<StreamCase> stream_text_cases() {
  std::vector<StreamCase> cases;
  add_fragment_cases(cases);
  constexpr std::string_view kEnds = "\x02\x05\x07\x09\x0b";  // of characters in kFive
  for (std::size_t size = 1; size <= kFive.size(); ++size) {
    const bool is_text = kEnds.find(static_cast<char>(size)) != std::string_view::npos;
    cases.push_back(one_frame(fmt::format("6.6.{}", size), kFive.substr(0, size), is_text));
  }
  for (const Section& section : sections()) {
    int number = section.first;
    for (const std::string_view sequence : section.sequences) {
      cases.push_back(
          one_frame(fmt::format("{}.{}", section.number, number++), sequence, section.is_text));
    }
  }
  int number = 0;
  for (unsigned plane = 0; plane <= 16; ++plane) {
    for (const unsigned last : {0xFFFEU, 0xFFFFU}) {
      const std::string character = utf8_of(plane * 0x10000 + last);
      cases.push_back(one_frame(fmt::format("6.22.{}", ++number), character, true));
    }
  }
  return cases;
}

}  // namespace gpuvigil::testing
