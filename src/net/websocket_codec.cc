// SPDX-License-Identifier: Apache-2.0
#include "net/websocket_codec.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "net/http.h"

namespace gpuvigil {
namespace {

constexpr unsigned kContinuation = 0;
constexpr unsigned kText = 1;
constexpr unsigned kBinary = 2;
constexpr unsigned kClose = 8;
constexpr unsigned kPing = 9;
constexpr unsigned kPong = 10;
constexpr std::size_t kMaxControl = 125;

/// Codes that an endpoint may send: those of RFC 6455, the later ones of the registry, and the
/// ranges for libraries and applications.
bool may_be_sent(std::uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

std::string frame_header(Opcode opcode, std::size_t size, std::uint8_t mask_bit) {
  std::string out;
  out += static_cast<char>(0x80U | static_cast<unsigned>(opcode));
  if (size < 126) {
    out += static_cast<char>(mask_bit | size);
    return out;
  }
  const int length_bytes = size <= 0xFFFF ? 2 : 8;
  out += static_cast<char>(mask_bit | (length_bytes == 2 ? 126U : 127U));
  for (int i = length_bytes - 1; i >= 0; --i) {
    out += static_cast<char>(static_cast<std::uint64_t>(size) >> (8U * static_cast<unsigned>(i)));
  }
  return out;
}

}  // namespace

std::optional<WebSocketEvent> WebSocketDecoder::next(std::span<char>& bytes) {
  if (std::exchange(clear_message_, false)) message_ = {};
  if (std::exchange(clear_control_, false)) control_ = {};
  while (!is_over_) {
    if (!in_payload_) {
      if (!read_header(bytes)) return std::nullopt;
      if (header_bytes_ == 2) {
        if (const auto wrong = check_start(); !wrong.empty()) {
          return error_event(kCloseProtocolError, wrong);
        }
      }
      if (header_bytes_ < header_size()) continue;
      if (const auto wrong = take_length(); !wrong.empty()) {
        return error_event(kCloseProtocolError, wrong);
      }
      if (!is_control() && remaining_ > message_limit_ - message_.size()) {
        return error_event(kCloseTooLarge, "the message is too large");
      }
    }
    if (auto event = read_payload(bytes)) return event;
    if (in_payload_) return std::nullopt;
  }
  bytes = {};
  return std::nullopt;
}

/// Reads up to the next point where the header can be judged: two bytes, then all of it.
bool WebSocketDecoder::read_header(std::span<char>& bytes) {
  const std::size_t wanted = header_bytes_ < 2 ? 2 : header_size();
  while (header_bytes_ < wanted) {
    if (bytes.empty()) return false;
    header_[header_bytes_++] = static_cast<std::uint8_t>(bytes.front());
    bytes = bytes.subspan(1);
  }
  return true;
}

std::size_t WebSocketDecoder::header_size() const {
  const unsigned length = header_[1] & 0x7FU;
  const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
  return 2 + extended + (masked_ ? 4 : 0);
}

std::string_view WebSocketDecoder::check_start() const {
  if ((header_[0] & 0x70U) != 0) return "a reserved bit is set";
  if (((header_[1] & 0x80U) != 0) != masked_) {
    return masked_ ? "a frame is not masked" : "a frame is masked";
  }
  switch (opcode()) {
    case kContinuation:
      if (message_opcode_ == 0) return "a continuation of nothing";
      return {};
    case kText:
    case kBinary:
      if (message_opcode_ != 0) return "a new message before the end of the last";
      return {};
    case kClose:
    case kPing:
    case kPong:
      if (!is_final()) return "a control frame is fragmented";
      if ((header_[1] & 0x7FU) > kMaxControl) return "a control frame is too long";
      return {};
    default:
      return "a reserved opcode";
  }
}

std::string_view WebSocketDecoder::take_length() {
  remaining_ = header_[1] & 0x7FU;
  const std::size_t bytes = remaining_ == 126 ? 2 : remaining_ == 127 ? 8 : 0;
  if (bytes > 0) {
    remaining_ = 0;
    for (std::size_t i = 0; i < bytes; ++i) remaining_ = remaining_ << 8U | header_[2 + i];
    const bool shortest = bytes == 2 ? remaining_ > 125 : remaining_ > 0xFFFF;
    if (!shortest) return "a length is not in its shortest form";
    if (remaining_ >> 63U != 0) return "a length with its highest bit set";
  }
  if (!is_control() && opcode() != kContinuation) {
    message_opcode_ = static_cast<std::uint8_t>(opcode());
    utf8_ = {};
  }
  in_payload_ = true;
  mask_at_ = 0;
  return {};
}

std::optional<WebSocketEvent> WebSocketDecoder::read_payload(std::span<char>& bytes) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size()));
  const auto piece = bytes.first(size);
  bytes = bytes.subspan(size);
  unmask(piece);
  remaining_ -= size;
  const std::string_view text(piece.data(), piece.size());
  const bool whole = remaining_ == 0;
  if (whole) {
    in_payload_ = false;
    header_bytes_ = 0;
  }
  if (is_control()) {
    if (whole && control_.empty()) return finish_control(text);
    control_ += text;
    if (!whole) return std::nullopt;
    clear_control_ = true;
    return finish_control(control_);
  }
  if (message_opcode_ == kText &&
      (!utf8_.feed(text) || (whole && is_final() && !utf8_.complete()))) {
    return error_event(kCloseBadText, "a text that is no UTF-8");
  }
  if (!whole || !is_final()) {
    message_ += text;
    return std::nullopt;
  }
  const auto kind = std::exchange(message_opcode_, std::uint8_t{0}) == kText
                        ? WebSocketEvent::Kind::kText
                        : WebSocketEvent::Kind::kBinary;
  if (message_.empty()) return WebSocketEvent{kind, text, 0};
  message_ += text;
  clear_message_ = true;
  return WebSocketEvent{kind, message_, 0};
}

WebSocketEvent WebSocketDecoder::finish_control(std::string_view payload) {
  if (opcode() == kPing) return {WebSocketEvent::Kind::kPing, payload, 0};
  if (opcode() == kPong) return {WebSocketEvent::Kind::kPong, payload, 0};
  is_over_ = true;
  if (payload.empty()) return {WebSocketEvent::Kind::kClose, {}, kCloseNoStatus};
  if (payload.size() == 1) return error_event(kCloseProtocolError, "a close code of one byte");
  const auto high = static_cast<std::uint8_t>(payload[0]);
  const auto low = static_cast<std::uint8_t>(payload[1]);
  const auto code = static_cast<std::uint16_t>(high << 8U | low);
  payload.remove_prefix(2);
  if (!may_be_sent(code))
    return error_event(kCloseProtocolError, "a close code that is never sent");
  if (!is_utf8(payload)) return error_event(kCloseBadText, "a close reason that is no UTF-8");
  return {WebSocketEvent::Kind::kClose, payload, code};
}

void WebSocketDecoder::unmask(std::span<char> piece) {
  if (!masked_) return;
  const std::uint8_t* mask = &header_[header_size() - 4];
  std::array<std::uint8_t, 8> turned{};
  for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = mask[(mask_at_ + i) % 4];
  std::uint64_t word_mask = 0;
  std::memcpy(&word_mask, turned.data(), sizeof(word_mask));
  std::size_t at = 0;
  for (; at + sizeof(word_mask) <= piece.size(); at += sizeof(word_mask)) {
    std::uint64_t word = 0;
    std::memcpy(&word, &piece[at], sizeof(word));
    word ^= word_mask;
    std::memcpy(&piece[at], &word, sizeof(word));
  }
  for (; at < piece.size(); ++at) {
    piece[at] = static_cast<char>(static_cast<std::uint8_t>(piece[at]) ^ turned[at % 8]);
  }
  mask_at_ = static_cast<std::uint8_t>((mask_at_ + piece.size()) % 4);
}

WebSocketEvent WebSocketDecoder::error_event(std::uint16_t code, std::string_view why) {
  is_over_ = true;
  return {WebSocketEvent::Kind::kError, why, code};
}

std::string encode_frame(Opcode opcode, std::string_view payload) {
  std::string out = frame_header(opcode, payload.size(), 0);
  out += payload;
  return out;
}

std::string encode_masked_frame(Opcode opcode, std::string_view payload,
                                std::array<std::uint8_t, 4> mask) {
  std::string out = frame_header(opcode, payload.size(), 0x80);
  for (const auto byte : mask) out += static_cast<char>(byte);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    out += static_cast<char>(static_cast<std::uint8_t>(payload[i]) ^ mask[i % 4]);
  }
  return out;
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
  std::string out;
  out += static_cast<char>(code >> 8U);
  out += static_cast<char>(code & 0xFFU);
  out += truncate_utf8(reason, kMaxControl - out.size());
  return out;
}

std::shared_ptr<const std::string> frame_text(std::string_view text) {
  return std::make_shared<const std::string>(encode_frame(Opcode::kText, text));
}

}  // namespace gpuvigil
