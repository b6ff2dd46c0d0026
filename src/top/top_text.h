// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "top/top_data.h"

/// Numbers as short as a crowded screen wants them; what is unknown is "-".
namespace gpuvigil {

/// "318ns", "4.56µs", "12.3ms", "1.20s", "3m20s"; at most six columns.
[[nodiscard]] std::string short_time(Maybe ms);

/// "980", "12.3k", "1.20M"; at most five columns.
[[nodiscard]] std::string short_count(Maybe count);

/// MiB as "812M", "71.2G", "1.2T".
[[nodiscard]] std::string short_memory(Maybe mebibytes);

/// "52.8/80.0G".
[[nodiscard]] std::string short_use(Maybe used, Maybe total);

/// "84%" of percent.
[[nodiscard]] std::string short_percent(Maybe percent);

/// A number without decimals and a unit: "300W".
[[nodiscard]] std::string short_whole(Maybe value, std::string_view unit = "");

/// "+12%", "-3.4%", "new" where there was nothing before.
[[nodiscard]] std::string short_change(Maybe before, Maybe now);

/// A bar of eighths of a column; `part` 0 to 1.
[[nodiscard]] std::string bar(double part, std::size_t columns);

/// The last `columns` points, as heights up to `most`; a gap for what is no number; shorter where
/// there are fewer.
[[nodiscard]] std::string trend(std::span<const double> points, double most, std::size_t columns);

}  // namespace gpuvigil
