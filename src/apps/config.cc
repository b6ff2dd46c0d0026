// SPDX-License-Identifier: Apache-2.0
#include "apps/config.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "apps/config_alerts.h"
#include "apps/config_reader.h"
#include "base/private_file.h"
#include "base/text.h"
#include "exporters/host_name.h"
#include "outbound/outbound_client.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kStoreScheme = "prometheus:";
constexpr std::size_t kMaxConfigBytes = 1024 * 1024;

/// The files that are looked for when none is named, in this order.
std::vector<std::string> default_paths() {
  std::vector<std::string> paths;
  const auto environment = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const std::string xdg = environment("XDG_CONFIG_HOME"); !xdg.empty()) {
    paths.push_back(xdg + "/gpuvigil/config.toml");
  } else if (const std::string home = environment("HOME"); !home.empty()) {
    paths.push_back(home + "/.config/gpuvigil/config.toml");
  }
  paths.emplace_back("/etc/gpuvigil/config.toml");
  return paths;
}

/// One of a few words, as `parse` knows them.
template <class T>
void read_word(ConfigReader& in, std::string_view key, T& value,
               std::optional<T> (*parse)(std::string_view), std::string_view name,
               std::string_view must) {
  std::string word(name);
  in.read(key, word);
  if (const auto known = parse(word)) {
    value = *known;
  } else {
    in.mistake(key, fmt::format("must be {}", must));
  }
}

std::string to_string(const std::optional<Rate>& rate) {
  return rate ? to_string(*rate) : "off";
}

std::string format_server(const Config::Server& server) {
  std::string out = fmt::format(
      "[server]\nlisten = {}\nsocket = {}\ndrain = \"{}\"\nauth = \"{}\"\nrate_limit = \"{}\"\n"
      "session_rate_limit = \"{}\"\n",
      quoted_toml(server.listen), quoted_toml(server.socket), format_span(server.drain),
      to_string(server.auth), to_string(server.rate_limit), to_string(server.session_rate_limit));
  if (!server.tls_certificate.empty()) {
    out += fmt::format("tls_certificate = {}\ntls_key = {}\n", quoted_toml(server.tls_certificate),
                       quoted_toml(server.tls_key));
  }
  if (!server.hosts.empty()) {
    std::vector<std::string> hosts;
    for (const std::string& host : server.hosts) hosts.push_back(quoted_toml(host));
    out += fmt::format("hosts = [{}]\n", fmt::join(hosts, ", "));
  }
  if (!server.state_directory.empty()) {
    out += fmt::format("state_directory = {}\n", quoted_toml(server.state_directory));
  }
  if (!server.node_name.empty()) {
    out += fmt::format("node_name = {}\n", quoted_toml(server.node_name));
  }
  return out;
}

void read_export(ConfigReader& in, const std::string& section, Config::Export& target) {
  in.read(section + ".url", target.url);
  in.read(section + ".token_file", target.token_file);
  in.read(section + ".ca_file", target.ca_file);
  in.read(section + ".interval", target.interval, 1s, 1h);
  in.read(section + ".buffer_mb", target.buffer_mb, 2, 65'536);
  in.read(section + ".allow_local", target.allow_local);
  if (target.url.empty()) return;
  if (const auto url = OutboundUrl::parse(target.url); !url) {
    in.mistake(section + ".url", url.error().message);
  }
}

/// The line of an address: what follows its host may be secret, as a password in the query of
/// InfluxDB. `scheme` is what stands before the address.
std::string format_url(std::string_view key, std::string_view scheme, std::string_view text) {
  text.remove_prefix(scheme.size());
  const auto url = OutboundUrl::parse(text);
  const std::string origin = url ? url->origin() : std::string();
  const std::size_t host = text.find("://") + 3;
  const bool is_whole = text.substr(std::min(text.find_first_of("/?#", host), text.size())) <= "/";
  return fmt::format("{}{} = {}\n", is_whole ? "" : "# the path and query are not shown\n", key,
                     quoted_toml(fmt::format("{}{}", scheme, origin)));
}

std::string format_export(std::string_view section, const Config::Export& target) {
  if (target.url.empty()) return {};
  std::string out = fmt::format("[{}]\n{}interval = \"{}\"\nbuffer_mb = {}\n", section,
                                format_url("url", "", target.url), format_span(target.interval),
                                target.buffer_mb);
  if (!target.token_file.empty()) out += "token_file = " + quoted_toml(target.token_file) + "\n";
  if (!target.ca_file.empty()) out += "ca_file = " + quoted_toml(target.ca_file) + "\n";
  return out + fmt::format("allow_local = {}\n\n", target.allow_local);
}

void read_history(ConfigReader& in, Config::History& history) {
  constexpr unsigned kMebibyte = 20;
  HistoryLimits& limits = history.limits;
  std::uint64_t megabytes = limits.bytes >> kMebibyte;
  in.read("history.db", history.db);
  in.read("history.raw", limits.raw, 10min, 24h * 366);
  in.read("history.minutes", limits.minutes, 1h, 24h * 3660);
  in.read("history.hours", limits.hours, 24h, 24h * 36600);
  in.read("history.size_mb", megabytes, 16, 1U << 20U);
  limits.bytes = megabytes << kMebibyte;
  in.read("history.store", history.store);
  in.read("history.store_token_file", history.store_token_file);
  in.read("history.store_ca_file", history.store_ca_file);
  in.read("history.store_resolution", history.store_resolution, 1s, 1h);
  if (const auto store = read_store(history.store); !history.store.empty() && !store) {
    in.mistake("history.store", store.error().message);
  }
  if (history.db != "auto" && history.db != "memory" && history.db != "off" &&
      !history.db.starts_with('/')) {
    in.mistake("history.db", "must be an absolute path, \"auto\", \"memory\" or \"off\"");
  }
}

std::string format_history(const Config::History& history) {
  std::string out = fmt::format(
      "[history]\ndb = {}\nraw = \"{}\"\nminutes = \"{}\"\nhours = \"{}\"\nsize_mb = {}\n",
      quoted_toml(history.db), format_span(history.limits.raw), format_span(history.limits.minutes),
      format_span(history.limits.hours), history.limits.bytes >> 20U);
  const auto put = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) out += fmt::format("{} = {}\n", key, quoted_toml(value));
  };
  if (!history.store.empty()) out += format_url("store", kStoreScheme, history.store);
  put("store_token_file", history.store_token_file);
  put("store_ca_file", history.store_ca_file);
  return out + fmt::format("store_resolution = \"{}\"\n", format_span(history.store_resolution));
}

}  // namespace

Result<AuthMode> read_auth_mode(std::string_view text) {
  if (const auto mode = parse_auth_mode(text)) return *mode;
  return fail(Errc::kInvalidArgument,
              fmt::format("must be local, token or off, not {}", clean_text(text)));
}

Result<OutboundUrl> read_store(std::string_view text) {
  if (!text.starts_with(kStoreScheme)) {
    return fail(Errc::kInvalidArgument,
                "must be prometheus:URL, such as prometheus:http://prometheus:9090");
  }
  text.remove_prefix(kStoreScheme.size());
  if (text.find_first_of("?#") != std::string_view::npos) {
    return fail(Errc::kInvalidArgument, "the URL is what stands before /api/v1, without ? and #");
  }
  return OutboundUrl::parse(text);
}

std::string node_name(const Config& config) {
  return config.server.node_name.empty() ? host_name() : config.server.node_name;
}

Result<std::optional<Rate>> read_rate_limit(std::string_view text) {
  if (text == "off") return std::optional<Rate>();
  if (const auto rate = parse_rate(text)) return rate;
  return fail(Errc::kInvalidArgument,
              fmt::format("must be RATE[:BURST] such as 10:50 (requests a second, at once), or "
                          "off, not {}",
                          clean_text(text)));
}

Result<Config> parse_config(std::string_view text, std::string origin) {
  Config config;
  ConfigReader in(text, std::move(origin));
  in.read("server.listen", config.server.listen);
  in.read("server.tls_certificate", config.server.tls_certificate);
  in.read("server.tls_key", config.server.tls_key);
  in.read("server.socket", config.server.socket);
  in.read("server.drain", config.server.drain, 100ms, 60s);
  in.read_as("server.auth", config.server.auth, read_auth_mode);
  in.read_as("server.rate_limit", config.server.rate_limit, read_rate_limit);
  in.read_as("server.session_rate_limit", config.server.session_rate_limit, read_rate_limit);
  in.read("server.hosts", config.server.hosts, Config::kMaxHosts);
  in.read("server.state_directory", config.server.state_directory);
  in.read("server.node_name", config.server.node_name);
  in.read("frames.period", config.frames.period, 100ms, 10s);
  in.read("limits.kernels", config.limits.kernels, 16, 1'000'000);
  in.read("limits.series", config.limits.series, 16, 1'000'000);
  in.read("limits.connections", config.limits.connections, 1, 100'000);
  read_history(in, config.history);
  read_word(in, "metrics.names", config.metrics.names, parse_metric_names,
            to_string(config.metrics.names), R"("own", "dcgm" or "all")");
  in.read("metrics.kernels", config.metrics.kernels, 1, MetricLimits::kMaxTopKernels);
  in.read("metrics.processes", config.metrics.processes, 0, 4096);
  in.read("kubernetes.pod_resources", config.kubernetes.pod_resources);
  in.read("export.job", config.exports.job);
  read_export(in, "export.remote_write", config.exports.remote_write);
  read_export(in, "export.otlp", config.exports.otlp);
  read_export(in, "export.influx", config.exports.influx);
  in.read("demo.seed", config.demo.seed, 0, 1'000'000'000);
  AlertSettings& alerts = config.alerts.builtin;
  in.read("alerts.utilization_percent", alerts.utilization_percent, 0, 100);
  in.read("alerts.utilization_for", alerts.utilization_for, 1ms, 24h);
  in.read("alerts.memory_percent", alerts.memory_percent, 0, 100);
  in.read("alerts.memory_for", alerts.memory_for, 1ms, 24h);
  in.read("alerts.resolve_after", alerts.resolve_after, 1ms, 24h);
  in.read("alerts.no_data_for", alerts.no_data_for, 1s, 24h);
  read_alert_config(in, config.alerts);
  read_word(in, "log.level", config.log.level, parse_log_level, log_level_name(config.log.level),
            R"("debug", "info", "warn" or "error")");
  read_word(in, "log.format", config.log.format, parse_log_format,
            log_format_name(config.log.format), R"("logfmt" or "json")");
  if (const auto listen = parse_listen(config.server.listen); !listen) {
    in.mistake("server.listen", listen.error().message);
  }
  if (config.server.tls_certificate.empty() != config.server.tls_key.empty()) {
    const bool has_key = config.server.tls_certificate.empty();
    in.mistake(has_key ? "server.tls_key" : "server.tls_certificate",
               has_key ? "needs server.tls_certificate too" : "needs server.tls_key too");
  }
  if (const std::string& socket = config.server.socket;
      socket != "auto" && socket != "off" && !socket.starts_with('/')) {
    in.mistake("server.socket", "must be an absolute path, \"auto\" or \"off\"");
  }
  if (!config.kubernetes.pod_resources.starts_with('/')) {
    in.mistake("kubernetes.pod_resources", "must be the absolute path of a socket");
  }
  if (config.limits.series < config.limits.kernels) {
    in.mistake("limits.series", "must be at least limits.kernels");
  }
  GPUVIGIL_CHECK(in.finish());
  GPUVIGIL_CHECK(check_settings(alerts));
  return config;
}

std::string find_config(const std::string& path) {
  if (!path.empty()) return path;
  for (std::string& candidate : default_paths()) {
    // What is there and cannot be read is an error to tell, not a reason for the next one.
    if (::access(candidate.c_str(), F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR)) {
      return std::move(candidate);
    }
  }
  return {};
}

Result<Config> load_config(const std::string& path) {
  const std::string file = find_config(path);
  if (file.empty()) return Config();
  GPUVIGIL_TRY(const std::string text,
               read_guarded_file(file, {.max_bytes = kMaxConfigBytes, .any_owner = !path.empty()}));
  return parse_config(text, file);
}

std::string format_config(const Config& config) {
  const AlertSettings& alerts = config.alerts.builtin;
  std::string out;
  out += format_server(config.server) + "\n";
  out += fmt::format("[frames]\nperiod = \"{}\"\n\n", format_span(config.frames.period));
  out += fmt::format("[limits]\nkernels = {}\nseries = {}\nconnections = {}\n\n",
                     config.limits.kernels, config.limits.series, config.limits.connections);
  out += format_history(config.history) + "\n";
  out += fmt::format("[metrics]\nnames = \"{}\"\nkernels = {}\nprocesses = {}\n\n",
                     to_string(config.metrics.names), config.metrics.kernels,
                     config.metrics.processes);
  out += fmt::format("[kubernetes]\npod_resources = {}\n\n",
                     quoted_toml(config.kubernetes.pod_resources));
  out += fmt::format("[export]\njob = {}\n\n", quoted_toml(config.exports.job));
  out += format_export("export.remote_write", config.exports.remote_write);
  out += format_export("export.otlp", config.exports.otlp);
  out += format_export("export.influx", config.exports.influx);
  out += fmt::format("[demo]\nseed = {}\n\n", config.demo.seed);
  out += fmt::format("[alerts]\nutilization_percent = {}\nutilization_for = \"{}\"\n",
                     alerts.utilization_percent, format_span(alerts.utilization_for));
  out += fmt::format("memory_percent = {}\n", alerts.memory_percent);
  if (alerts.memory_for > Duration::zero()) {
    out += fmt::format("memory_for = \"{}\"\n", format_span(alerts.memory_for));
  }
  out += fmt::format("resolve_after = \"{}\"\nno_data_for = \"{}\"\n",
                     format_span(alerts.resolve_after), format_span(alerts.no_data_for));
  out += format_alert_config(config.alerts);
  out += fmt::format("\n[log]\nlevel = \"{}\"\nformat = \"{}\"\n", log_level_name(config.log.level),
                     log_format_name(config.log.format));
  return out;
}

Result<ListenAddress> parse_listen(std::string_view text) {
  const auto wrong = [&] {
    return fail(Errc::kInvalidArgument,
                fmt::format("must be ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080, not {}",
                            text.empty() ? "nothing" : text));
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return wrong();
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty())
    return wrong();
  std::string_view address = text.substr(0, colon);
  if (address.front() == '[' && address.back() == ']') {
    address = address.substr(1, address.size() - 2);
  } else if (address.find(':') != std::string_view::npos) {
    return wrong();
  }
  if (address == "localhost") address = "127.0.0.1";
  return ListenAddress{.address = std::string(address), .port = port};
}

}  // namespace gpuvigil
