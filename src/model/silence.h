// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace gpuvigil {

/// One condition on what an alert is: `rule=xid`, `severity!=critical`, `kernel=*gemm*`.
struct Matcher {
  std::string label;    ///< rule, severity, metric, device, uuid, kernel, or a label of its rule.
  std::string pattern;  ///< A glob.
  bool is_equal = true;

  friend bool operator==(const Matcher&, const Matcher&) = default;
};

/// "rule=xid*", "rule!=xid*".
[[nodiscard]] inline std::string to_string(const Matcher& matcher) {
  return matcher.label + (matcher.is_equal ? "=" : "!=") + matcher.pattern;
}

/// Keeps alerts that match all of its matchers from calling people, for a time.
struct Silence {
  std::string id;
  std::vector<Matcher> matchers;  ///< Never empty.
  Timestamp starts{};
  Timestamp ends{};
  std::string comment;
  std::string created_by;

  friend bool operator==(const Silence&, const Silence&) = default;
};

}  // namespace gpuvigil
