// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "apps/config_reader.h"
#include "engine/alert_desk.h"

namespace gpuvigil {

/// Reads [[rules]], [[channels]] and what of [alerts] is not about built-in rules.
void read_alert_config(ConfigReader& in, AlertConfig& config);

/// The same as TOML, without the secrets of channels.
[[nodiscard]] std::string format_alert_config(const AlertConfig& config);

/// A text as TOML writes it, in quotes.
[[nodiscard]] std::string quoted_toml(std::string_view text);

}  // namespace gpuvigil
