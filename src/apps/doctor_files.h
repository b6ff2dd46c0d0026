// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/doctor.h"

namespace gpuvigil {

/// What checks of this machine look up in its files.

/// Where a library of that name, or one with a longer version, lies: of those that the loader
/// would look at, the first.
[[nodiscard]] std::optional<std::string> find_library(const DoctorContext& context,
                                                      std::string_view name);

/// The entries of a folder of devices whose names are `prefix` and a number, sorted.
[[nodiscard]] std::vector<std::string> nodes(const DoctorContext& context, std::string_view folder,
                                             std::string_view prefix);

/// Those of them that this user may not open.
[[nodiscard]] std::vector<std::string> locked(const DoctorContext& context,
                                              std::vector<std::string> paths);

/// The first line of a file, clean and at most 160 bytes; empty where it cannot be read.
[[nodiscard]] std::string first_line(const std::string& path);

/// This process is in a container, as far as its files tell.
[[nodiscard]] bool is_container(const DoctorContext& context);

/// What to do so that this user may open the device node `path`.
[[nodiscard]] std::string group_advice(const DoctorContext& context, const std::string& path);

}  // namespace gpuvigil
