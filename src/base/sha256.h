// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace gpuvigil {

/// SHA-256 of `bytes` (OpenSSL; this header is the only door to it here).
[[nodiscard]] std::array<std::uint8_t, 32> sha256(std::string_view bytes);

/// The first 64 bits of it, big-endian: sha256_prefix("test") == 0x9f86d081884c7d65.
[[nodiscard]] std::uint64_t sha256_prefix(std::string_view bytes);

/// HMAC-SHA-256 (RFC 2104) as 64 hex digits.
[[nodiscard]] std::string hmac_sha256_hex(std::string_view key, std::string_view bytes);

}  // namespace gpuvigil
