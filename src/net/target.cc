// SPDX-License-Identifier: Apache-2.0
#include "net/target.h"

#include <algorithm>

#include <fmt/format.h>

#include "net/ascii.h"
#include "net/utf8.h"

namespace gpuvigil {
namespace {

enum class Plus { kIsItself, kIsSpace };

/// True for what stands for itself, in path and query.
constexpr bool is_plain(char c) {
  return c > 0x20 && c != '%' && c != '+' && c != 0x7F;
}

Result<std::string> decode(std::string_view text, Plus plus, std::string_view where) {
  const auto wrong = [&](std::string_view what) {
    return fail(Errc::kInvalidArgument, fmt::format("the {} holds {}", where, what));
  };
  if (std::ranges::all_of(text, is_plain)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  bool all_ascii = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus == Plus::kIsSpace) {
      c = ' ';
    } else if (c == '%') {
      if (i + 2 >= text.size()) return wrong("a '%' without two hexadecimal digits");
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return wrong("a '%' without two hexadecimal digits");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) return wrong("a control character");
    all_ascii = all_ascii && byte < 0x80;
    out += c;
  }
  if (!all_ascii && !is_utf8(out)) return wrong("bytes that are no UTF-8");
  return out;
}

Result<void> parse_query(std::string_view text, Target& target) {
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    if (part.empty()) continue;
    if (target.query.size() == kMaxQueryParameters) {
      return fail(Errc::kTooLarge,
                  fmt::format("more than {} query parameters", kMaxQueryParameters));
    }
    const std::size_t equals = std::min(part.find('='), part.size());
    GPUVIGIL_TRY(auto name, decode(part.substr(0, equals), Plus::kIsSpace, "query"));
    const std::string_view raw = part.substr(std::min(equals + 1, part.size()));
    GPUVIGIL_TRY(auto value, decode(raw, Plus::kIsSpace, "query"));
    target.query.emplace_back(std::move(name), std::move(value));
  }
  return {};
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  Target target;
  if (text.find('#') != std::string_view::npos) {
    return fail(Errc::kInvalidArgument, "the request target holds a fragment");
  }
  // Both schemes: somebody in front of us may speak TLS for us.
  std::size_t scheme = 0;
  for (const std::string_view known : {"http://", "https://"}) {
    if (equals_ignoring_case(text.substr(0, known.size()), known)) scheme = known.size();
  }
  if (scheme > 0) {
    text.remove_prefix(scheme);
    const std::size_t end = std::min(text.find_first_of("/?"), text.size());
    target.authority = text.substr(0, end);
    text.remove_prefix(end);
    if (target.authority.empty()) {
      return fail(Errc::kInvalidArgument, "the request target names no host");
    }
    if (text.empty() || text.front() == '?') target.path = "/";  // "http://host", "http://host?a"
  } else if (text.empty() || text.front() != '/') {
    return fail(Errc::kInvalidArgument, "the request target is not a path");
  }
  const std::size_t question = std::min(text.find('?'), text.size());
  if (target.path.empty()) {
    GPUVIGIL_TRY(target.path, decode(text.substr(0, question), Plus::kIsItself, "path"));
  }
  GPUVIGIL_CHECK(parse_query(text.substr(std::min(question + 1, text.size())), target));
  return target;
}

}  // namespace gpuvigil
