// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "apps/options.h"
#include "base/clock.h"

namespace gpuvigil {

/// The verbs of the program. Each prints its data on standard output, what went wrong as one line
/// on standard error, and returns the exit code (exit_codes.h).
[[nodiscard]] int run_serve(const ServeOptions& options);
[[nodiscard]] int run_kernels(const KernelsOptions& options);
[[nodiscard]] int run_report(const ReportOptions& options);
/// The exit code is the program's own, or 125 to 127 (docs/cli.md).
[[nodiscard]] int run_program(const RunOptions& options);
[[nodiscard]] int run_status(const ListOptions& options);
[[nodiscard]] int run_alerts(const ListOptions& options);
[[nodiscard]] int run_alerts_ack(const AlertOptions& options);
[[nodiscard]] int run_alerts_silence(const AlertOptions& options);
[[nodiscard]] int run_alerts_unsilence(const AlertOptions& options);
[[nodiscard]] int run_alerts_silences(const AlertOptions& options);
[[nodiscard]] int run_rules_list(const AlertOptions& options);
[[nodiscard]] int run_rules_lint(const AlertOptions& options);
/// Prints what the rules would have raised while a recording was made.
[[nodiscard]] int run_rules_test(const AlertOptions& options);
[[nodiscard]] int run_channels_list(const AlertOptions& options);
[[nodiscard]] int run_channels_test(const AlertOptions& options);
[[nodiscard]] int run_ps(const ListOptions& options);
[[nodiscard]] int run_ls(const ListOptions& options);
[[nodiscard]] int run_events(const ListOptions& options);
[[nodiscard]] int run_topo(const ListOptions& options);
[[nodiscard]] int run_watch(const WatchOptions& options);
/// Draws on the terminal until somebody quits; where there is none, once as text.
[[nodiscard]] int run_top(const TopOptions& options);
/// Writes a Chrome trace of a running program.
[[nodiscard]] int run_trace(const TraceOptions& options);
/// "5s", "500ms": as long as a trace may be, else nothing.
[[nodiscard]] std::optional<Duration> parse_trace_duration(std::string_view text);
[[nodiscard]] int run_config_print(const std::string& path);
[[nodiscard]] int run_config_validate(const std::string& path);
[[nodiscard]] int run_doctor(const DoctorOptions& options);
[[nodiscard]] int run_version(bool json);
[[nodiscard]] int run_token_create(const TokenOptions& options);
[[nodiscard]] int run_token_list(const TokenOptions& options);
[[nodiscard]] int run_token_revoke(const TokenOptions& options);

}  // namespace gpuvigil
