// SPDX-License-Identifier: Apache-2.0
#include "auth/token_file.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/private_file.h"

namespace gpuvigil {
namespace {

constexpr std::string_view kTokens = "tokens";
constexpr std::string_view kCliToken = "cli-token";
constexpr std::string_view kLock = "tokens.lock";
constexpr std::size_t kMaxFileBytes = kMaxTokens * 256;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

std::string default_state_directory() {
  if (auto chosen = environment("GPUVIGIL_STATE_DIR"); !chosen.empty()) return chosen;
  if (auto given = environment("STATE_DIRECTORY"); !given.empty()) {
    return given.substr(0, given.find(':'));
  }
  if (::geteuid() == 0) return "/var/lib/gpuvigil";
  if (auto xdg = environment("XDG_STATE_HOME"); !xdg.empty()) return xdg + "/gpuvigil";
  if (auto home = environment("HOME"); !home.empty()) return home + "/.local/state/gpuvigil";
  return {};
}

std::string TokenFile::path(std::string_view name) const {
  return fmt::format("{}/{}", directory_, name);
}

Result<std::vector<Token>> TokenFile::load() const {
  auto text = read_private_file(path(kTokens), kMaxFileBytes);
  if (!text && text.error().code == Errc::kNotFound) return std::vector<Token>();
  if (!text) return std::unexpected(std::move(text).error());
  auto tokens = parse_tokens(*text);
  if (!tokens) {
    return fail(tokens.error().code, fmt::format("{}: {}", path(kTokens), tokens.error().message));
  }
  return tokens;
}

template <class Change>
Result<void> TokenFile::change(Change change_tokens) {
  GPUVIGIL_CHECK(make_private_directory(directory_));
  GPUVIGIL_TRY(const auto lock, FileLock::take(path(kLock)));
  GPUVIGIL_TRY(auto tokens, load());
  GPUVIGIL_TRY(const bool changed, change_tokens(tokens));
  if (!changed) return {};
  return write_private_file(path(kTokens), format_tokens(tokens));
}

Result<NewToken> TokenFile::create(const TokenRequest& request) {
  GPUVIGIL_TRY(NewToken made, make_token(request));
  GPUVIGIL_CHECK(change([&](std::vector<Token>& tokens) -> Result<bool> {
    if (tokens.size() == kMaxTokens) {
      return fail(Errc::kTooLarge,
                  fmt::format("there are {} tokens already; revoke some", kMaxTokens));
    }
    tokens.push_back(made.token);
    return true;
  }));
  return made;
}

Result<void> TokenFile::revoke(std::string_view id) {
  return change([&](std::vector<Token>& tokens) -> Result<bool> {
    if (std::erase_if(tokens, [&](const Token& token) { return token.id == id; }) == 0) {
      return fail(Errc::kNotFound,
                  fmt::format("there is no token {}; see: gpuvigil token list", std::string(id)));
    }
    return true;
  });
}

Result<std::optional<NewToken>> TokenFile::create_first(Timestamp now) {
  std::optional<NewToken> made;
  const auto add_first = [&](std::vector<Token>& tokens) -> Result<bool> {
    if (!tokens.empty()) return false;
    GPUVIGIL_TRY(made, make_token({.name = "command line",
                                   .scopes = {Scope::kAdmin},
                                   .now = now,
                                   .lifetime = std::nullopt}));
    // First: a token whose text nobody kept would be of no use, and would stop this here for good.
    GPUVIGIL_CHECK(write_private_file(path(kCliToken), made->text.reveal()));
    tokens.push_back(made->token);
    return true;
  };
  GPUVIGIL_CHECK(change(add_first));
  return made;
}

Result<Secret> TokenFile::cli_token() const {
  GPUVIGIL_TRY(std::string text, read_private_file(path(kCliToken), kTokenLength + 1));
  if (text.ends_with('\n')) text.pop_back();
  return Secret(std::move(text));
}

TokenFile::Version TokenFile::version() const {
  struct stat info{};
  if (::lstat(path(kTokens).c_str(), &info) != 0) return {};
  return {.inode = info.st_ino,
          .size = info.st_size,
          .modified_ns = info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec};
}

}  // namespace gpuvigil
