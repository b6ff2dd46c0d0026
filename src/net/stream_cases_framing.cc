// SPDX-License-Identifier: Apache-2.0
//
// Parts 1 to 5: frames, pings, reserved bits and opcodes, fragments.
#include <fmt/format.h>

#include "net/stream_cases.h"

namespace gpuvigil::testing {
namespace {

constexpr std::string_view kHello = "Hello, world!";

std::string text(std::string_view payload) {
  return wire_of({.payload = payload});
}
std::string ping(std::string_view payload = {}) {
  return wire_of({.opcode = kPing, .payload = payload});
}
std::string part(unsigned opcode, std::string_view payload, bool is_final) {
  return wire_of({.opcode = opcode, .payload = payload, .is_final = is_final});
}
std::string joined(const std::vector<std::string>& frames) {
  std::string out;
  for (const auto& frame : frames) out += frame;
  return out;
}

/// The same frames at once, one by one, and byte by byte: three numbers that follow one another.
void add_three_ways(std::vector<StreamCase>& cases, unsigned part_number, unsigned first,
                    const std::vector<std::string>& frames, const std::vector<std::string>& wants) {
  const auto number = [&](unsigned more) {
    return fmt::format("{}.{}", part_number, first + more);
  };
  cases.push_back({number(0), {joined(frames)}, wants});
  cases.push_back({number(1), frames, wants});
  cases.push_back({number(2), chopped(joined(frames), 1), wants});
}

}  // namespace

std::vector<StreamCase> stream_framing_cases() {
  std::vector<StreamCase> cases;
  constexpr std::array<std::size_t, 7> kSizes = {0, 125, 126, 127, 128, 65535, 65536};
  for (std::size_t i = 0; i < kSizes.size(); ++i) {
    const std::string payload(kSizes[i], '*');
    cases.push_back({fmt::format("1.1.{}", i + 1),
                     {text(payload), close_wire(1000)},
                     {"t" + payload, "c1000"}});
    cases.push_back({fmt::format("1.2.{}", i + 1),
                     {wire_of({.opcode = kBinary, .payload = payload})},
                     {"c1003"}});
  }
  const std::string most(65536, '*');
  auto pieces = chopped(text(most), 997);
  pieces.push_back(close_wire(1000));
  cases.push_back({"1.1.8", pieces, {"t" + most, "c1000"}});
  cases.push_back(
      {"1.2.8", chopped(wire_of({.opcode = kBinary, .payload = most}), 997), {"c1003"}});
  return cases;
}

std::vector<StreamCase> stream_ping_cases() {
  using namespace std::string_literals;
  const std::string bytes = "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"s;
  const std::string most(125, '\xfe');
  const std::string end = close_wire(1000);
  const std::string pong = wire_of({.opcode = kPong});
  const std::string pong_of = wire_of({.opcode = kPong, .payload = "unsolicited"});
  std::vector<StreamCase> cases = {
      {"2.1", {ping() + end}, {"p", "c1000"}},
      {"2.2", {ping(kHello) + end}, {"p" + std::string(kHello), "c1000"}},
      {"2.3", {ping(bytes) + end}, {"p" + bytes, "c1000"}},
      {"2.4", {ping(most) + end}, {"p" + most, "c1000"}},
      {"2.5", {ping(std::string(126, '\xfe'))}, {"c1002"}},
      {"2.6", chopped(ping(most) + end, 1), {"p" + most, "c1000"}},
      {"2.7", {pong + end}, {"c1000"}},
      {"2.8", {pong_of + end}, {"c1000"}},
      {"2.9", {pong_of + ping("mine") + end}, {"pmine", "c1000"}},
  };
  std::string ten;
  std::vector<std::string> wants;
  for (int i = 0; i < 10; ++i) {
    ten += ping(fmt::format("payload-{}", i));
    wants.push_back(fmt::format("ppayload-{}", i));
  }
  wants.emplace_back("c1000");
  cases.push_back({"2.10", {ten + end}, wants});
  cases.push_back({"2.11", chopped(ten + end, 1), wants});
  return cases;
}

std::vector<StreamCase> stream_reserved_cases() {
  const std::string good = text(kHello);
  const std::string echo = "t" + std::string(kHello);
  const auto reserved = [](unsigned opcode, unsigned bits) {
    return wire_of({.opcode = opcode, .payload = kHello, .reserved = bits});
  };
  const auto unknown = [](unsigned opcode, std::string_view payload) {
    return wire_of({.opcode = opcode, .payload = payload});
  };
  std::vector<StreamCase> cases = {
      {"3.1", {reserved(kText, 1)}, {"c1002"}},
      {"3.2", {good + reserved(kText, 2) + ping()}, {echo, "c1002"}},
      {"3.3", {good, reserved(kText, 3), ping()}, {echo, "c1002"}},
      {"3.4", chopped(good + reserved(kText, 4) + ping(), 1), {echo, "c1002"}},
      {"3.5", {reserved(kBinary, 5)}, {"c1002"}},
      {"3.6", {reserved(kPing, 6)}, {"c1002"}},
      {"3.7", {reserved(kClose, 7)}, {"c1002"}},
  };
  for (const auto& [section, first] : {std::pair{1U, 3U}, {2U, 11U}}) {
    const auto number = [section = section](unsigned i) {
      return fmt::format("4.{}.{}", section, i);
    };
    cases.push_back({number(1), {unknown(first, "")}, {"c1002"}});
    cases.push_back({number(2), {unknown(first + 1, "reserved")}, {"c1002"}});
    cases.push_back({number(3), {good + unknown(first + 2, "") + ping()}, {echo, "c1002"}});
    cases.push_back({number(4), {good, unknown(first + 3, kHello), ping()}, {echo, "c1002"}});
    cases.push_back(
        {number(5), chopped(good + unknown(first + 4, kHello) + ping(), 1), {echo, "c1002"}});
  }
  return cases;
}

std::vector<StreamCase> stream_fragmentation_cases() {
  const std::string end = close_wire(1000);
  const std::string begin = part(kText, "fragment1", false);
  const std::string finish = part(kContinuation, "fragment2", true);
  const std::string stray = part(kContinuation, "stray", true);
  const std::string open_stray = part(kContinuation, "stray", false);
  const std::string echo = "tfragment1fragment2";
  std::vector<StreamCase> cases = {
      {"5.1", {part(kPing, "fragment1", false), part(kContinuation, "fragment2", true)}, {"c1002"}},
      {"5.2", {part(kPong, "fragment1", false), part(kContinuation, "fragment2", true)}, {"c1002"}},
  };
  add_three_ways(cases, 5, 3, {begin, finish, end}, {echo, "c1000"});
  add_three_ways(cases, 5, 6, {begin, ping("between"), finish, end}, {"pbetween", echo, "c1000"});
  add_three_ways(cases, 5, 9, {stray, text(kHello)}, {"c1002"});
  add_three_ways(cases, 5, 12, {open_stray, text(kHello)}, {"c1002"});
  cases.push_back({"5.15", {begin + finish + open_stray + text(kHello)}, {echo, "c1002"}});
  cases.push_back({"5.16", {open_stray + begin + finish + open_stray + begin + finish}, {"c1002"}});
  cases.push_back({"5.17", {stray + begin + finish + stray + begin + finish}, {"c1002"}});
  cases.push_back({"5.18", {begin + part(kText, "fragment2", true)}, {"c1002"}});
  const std::vector<std::string> five = {begin,
                                         part(kContinuation, "fragment2", false),
                                         ping("first"),
                                         part(kContinuation, "fragment3", false),
                                         part(kContinuation, "fragment4", false),
                                         ping("second"),
                                         part(kContinuation, "fragment5", true),
                                         end};
  const std::vector<std::string> wants = {
      "pfirst", "psecond", "tfragment1fragment2fragment3fragment4fragment5", "c1000"};
  cases.push_back({"5.19", {joined(five)}, wants});
  cases.push_back({"5.20", five, wants});
  return cases;
}

}  // namespace gpuvigil::testing
