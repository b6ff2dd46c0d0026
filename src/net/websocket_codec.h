// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/utf8.h"

namespace gpuvigil {

/// Reasons why a stream is closed (RFC 6455, 7.4.1, and the IANA registry).
enum CloseCode : std::uint16_t {
  kCloseNormal = 1000,
  kCloseGoingAway = 1001,
  kCloseProtocolError = 1002,
  kCloseUnsupported = 1003,
  kCloseNoStatus = 1005,  ///< Never sent: a close frame without a code.
  kCloseBadText = 1007,
  kClosePolicy = 1008,
  kCloseTooLarge = 1009,
  kCloseInternal = 1011,
  kCloseTryLater = 1013,
};

/// What came from the other side.
struct WebSocketEvent {
  enum class Kind { kText, kBinary, kPing, kPong, kClose, kError };
  Kind kind = Kind::kError;
  /// A whole message (kText: valid UTF-8), a control frame's payload, the reason of a close, or for
  /// kError what was wrong. Points into the bytes that were read or into the decoder: valid until
  /// the next call.
  std::string_view payload;
  std::uint16_t code = 0;  ///< kClose: its code or kCloseNoStatus. kError: what to close with.
};

/// Reads WebSocket frames (RFC 6455) from bytes that come in pieces of any size.
///
/// Joins fragments, unmasks, checks text as it comes, and refuses whatever the protocol forbids:
/// wrong masking, reserved bits and opcodes, lengths not in their shortest form, long or fragmented
/// control frames, stray continuations, close codes that must not be sent.
///
/// Threading: one thread. **Invariants:** holds at most `message_limit` + 125 bytes of payload.
class WebSocketDecoder {
 public:
  enum class Sender { kClient, kServer };  ///< Clients mask every frame, servers none.

  WebSocketDecoder(Sender sender, std::size_t message_limit)
      : message_limit_(message_limit), masked_(sender == Sender::kClient) {}

  /// The next event in `bytes`, which loses what was read and is unmasked in place. Nothing once
  /// all of it is read. After kError or kClose everything else is read and forgotten.
  [[nodiscard]] std::optional<WebSocketEvent> next(std::span<char>& bytes);

 private:
  bool read_header(std::span<char>& bytes);
  [[nodiscard]] std::size_t header_size() const;
  /// Empty, or what is wrong with the first two bytes or the length.
  [[nodiscard]] std::string_view check_start() const;
  std::string_view take_length();
  std::optional<WebSocketEvent> read_payload(std::span<char>& bytes);
  WebSocketEvent finish_control(std::string_view payload);
  void unmask(std::span<char> piece);
  WebSocketEvent error_event(std::uint16_t code, std::string_view why);
  [[nodiscard]] bool is_control() const { return (header_[0] & 0x08U) != 0; }
  [[nodiscard]] bool is_final() const { return (header_[0] & 0x80U) != 0; }
  [[nodiscard]] unsigned opcode() const { return header_[0] & 0x0FU; }

  std::size_t message_limit_;
  std::uint64_t remaining_ = 0;  ///< Payload bytes of the frame that are still to come.
  std::string message_;          ///< Fragments so far.
  std::string control_;          ///< The same for a control frame between them.
  std::array<std::uint8_t, 14> header_{};
  std::uint8_t header_bytes_ = 0;  ///< How many of header_ have come.
  std::uint8_t mask_at_ = 0;
  std::uint8_t message_opcode_ = 0;  ///< Of the message whose fragments are being read; 0: none.
  Utf8Validator utf8_;
  bool masked_;
  bool in_payload_ = false;
  bool clear_message_ = false;  ///< message_ was handed out: the next call clears it.
  bool clear_control_ = false;  ///< The same for control_.
  bool is_over_ = false;
};

enum class Opcode : std::uint8_t { kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

/// One final frame, unmasked: as a server sends it.
[[nodiscard]] std::string encode_frame(Opcode opcode, std::string_view payload);

/// The same masked with `mask`, as a client must send it.
[[nodiscard]] std::string encode_masked_frame(Opcode opcode, std::string_view payload,
                                              std::array<std::uint8_t, 4> mask);

/// The payload of a close frame; the reason is cut to the 123 bytes that fit.
[[nodiscard]] std::string close_payload(std::uint16_t code, std::string_view reason);

}  // namespace gpuvigil
