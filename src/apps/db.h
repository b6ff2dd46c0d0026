// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "apps/options.h"

namespace gpuvigil {

/// The verbs of `gpuvigil db`. Each returns the exit code.
[[nodiscard]] int run_db_stats(const DbOptions& options);
[[nodiscard]] int run_db_check(const DbOptions& options);
[[nodiscard]] int run_db_backup(const DbOptions& options);
[[nodiscard]] int run_db_vacuum(const DbOptions& options);

}  // namespace gpuvigil
