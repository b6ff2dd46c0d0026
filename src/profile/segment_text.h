// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"
#include "gpuvigil/segment.h"
#include "model/kernel.h"

namespace gpuvigil {

/// The text before the first NUL, for people.
template <std::size_t kSize>
[[nodiscard]] std::string text_of_segment(const char (&text)[kSize]) {
  const std::string_view all(text, kSize);
  return clean_text(all.substr(0, std::min(all.find('\0'), kSize - 1)));
}

/// The text before the first NUL, of what may be used as an identity; empty when it is anything
/// else.
template <std::size_t kSize>
[[nodiscard]] std::string word_of_segment(const char (&text)[kSize]) {
  const std::string_view all(text, kSize);
  const std::string_view word = all.substr(0, std::min(all.find('\0'), kSize - 1));
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':' || c == '/';
  };
  return std::ranges::all_of(word, is_plain) ? std::string(word) : std::string();
}

/// GPUVIGIL_KIND_*; what is none of them goes by the name.
[[nodiscard]] KernelKind kind_of_segment(std::uint32_t kind, std::string_view name);

}  // namespace gpuvigil
