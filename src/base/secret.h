// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace gpuvigil {

/// A text that must not be seen: a token, a session's key. It cannot be printed, formatted, copied
/// or compared by accident, and its memory is wiped when it is gone.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  ~Secret() { wipe(); }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept : text_(other.text_) { other.wipe(); }
  Secret& operator=(Secret&& other) noexcept;

  /// The text itself, for the one place that sends it or writes it where only its owner reads.
  [[nodiscard]] std::string_view reveal() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }

 private:
  void wipe();

  std::string text_;
};

std::ostream& operator<<(std::ostream&, const Secret&) = delete;

/// Fills `into` with bytes that nobody can guess (OpenSSL; this header is the only door to it for
/// that here).
void random_bytes(std::span<unsigned char> into);

/// True when both are equal; takes the same time wherever they differ. Their sizes are no secret.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b);

/// 256 random bits as 43 characters of base 64 for URLs (RFC 4648, 5), without padding.
[[nodiscard]] Secret random_secret(std::string_view prefix);

}  // namespace gpuvigil

template <>
struct fmt::formatter<gpuvigil::Secret> {
  formatter() = delete;
};
