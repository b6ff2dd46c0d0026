// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gpuvigil {

// What stands in the files of /proc/PID, as functions of their bytes. Nothing is trusted: a process
// names itself and its arguments as it likes.

/// What we need of /proc/PID/stat.
struct StatLine {
  std::string name;  ///< As it stands between the parentheses; any bytes, at most 64.
  char state = '?';  ///< 'Z': it has ended and waits for its parent.
  std::uint32_t parent = 0;
  std::uint64_t start_ticks = 0;  ///< Since boot.

  friend bool operator==(const StatLine&, const StatLine&) = default;
};

/// Nothing where the line is not as proc(5) has it. The name may hold spaces and parentheses.
[[nodiscard]] std::optional<StatLine> parse_stat(std::string_view line);

/// The effective user of /proc/PID/status; nothing where it does not stand there.
[[nodiscard]] std::optional<std::uint32_t> parse_uid(std::string_view status);

/// Whether it has the rights of another user or group than who started it: true of a program that
/// is set-user-ID, as long as it keeps those rights.
[[nodiscard]] bool has_others_rights(std::string_view status);

/// The arguments of /proc/PID/cmdline in one line: joined by spaces, clean, at most `max_bytes`.
[[nodiscard]] std::string command_line(std::string_view bytes, std::size_t max_bytes);

/// A name that a process or an administrator chose, clean and at most `max_bytes`.
[[nodiscard]] std::string bounded_name(std::string_view bytes, std::size_t max_bytes);

/// What we need of the environment that a program was started with.
struct EnvironmentFacts {
  bool has_agent = false;  ///< A variable that loads libraries into it names one of ours.
  std::string slurm_job;
  std::string slurm_step;

  friend bool operator==(const EnvironmentFacts&, const EnvironmentFacts&) = default;
};

[[nodiscard]] EnvironmentFacts parse_environment(std::string_view bytes);

/// A decimal number and nothing else.
[[nodiscard]] std::optional<std::uint64_t> whole_number(std::string_view text);

/// The same, where it fits: pids and uids.
[[nodiscard]] std::optional<std::uint32_t> small_number(std::string_view text);

/// What stands before the next `separator`, which is taken off `text` with it; all of `text` where
/// there is none.
[[nodiscard]] std::string_view take_until(std::string_view& text, char separator);

}  // namespace gpuvigil
