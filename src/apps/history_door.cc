// SPDX-License-Identifier: Apache-2.0
#include "apps/history_door.h"

#include <utility>

#include "apps/authorization.h"
#include "auth/token_file.h"
#include "base/log.h"
#include "base/private_file.h"
#include "fleet/promql_fleet.h"

namespace gpuvigil {
namespace {

Result<HistoryOptions> options_of(const Config& config, WatchedMachine machine) {
  HistoryOptions options{.path = {}, .limits = config.history.limits, .is_simulated = false};
  options.is_simulated = machine == WatchedMachine::kSimulated;
  const std::string& place = config.history.db;
  if (place == "memory" || (place == "auto" && options.is_simulated)) return options;
  if (place != "auto") {
    options.path = place;
    return options;
  }
  options.path = default_history_path(config);
  if (options.path.empty()) {
    return fail(Errc::kNotFound, "no state directory: set HOME or name a file with --db PATH");
  }
  const std::size_t slash = options.path.rfind('/');
  GPUVIGIL_CHECK(make_private_directory(options.path.substr(0, slash)));
  return options;
}

Result<std::unique_ptr<HistoryStore>> open(const Config& config, WatchedMachine machine,
                                           const Clock& clock) {
  GPUVIGIL_TRY(const HistoryOptions options, options_of(config, machine));
  return HistoryStore::open(options, clock);
}

}  // namespace

std::string default_history_path(const Config& config) {
  std::string directory = config.server.state_directory;
  if (directory.empty()) directory = default_state_directory();
  return directory.empty() ? directory : directory + "/history.db";
}

Result<std::unique_ptr<Fleet>> open_fleet(const Config& config, const Clock& clock) {
  if (config.history.store.empty()) return nullptr;
  GPUVIGIL_TRY(OutboundUrl url, read_store(config.history.store));
  auto token = read_authorization(config.history.store_token_file, "Bearer");
  if (!token) {
    return fail(token.error().code, "history.store_token_file: " + token.error().message);
  }
  log(LogLevel::kInfo, "fleet.store", {kv("url", url.origin())});
  GPUVIGIL_TRY(
      auto fleet,
      PromqlFleet::start(
          {.server = {.base = std::move(url),
                      .authorization = *std::move(token),
                      .outbound = {.addresses = {.loopback = true, .private_networks = true},
                                   .ca_file = config.history.store_ca_file}},
           .host = node_name(config),
           .resolution = config.history.store_resolution},
          clock));
  return std::unique_ptr<Fleet>(std::move(fleet));
}

OpenedHistory open_history(const Config& config, WatchedMachine machine, const Clock& clock) {
  if (config.history.db == "off") {
    return {.store = nullptr, .why_not = "history is off (--no-history, or history.db = \"off\")"};
  }
  auto opened = open(config, machine, clock);
  if (opened) {
    const HistoryStatus status = (*opened)->status();
    log(LogLevel::kInfo, "history.opened", {kv("place", status.place)});
    return {.store = *std::move(opened), .why_not = {}};
  }
  std::string why = "history could not be opened: " + opened.error().message;
  log(LogLevel::kWarn, "history.unavailable", {kv("why", opened.error().message)});
  return {.store = nullptr, .why_not = std::move(why), .is_missing = true};
}

}  // namespace gpuvigil
