// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "alert/rule.h"
#include "apps/options.h"
#include "base/json_reader.h"
#include "base/result.h"

namespace gpuvigil {

// Rules tried before they are used: what they would have raised, a line a change.

/// While these recordings were made, looked at once a second. Errors: those of Player::open().
[[nodiscard]] Result<std::string> try_on_recordings(const std::vector<Rule>& rules,
                                                    const std::vector<std::string>& paths);

/// In what a server remembers of its devices since `since`, a time or a span such as 6h. Rules that
/// history cannot tell of, those of kernels and events, are named and left out.
/// Errors: those of ask().
[[nodiscard]] Result<std::string> try_on_history(const std::vector<Rule>& rules,
                                                 const ClientOptions& client,
                                                 const std::string& since);

/// The same for an answer of GET /history. Errors: kInternal for what is no such answer.
[[nodiscard]] Result<std::string> try_on_series(const std::vector<Rule>& rules,
                                                const JsonValue& history);

/// True when everything that it compares is in history.
[[nodiscard]] bool is_in_history(const Rule& rule);

}  // namespace gpuvigil
