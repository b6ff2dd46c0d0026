// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace gpuvigil {

/// What it takes to write a message of protocol buffers: five functions instead of a generator and
/// its library, as the few messages that are sent are flat and never read here.
/// (https://protobuf.dev/programming-guides/encoding)

inline void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>((value & 0x7FU) | 0x80U);
  out += static_cast<char>(value);
}

namespace detail {

constexpr std::uint32_t kVarint = 0;
constexpr std::uint32_t kFixed64 = 1;
constexpr std::uint32_t kLengthDelimited = 2;

inline void append_tag(std::string& out, std::uint32_t field, std::uint32_t wire_type) {
  append_varint(out, field << 3U | wire_type);
}

}  // namespace detail

inline void append_int(std::string& out, std::uint32_t field, std::int64_t value) {
  detail::append_tag(out, field, detail::kVarint);
  append_varint(out, static_cast<std::uint64_t>(value));
}

inline void append_fixed64(std::string& out, std::uint32_t field, std::uint64_t bits) {
  detail::append_tag(out, field, detail::kFixed64);
  for (unsigned i = 0; i < 64; i += 8) out += static_cast<char>(bits >> i & 0xFFU);
}

inline void append_double(std::string& out, std::uint32_t field, double value) {
  append_fixed64(out, field, std::bit_cast<std::uint64_t>(value));
}

/// A text, or a message that was written before.
inline void append_bytes(std::string& out, std::uint32_t field, std::string_view bytes) {
  detail::append_tag(out, field, detail::kLengthDelimited);
  append_varint(out, bytes.size());
  out += bytes;
}

}  // namespace gpuvigil
