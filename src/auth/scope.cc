// SPDX-License-Identifier: Apache-2.0
#include "auth/scope.h"

#include <algorithm>
#include <array>
#include <utility>

namespace gpuvigil {
namespace {

constexpr std::array<std::pair<Scope, std::string_view>, kScopes> kNames = {{
    {Scope::kAdmin, "admin"},
    {Scope::kWrite, "write"},
    {Scope::kRead, "read"},
    {Scope::kIngest, "ingest"},
}};

}  // namespace

std::string_view to_string(Scope scope) {
  return std::ranges::find(kNames, scope, &std::pair<Scope, std::string_view>::first)->second;
}

std::string to_string(ScopeSet scopes) {
  std::string text;
  ScopeSet told;
  for (const auto& [scope, name] : kNames) {
    if (!scopes.has(scope) || told.has(scope)) continue;
    if (!text.empty()) text += ',';
    text += name;
    told.add(scope);
  }
  return text;
}

std::optional<ScopeSet> parse_scopes(std::string_view text) {
  ScopeSet scopes;
  while (true) {
    const std::string_view name = text.substr(0, text.find(','));
    const auto known =
        std::ranges::find(kNames, name, [](const auto& entry) { return entry.second; });
    if (known == kNames.end()) return std::nullopt;
    scopes.add(known->first);
    if (name.size() == text.size()) return scopes;
    text.remove_prefix(name.size() + 1);
  }
}

}  // namespace gpuvigil
