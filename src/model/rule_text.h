// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gpuvigil {

/// Names and their values, in the order in which they were written.
using Labels = std::vector<std::pair<std::string, std::string>>;

/// One thing that is wrong with what somebody wrote: which field, and why, without a full stop.
struct FieldError {
  std::string field;
  std::string reason;

  friend bool operator==(const FieldError&, const FieldError&) = default;
};

/// Who wrote a rule or a channel.
enum class RuleOrigin { kBuiltIn, kFile, kApi };

[[nodiscard]] constexpr std::string_view to_string(RuleOrigin origin) {
  switch (origin) {
    case RuleOrigin::kBuiltIn:
      return "built-in";
    case RuleOrigin::kFile:
      return "file";
    case RuleOrigin::kApi:
      return "api";
  }
  return "api";
}

/// A rule as people write it, in TOML or JSON; alert/rule.h says what it means.
struct RuleText {
  std::string name;       ///< "slow_gemm": its identity.
  std::string when;       ///< `p95 of kernel "gemm*" above 2 ms for 5 min`.
  std::string keep = {};  ///< "5s": how long the condition must be over; empty: not at all.
  std::string severity = "warning";
  std::string summary = {};  ///< With {device} and its like; empty: made from `when`.
  std::string runbook = {};  ///< An http(s) address; empty: none.
  Labels labels = {};
  bool notify = true;  ///< It calls people; else it is only shown.

  friend bool operator==(const RuleText&, const RuleText&) = default;
};

/// A rule as the API lists it.
struct RuleRow {
  RuleText text;
  RuleOrigin origin = RuleOrigin::kBuiltIn;
  std::size_t pending = 0;
  std::size_t firing = 0;
};

}  // namespace gpuvigil
