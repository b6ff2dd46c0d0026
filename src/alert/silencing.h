// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/alert.h"
#include "model/silence.h"

namespace gpuvigil {

inline constexpr std::size_t kMaxMatchers = 16;
inline constexpr std::size_t kMaxSilences = 1000;

/// "rule=xid*" or "severity!=critical". Errors: kInvalidArgument, saying what it must be.
[[nodiscard]] Result<Matcher> parse_matcher(std::string_view text);

/// What stands for a label of an alert; empty where it has none of that name.
[[nodiscard]] std::string label_of(const Alert& alert, std::string_view name);

[[nodiscard]] bool matches(std::span<const Matcher> matchers, const Alert& alert);

/// True from its start on, until before its end.
[[nodiscard]] constexpr bool is_active(const Silence& silence, Timestamp now) {
  return silence.starts <= now && now < silence.ends;
}

/// An alert that fires and matches `source` explains those that match `target` and have the same
/// labels `equal`; they are shown and call nobody.
struct Inhibition {
  std::vector<Matcher> source;
  std::vector<Matcher> target;
  std::vector<std::string> equal;
};

/// That a device is lost explains whatever else is the matter with it; that memory errors are not
/// contained explains that its driver logged them; and shutting down explains slowing down.
[[nodiscard]] std::vector<Inhibition> builtin_inhibitions();

/// Sets `silenced` and `inhibited` of each alert by all of them. What is inhibited itself explains
/// nothing that inhibits it back: an alert never inhibits itself.
void mark(std::span<Alert* const> alerts, std::span<const Silence> silences,
          std::span<const Inhibition> inhibitions, Timestamp now);

}  // namespace gpuvigil
