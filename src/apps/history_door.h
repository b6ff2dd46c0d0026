// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "apps/config.h"
#include "base/clock.h"
#include "base/result.h"
#include "model/fleet.h"
#include "store/history_store.h"

namespace gpuvigil {

/// The history of a server, or why it has none.
struct OpenedHistory {
  std::unique_ptr<HistoryStore> store;
  std::string why_not;
  bool is_missing = false;  ///< It was asked for, and could not be opened.
};

/// What is watched: what was real and what was not never share a file.
enum class WatchedMachine { kReal, kSimulated };

/// Opens history where the configuration says: `auto` is history.db in the state directory for a
/// real machine and memory for any other. What cannot be opened is logged, and the server goes on
/// without. `clock` must outlive the store.
[[nodiscard]] OpenedHistory open_history(const Config& config, WatchedMachine machine,
                                         const Clock& clock);

/// Who answers what was, and of other machines, where the configuration names somebody; else null.
/// `clock` is real time and must outlive the fleet.
/// Errors: kInvalidArgument; those of the token's file and of PromqlFleet::start().
[[nodiscard]] Result<std::unique_ptr<Fleet>> open_fleet(const Config& config, const Clock& clock);

/// Where that file is; empty: nowhere, without a state directory.
[[nodiscard]] std::string default_history_path(const Config& config);

}  // namespace gpuvigil
