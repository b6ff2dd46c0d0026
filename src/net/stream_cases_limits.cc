// SPDX-License-Identifier: Apache-2.0
//
// Parts 7, 9 and 10: closing, large messages and many of them.
#include <fmt/format.h>

#include "net/stream_cases.h"

namespace gpuvigil::testing {
namespace {

constexpr std::size_t kKibibyte = 1024;
constexpr std::size_t kMebibyte = 1024 * 1024;

std::string text(std::string_view payload) {
  return wire_of({.payload = payload});
}

/// A close frame with that payload, as it is.
std::string raw_close(std::string_view payload) {
  return wire_of({.opcode = kClose, .payload = payload});
}

StreamCase echoed(std::string number, std::vector<std::string> pieces, std::string_view whole) {
  pieces.push_back(close_wire(1000));
  return {std::move(number), std::move(pieces), {"t" + std::string(whole), "c1000"}};
}

/// Text at .1., .3., .5., which is echoed, and the same as binary at the next number.
void add_both(std::vector<StreamCase>& cases, unsigned section, std::size_t number,
              std::string_view payload, const std::vector<std::string>& as_text,
              const std::vector<std::string>& as_binary) {
  cases.push_back(echoed(fmt::format("9.{}.{}", section, number), as_text, payload));
  cases.push_back({fmt::format("9.{}.{}", section + 1, number), as_binary, {"c1003"}});
}

}  // namespace

std::vector<StreamCase> stream_close_cases() {
  const std::string hello = text("Hello World!");
  const std::string ping = wire_of({.opcode = kPing});
  const std::string end = close_wire(1000);
  const std::string large(256 * kKibibyte, 'B');
  const std::string begun = wire_of({.payload = "fragment1", .is_final = false});
  const std::string finished = wire_of({.opcode = kContinuation, .payload = "fragment2"});
  std::vector<StreamCase> cases = {
      {"7.1.1", {hello + end}, {"tHello World!", "c1000"}},
      {"7.1.2", {end + end}, {"c1000"}},
      {"7.1.3", {end + ping}, {"c1000"}},
      {"7.1.4", {end + hello}, {"c1000"}},
      {"7.1.5", {begun + end + finished}, {"c1000"}},
      {"7.1.6", {text(large) + end + ping}, {"t" + large, "c1000"}},
      {"7.3.1", {raw_close("")}, {"c"}},
      {"7.3.2", {raw_close("a")}, {"c1002"}},
      {"7.3.3", {close_wire(1000)}, {"c1000"}},
      {"7.3.4", {close_wire(1000, "Hello World!")}, {"c1000"}},
      {"7.3.5", {close_wire(1000, std::string(123, '*'))}, {"c1000"}},
      {"7.3.6", {close_wire(1000, std::string(124, '*'))}, {"c1002"}},
      {"7.5.1", {close_wire(1000, "\xce\xba\xe1\xbd\xb9\xed\xa0\x80")}, {"c1007"}},
      {"7.5.2", {close_wire(1000, "\xce\xba\xe1\xbd\xb9")}, {"c1000"}},
      {"7.5.3", {close_wire(1000, "\xce")}, {"c1007"}},
  };
  int number = 0;
  for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 3000U,
                              3999U, 4000U, 4999U}) {
    cases.push_back(
        {fmt::format("7.7.{}", ++number), {close_wire(code)}, {fmt::format("c{}", code)}});
  }
  number = 0;
  for (const unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U}) {
    cases.push_back({fmt::format("7.9.{}", ++number), {close_wire(code)}, {"c1002"}});
  }
  cases.push_back({"7.13.1", {close_wire(5000)}, {"c1002"}});
  cases.push_back({"7.13.2", {close_wire(65535)}, {"c1002"}});
  return cases;
}

std::vector<StreamCase> stream_limit_cases() {
  std::vector<StreamCase> cases;
  std::size_t number = 0;
  for (const std::size_t size :
       {64 * kKibibyte, 256 * kKibibyte, kMebibyte, 4 * kMebibyte, 8 * kMebibyte, 16 * kMebibyte}) {
    const std::string payload(size, 'B');
    add_both(cases, 1, ++number, payload, {text(payload)},
             {wire_of({.opcode = kBinary, .payload = payload})});
  }
  number = 0;
  const std::string one(kMebibyte, 'B');
  for (const std::size_t size :
       {std::size_t{64}, std::size_t{256}, kKibibyte, 4 * kKibibyte, 16 * kKibibyte, 64 * kKibibyte,
        256 * kKibibyte, 512 * kKibibyte, kMebibyte}) {
    add_both(cases, 3, ++number, one, {fragmented(kText, one, size)},
             {fragmented(kBinary, one, size)});
  }
  number = 0;
  for (const std::size_t size : {64U, 128U, 256U, 512U, 1024U, 2048U}) {
    add_both(cases, 5, ++number, one, chopped(text(one), size),
             chopped(wire_of({.opcode = kBinary, .payload = one}), size));
  }
  number = 0;
  for (const std::size_t size : {0U, 16U, 64U, 256U, 1024U, 4096U}) {
    const std::string payload(size, 'B');
    cases.push_back({fmt::format("9.7.{}", ++number), {text(payload)}, {"t" + payload}, 1000});
    cases.push_back({fmt::format("9.8.{}", number),
                     {wire_of({.opcode = kBinary, .payload = payload})},
                     {"c1003"}});
  }
  const std::string whole(65536, '*');
  cases.push_back(echoed("10.1.1", {fragmented(kText, whole, 1300)}, whole));
  return cases;
}

}  // namespace gpuvigil::testing
