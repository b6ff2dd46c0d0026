// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/frame.h"

/// Numbers as people read them, for text and HTML; JSON has its exact ones.
namespace gpuvigil {

/// Three digits and a unit: "480 ns", "12.3 µs", "4.56 ms", "1.20 s", "3 min 20 s", "2 h 05 min".
[[nodiscard]] std::string human_time(std::uint64_t ns);

/// "45 s", "3 min 20 s", "2 h 05 min", "3 d 4 h".
[[nodiscard]] std::string human_uptime(std::uint64_t seconds);

/// "1,234,567".
[[nodiscard]] std::string human_count(std::uint64_t count);

/// MiB without decimals, GiB from 10 GiB on: "512 MiB", "71.2 GiB".
[[nodiscard]] std::string human_bytes(Bytes bytes);

/// "73.5%".
[[nodiscard]] std::string human_percent(double percent);

/// "2026-01-02 03:04:05 UTC".
[[nodiscard]] std::string human_timestamp(Timestamp at);

/// "03:04:05", UTC.
[[nodiscard]] std::string human_clock(Timestamp at);

/// What a frame of a simulated machine is headed by, wherever it is shown.
inline constexpr std::string_view kDemoBanner = "DEMO: simulated machine";

/// Characters that `text` takes on a line: one each, which is right for what names are made of.
[[nodiscard]] std::size_t display_width(std::string_view text);

/// `text` in at most `width` characters, its middle folded into "..." where it is longer: the ends
/// of a kernel's name tell more than its middle.
[[nodiscard]] std::string fold_middle(std::string_view text, std::size_t width);

}  // namespace gpuvigil
