// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/reading.h"

namespace gpuvigil {

// Files of /sys and /proc, which hold one value or a short table. None of them is longer than
// kMaxSysfsBytes; what is beyond is not read.

inline constexpr std::size_t kMaxSysfsBytes = 16'384;

/// The bytes of a file. Missing: kUnsupported (there is none, or the driver does not fill it),
/// kNoPermission, kDriverError (reading failed otherwise).
[[nodiscard]] Reading<std::string> read_sysfs(const std::string& path);

/// The same, without what surrounds its first line; empty where there is nothing.
[[nodiscard]] std::string read_sysfs_line(const std::string& path);

/// A decimal number. Missing as above, and kDriverError where it is none.
[[nodiscard]] Reading<std::int64_t> read_sysfs_number(const std::string& path);

/// The names in a folder, sorted, at most `limit`; none where it cannot be read.
[[nodiscard]] std::vector<std::string> list_folder(const std::string& path, std::size_t limit);

/// The value of KEY=VALUE in the lines of an "uevent" file; empty where there is none.
[[nodiscard]] std::string_view uevent_value(std::string_view uevent, std::string_view key);

/// The megahertz of the line with a star in a table such as pp_dpm_sclk: "1: 1000Mhz *".
[[nodiscard]] std::optional<std::uint32_t> current_dpm_megahertz(std::string_view table);

/// The largest megahertz in such a table.
[[nodiscard]] std::optional<std::uint32_t> highest_dpm_megahertz(std::string_view table);

/// PCI addresses differ in how they are written: "00000000:3B:00.0" and "0000:3b:00.0" are one.
/// Empty where `text` is none.
[[nodiscard]] std::string normal_pci_bus_id(std::string_view text);

/// The generation that a link speed such as "16.0 GT/s PCIe" belongs to; nothing for others.
[[nodiscard]] std::optional<std::uint32_t> pcie_generation(std::string_view speed);

}  // namespace gpuvigil
