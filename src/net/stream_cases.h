// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace gpuvigil::testing {

/// What a client sends over one stream, and all that must come back. The server echoes text, and
/// takes no binary messages (it closes with 1003).
///
/// The numbers are those of the Autobahn suite (parts 1 to 7, 9 and 10), so that one can look up
/// there what a case is about; the cases themselves are ours.
struct StreamCase {
  std::string number;
  std::vector<std::string> pieces;  ///< Each is sent by itself.
  /// In this order: "t" and the text of an echo, "p" and the payload of a pong, at last "c" and the
  /// code of the server's close frame ("c" alone: one without a code).
  std::vector<std::string> wants;
  int repeats = 1;  ///< So often are the pieces sent, each time after all but the close has come.
};

/// One frame of a client, masked.
struct ClientFrame {
  unsigned opcode = 1;
  std::string_view payload = {};
  bool is_final = true;
  unsigned reserved = 0;  ///< The three reserved bits, as a number from 0 to 7.
};
[[nodiscard]] std::string wire_of(const ClientFrame& frame);

inline constexpr unsigned kContinuation = 0;
inline constexpr unsigned kText = 1;
inline constexpr unsigned kBinary = 2;
inline constexpr unsigned kClose = 8;
inline constexpr unsigned kPing = 9;
inline constexpr unsigned kPong = 10;

/// A close frame with that code and reason.
[[nodiscard]] std::string close_wire(unsigned code, std::string_view reason = {});

/// A message in fragments of at most `size` bytes.
[[nodiscard]] std::string fragmented(unsigned opcode, std::string_view payload, std::size_t size);

/// `wire` cut into pieces of `size` bytes.
[[nodiscard]] std::vector<std::string> chopped(std::string_view wire, std::size_t size);

[[nodiscard]] std::vector<StreamCase> stream_framing_cases();        // 1
[[nodiscard]] std::vector<StreamCase> stream_ping_cases();           // 2
[[nodiscard]] std::vector<StreamCase> stream_reserved_cases();       // 3 and 4
[[nodiscard]] std::vector<StreamCase> stream_fragmentation_cases();  // 5
[[nodiscard]] std::vector<StreamCase> stream_text_cases();           // 6
[[nodiscard]] std::vector<StreamCase> stream_close_cases();          // 7
[[nodiscard]] std::vector<StreamCase> stream_limit_cases();          // 9 and 10

}  // namespace gpuvigil::testing
