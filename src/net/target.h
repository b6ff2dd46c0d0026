// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace gpuvigil {

/// The target of a request line, taken apart and decoded.
struct Target {
  std::string authority;  ///< Of the absolute form ("http://host:port/path"), else empty.
  std::string path;       ///< Percent-decoded; starts with '/'.
  std::vector<std::pair<std::string, std::string>> query;  ///< Decoded, in order, repeats kept.
};

/// At most this many query parameters: far beyond any real request, far below what would cost us.
inline constexpr std::size_t kMaxQueryParameters = 256;

/// Takes the origin form ("/path?query") or the absolute form with http: or https:. In the query,
/// '+' is a space, a parameter without '=' has an empty value, and empty ones are left out.
///
/// Errors: kInvalidArgument for anything else: the authority form, '*', a fragment, a percent sign
/// without two digits, and what decodes to a control character or to no UTF-8. kTooLarge for more
/// than kMaxQueryParameters. The message names what is wrong, without repeating the bytes.
[[nodiscard]] Result<Target> parse_target(std::string_view text);

}  // namespace gpuvigil
