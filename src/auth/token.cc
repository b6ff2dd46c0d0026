// SPDX-License-Identifier: Apache-2.0
#include "auth/token.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/sha256.h"
#include "base/text.h"

namespace gpuvigil {
namespace {

using std::chrono::seconds;

constexpr std::string_view kHeader = "# gpuvigil tokens, version 1\n";
constexpr std::string_view kNever = "never";

std::string_view as_text(const std::array<std::uint8_t, 32>& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const auto byte : bytes) fmt::format_to(std::back_inserter(text), "{:02x}", byte);
  return text;
}

template <class Number>
bool parse_number(std::string_view text, Number& number, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

bool parse_digest(std::string_view text, std::array<std::uint8_t, 32>& digest) {
  if (text.size() != 2 * digest.size()) return false;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    if (!parse_number(text.substr(2 * i, 2), digest[i], 16)) return false;
  }
  return true;
}

std::int64_t to_seconds(Timestamp at) {
  return std::chrono::floor<seconds>(at).time_since_epoch().count();
}

bool parse_seconds(std::string_view text, Timestamp& at) {
  std::int64_t number = 0;
  constexpr std::int64_t kYear2200 = 7'258'118'400;
  if (!parse_number(text, number, 10) || number < 0 || number > kYear2200) return false;
  at = Timestamp(seconds(number));
  return true;
}

/// Takes the text up to the next space off the front of `line`.
std::string_view take_word(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(word.size() + 1, line.size()));
  return word;
}

bool is_good_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxTokenName && is_clean_text(name);
}

/// What is wrong with the line, or nothing.
std::string_view parse_token(std::string_view line, Token& token) {
  token.id = take_word(line);
  if (token.id.size() != 8 || token.id.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return "the id is not 8 hex digits";
  }
  const auto scopes = parse_scopes(take_word(line));
  if (!scopes) return "a scope is unknown";
  token.scopes = *scopes;
  if (!parse_seconds(take_word(line), token.created)) return "the time of creation is no number";
  const std::string_view expires = take_word(line);
  if (expires != kNever && !parse_seconds(expires, token.expires.emplace())) {
    return "the expiry is neither a number nor 'never'";
  }
  if (!parse_digest(take_word(line), token.digest)) return "the digest is not 64 hex digits";
  token.name = line;
  if (!is_good_name(line)) return "the name is empty, too long or not printable";
  return {};
}

}  // namespace

Result<NewToken> make_token(const TokenRequest& request) {
  if (!is_good_name(request.name)) {
    return fail(Errc::kInvalidArgument,
                fmt::format("a token's name has 1 to {} printable characters", kMaxTokenName));
  }
  if (request.scopes.empty()) {
    return fail(Errc::kInvalidArgument, "a token needs a scope: read, write, admin or ingest");
  }
  if (request.lifetime && *request.lifetime < seconds(1)) {
    return fail(Errc::kInvalidArgument, "a token lives a second at least");
  }
  NewToken made;
  made.text = random_secret(kTokenPrefix);
  std::array<unsigned char, 4> id{};
  random_bytes(id);
  made.token = {.id = to_hex(id),
                .name = request.name,
                .scopes = request.scopes,
                .created = std::chrono::floor<seconds>(request.now),
                .expires = std::nullopt,
                .digest = sha256(made.text.reveal())};
  if (request.lifetime) {
    made.token.expires = std::chrono::floor<seconds>(request.now + *request.lifetime);
  }
  return made;
}

const Token* find_token(std::span<const Token> tokens, std::string_view text, Timestamp now) {
  const auto digest = sha256(text);
  const Token* found = nullptr;
  for (const Token& token : tokens) {  // all of them: when it ends tells nothing
    if (equal_in_constant_time(as_text(token.digest), as_text(digest))) found = &token;
  }
  if (found != nullptr && found->expires && now >= *found->expires) return nullptr;
  return found;
}

std::string format_tokens(std::span<const Token> tokens) {
  std::string text(kHeader);
  for (const Token& token : tokens) {
    fmt::format_to(std::back_inserter(text), "{} {} {} {} {} {}\n", token.id,
                   to_string(token.scopes), to_seconds(token.created),
                   token.expires ? fmt::to_string(to_seconds(*token.expires)) : std::string(kNever),
                   to_hex(token.digest), token.name);
  }
  return text;
}

Result<std::vector<Token>> parse_tokens(std::string_view text) {
  std::vector<Token> tokens;
  if (!text.empty() && !text.starts_with(kHeader)) {
    return fail(Errc::kCorrupt, "line 1: not a list of tokens of version 1");
  }
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    if (tokens.size() == kMaxTokens) {
      return fail(Errc::kTooLarge, fmt::format("more than {} tokens", kMaxTokens));
    }
    if (const auto wrong = parse_token(line, tokens.emplace_back()); !wrong.empty()) {
      return fail(Errc::kCorrupt, fmt::format("line {}: {}", number, wrong));
    }
  }
  return tokens;
}

}  // namespace gpuvigil
