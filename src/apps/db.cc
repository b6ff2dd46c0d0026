// SPDX-License-Identifier: Apache-2.0
#include "apps/db.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "apps/exit_codes.h"
#include "apps/history_door.h"
#include "apps/output.h"
#include "base/json_writer.h"
#include "base/private_file.h"
#include "store/maintenance.h"

namespace gpuvigil {
namespace {

using Purpose = HistoryMaintenance::Purpose;

int complain_of(const Error& error) {
  complain(error);
  // Another gpuvigil holds it, or a newer one wrote it: both are known by their words.
  if (error.code == Errc::kUnavailable && error.message.contains("newer")) {
    return kExitIncompatible;
  }
  return exit_code_of(error.code);
}

Result<std::string> path_of(const DbOptions& options) {
  if (!options.path.empty()) return options.path;
  GPUVIGIL_TRY(const Config config, load_config(options.config));
  const std::string& place = config.history.db;
  const std::string path = place == "auto" ? default_history_path(config) : place;
  if (path.starts_with('/')) return path;
  return fail(Errc::kNotFound, "no file of history: name one with --db PATH");
}

Result<HistoryMaintenance> open(const DbOptions& options, Purpose purpose) {
  GPUVIGIL_TRY(const std::string path, path_of(options));
  return HistoryMaintenance::open(path, purpose);
}

std::string stats_json(const HistoryFileStats& stats) {
  std::string out;
  JsonWriter json(out);
  const auto time = [&](std::string_view key, const std::optional<Timestamp>& at) {
    json.key(key);
    at ? json.timestamp(*at) : json.null();
  };
  const auto number = [&](std::string_view key, std::uint64_t value) {
    json.key(key);
    json.number(value);
  };
  json.begin_object();
  number("schema", static_cast<std::uint64_t>(stats.schema));
  json.key("simulated");
  json.boolean(stats.is_simulated);
  number("file_bytes", stats.file_bytes);
  number("free_bytes", stats.free_bytes);
  number("devices", stats.devices);
  number("series", stats.series);
  number("alerts", stats.alerts);
  number("events", stats.events);
  number("kernels", stats.kernels);
  number("kernel_steps", stats.kernel_steps);
  number("kernel_bytes", stats.kernel_bytes);
  json.key("tiers");
  json.begin_array();
  for (const HistoryFileStats::Tier& tier : stats.tiers) {
    json.begin_object();
    json.key("name");
    json.string(tier.name);
    number("segments", tier.segments);
    number("segment_bytes", tier.segment_bytes);
    number("rows", tier.rows);
    time("oldest", tier.oldest);
    time("newest", tier.newest);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  json.finish();
  return out + "\n";
}

std::string stats_text(const HistoryFileStats& stats) {
  const auto time = [](const std::optional<Timestamp>& at) {
    return at ? fmt::format("{:%Y-%m-%d %H:%M}", std::chrono::floor<std::chrono::minutes>(*at))
              : std::string("-");
  };
  std::string out = fmt::format(
      "{} devices, {} series, {} alerts, {} events, {} kernels in {} steps ({:.1f} MiB); {:.1f} "
      "MiB, "
      "{:.1f} MiB of them free{}\n\n",
      stats.devices, stats.series, stats.alerts, stats.events, stats.kernels, stats.kernel_steps,
      static_cast<double>(stats.kernel_bytes) / kBytesPerMebibyte,
      static_cast<double>(stats.file_bytes) / kBytesPerMebibyte,
      static_cast<double>(stats.free_bytes) / kBytesPerMebibyte,
      stats.is_simulated ? " (simulated or replayed)" : "");
  out += fmt::format("{:8}  {:>9}  {:>12}  {:>8}  {:16}  {:16}\n", "", "Segments", "Bytes", "Rows",
                     "Oldest", "Newest");
  for (const HistoryFileStats::Tier& tier : stats.tiers) {
    out += fmt::format("{:8}  {:>9}  {:>12}  {:>8}  {:16}  {:16}\n", tier.name, tier.segments,
                       tier.segment_bytes, tier.rows, time(tier.oldest), time(tier.newest));
  }
  return out;
}

int finish(const Result<void>& done) {
  return done ? static_cast<int>(kExitOk) : complain_of(done.error());
}

}  // namespace

int run_db_stats(const DbOptions& options) {
  auto file = open(options, Purpose::kLook);
  if (!file) return complain_of(file.error());
  const auto stats = file->stats();
  if (!stats) return complain_of(stats.error());
  return finish(print(options.json ? stats_json(*stats) : stats_text(*stats)));
}

int run_db_check(const DbOptions& options) {
  auto file = open(options, Purpose::kLook);
  if (!file) return complain_of(file.error());
  const auto found = file->check();
  if (!found) return complain_of(found.error());
  if (found->empty()) return finish(print("ok\n"));
  std::string lines;
  for (const std::string& line : *found) lines += line + "\n";
  if (const auto printed = print(lines); !printed) return complain_of(printed.error());
  return kExitPartial;
}

int run_db_backup(const DbOptions& options) {
  auto file = open(options, Purpose::kLook);
  if (!file) return complain_of(file.error());
  return finish(file->backup_to(options.target));
}

int run_db_vacuum(const DbOptions& options) {
  const auto path = path_of(options);
  if (!path) return complain_of(path.error());
  const auto lock = FileLock::take(*path + ".lock", Duration::zero());
  if (!lock && lock.error().code == Errc::kTimeout) {
    return complain_of(
        {Errc::kUnavailable, *path + ": a running gpuvigil writes it; stop it first"});
  }
  if (!lock) return complain_of(lock.error());
  auto file = open(options, Purpose::kChange);
  if (!file) return complain_of(file.error());
  return finish(file->vacuum());
}

}  // namespace gpuvigil
