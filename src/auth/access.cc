// SPDX-License-Identifier: Apache-2.0
#include "auth/access.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.h"

namespace gpuvigil {
namespace {

constexpr std::array<std::pair<AuthMode, std::string_view>, 3> kModes = {{
    {AuthMode::kLocal, "local"},
    {AuthMode::kToken, "token"},
    {AuthMode::kOff, "off"},
}};

constexpr std::string_view kTooMany = "too many requests; slow down";

/// Whose bucket a request without a token is taken from.
std::string bucket_of(const Credentials& credentials) {
  std::string key(credentials.address);
  if (credentials.user) key += "#" + std::to_string(*credentials.user);
  return key;
}

}  // namespace

std::string_view to_string(AuthMode mode) {
  return std::ranges::find(kModes, mode, [](const auto& entry) { return entry.first; })->second;
}

std::optional<AuthMode> parse_auth_mode(std::string_view text) {
  const auto found =
      std::ranges::find(kModes, text, [](const auto& entry) { return entry.second; });
  return found == kModes.end() ? std::nullopt : std::optional(found->first);
}

Access::Access(AccessOptions options, TokenFile tokens, const Clock& clock)
    : options_(std::move(options)), file_(std::move(tokens)), clock_(clock) {
  refresh();
}

bool Access::refresh() {
  if (file_.directory().empty()) return false;
  const auto version = file_.version();
  if (version == version_) return false;
  version_ = version;
  auto tokens = file_.load();
  problem_ = tokens ? std::string() : tokens.error().message;
  if (tokens) tokens_ = *std::move(tokens);
  return true;
}

std::variant<Caller, Denial> Access::identify(const Credentials& credentials) {
  if (options_.mode == AuthMode::kOff) return Caller{.scopes = {Scope::kAdmin}};
  const Timestamp now = clock_.now();
  if (credentials.bearer) {
    const Token* token = find_token(tokens_, *credentials.bearer, now);
    // A token that was made a moment ago works at once.
    if (token == nullptr && refresh()) token = find_token(tokens_, *credentials.bearer, now);
    if (token == nullptr) return denied(credentials.address, "the token is unknown or has expired");
    return Caller{.scopes = token->scopes, .token_id = token->id};
  }
  if (!credentials.session.empty()) {
    const std::string_view id = sessions_.use(credentials.session, now);
    const Token* token = token_by_id(id);
    if (token != nullptr && is_valid(token->id)) {
      return Caller{.scopes = token->scopes, .token_id = token->id, .by_session = true};
    }
  }
  const bool at_home = credentials.is_loopback && credentials.user &&
                       (*credentials.user == options_.own_user || *credentials.user == 0);
  if (options_.mode == AuthMode::kLocal && at_home) return Caller{.scopes = {Scope::kRead}};
  if (credentials.session.empty()) {
    if (auto limited = charge(nullptr, credentials)) return *std::move(limited);
    ++counters_.denied;
    return Denial{.detail = "a token is needed; make one with: gpuvigil token create"};
  }
  return denied(credentials.address, "the session has ended; log in again");
}

Denial Access::denied(std::string_view address, std::string_view why) {
  const auto verdict = failures_.take(address, options_.failure_rate, clock_.now());
  if (verdict.allowed) {
    ++counters_.denied;
    return {.status = 401, .detail = why};
  }
  ++counters_.limited;
  return {.status = 429,
          .detail = "too many wrong credentials from this address",
          .retry_after = verdict.retry_after};
}

std::optional<Denial> Access::charge(const Caller* caller, const Credentials& credentials) {
  const bool by_session = caller != nullptr && caller->by_session;
  const auto& rate = by_session ? options_.session_rate : options_.rate;
  if (!rate) return std::nullopt;
  const std::string client =
      caller == nullptr || caller->token_id.empty() ? bucket_of(credentials) : caller->token_id;
  auto& limiter = by_session ? session_requests_ : requests_;
  const auto verdict = limiter.take(client, *rate, clock_.now());
  if (verdict.allowed) return std::nullopt;
  ++counters_.limited;
  return Denial{.status = 429, .detail = kTooMany, .retry_after = verdict.retry_after};
}

Secret Access::open_session(const Caller& caller) {
  GPUVIGIL_ASSERT(!caller.token_id.empty());
  return sessions_.open(caller.token_id, clock_.now());
}

void Access::close_session(std::string_view key) {
  sessions_.close(key);
}

const Token* Access::token_by_id(std::string_view id) const {
  const auto found = std::ranges::find(tokens_, id, &Token::id);
  return found == tokens_.end() ? nullptr : &*found;
}

bool Access::is_valid(const std::string& token_id) const {
  if (token_id.empty()) return true;
  const Token* token = token_by_id(token_id);
  return token != nullptr && (!token->expires || clock_.now() < *token->expires);
}

}  // namespace gpuvigil
