// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace gpuvigil {

/// What a caller may do.
enum class Scope : std::uint8_t {
  kRead,    ///< Ask.
  kWrite,   ///< Change alerts and silences, record executions and samples.
  kAdmin,   ///< Everything, the rules of the server included.
  kIngest,  ///< Hand in executions and samples, and nothing else: agents and SDKs.
};
inline constexpr std::size_t kScopes = 4;

[[nodiscard]] std::string_view to_string(Scope scope);

/// Several scopes. admin holds all, write holds read and ingest.
class ScopeSet {
 public:
  constexpr ScopeSet() = default;
  constexpr ScopeSet(std::initializer_list<Scope> scopes) {
    for (const Scope scope : scopes) add(scope);
  }

  constexpr void add(Scope scope) {
    switch (scope) {
      case Scope::kAdmin:
        set(Scope::kAdmin);
        [[fallthrough]];
      case Scope::kWrite:
        set(Scope::kWrite);
        set(Scope::kIngest);
        [[fallthrough]];
      case Scope::kRead:
        set(Scope::kRead);
        return;
      case Scope::kIngest:
        set(Scope::kIngest);
        return;
    }
  }
  [[nodiscard]] constexpr bool has(Scope scope) const { return (bits_ & bit(scope)) != 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  friend constexpr bool operator==(ScopeSet, ScopeSet) = default;

 private:
  static constexpr std::uint8_t bit(Scope scope) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(scope));
  }
  constexpr void set(Scope scope) { bits_ = static_cast<std::uint8_t>(bits_ | bit(scope)); }

  std::uint8_t bits_ = 0;
};

/// "read", "read,ingest": the fewest scopes that hold all of it.
[[nodiscard]] std::string to_string(ScopeSet scopes);

/// One name, or several with commas. Nothing for an unknown or empty one.
[[nodiscard]] std::optional<ScopeSet> parse_scopes(std::string_view text);

}  // namespace gpuvigil
