// SPDX-License-Identifier: Apache-2.0
#include "apps/config.h"

#include <charconv>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>

#include "apps/config_reader.h"
#include "base/file.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

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

/// In quotes, as TOML reads it back.
std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

Result<Config> parse_file(const std::string& path) {
  GPUVIGIL_TRY(FileSource file, FileSource::open(path));
  if (file.file_size() > kMaxConfigBytes) {
    return fail(Errc::kTooLarge, fmt::format("{}: {} bytes; a configuration has at most {}", path,
                                             file.file_size(), kMaxConfigBytes));
  }
  std::string text(file.file_size(), '\0');
  GPUVIGIL_TRY(const std::size_t size, read_fully(file, text));
  text.resize(size);
  return parse_config(text, path);
}

}  // namespace

Result<Config> parse_config(std::string_view text, std::string origin) {
  Config config;
  ConfigReader in(text, std::move(origin));
  in.read("server.listen", config.server.listen);
  in.read("server.tls_certificate", config.server.tls_certificate);
  in.read("server.tls_key", config.server.tls_key);
  in.read("server.drain", config.server.drain, 100ms, 60s);
  in.read("frames.period", config.frames.period, 100ms, 10s);
  in.read("limits.kernels", config.limits.kernels, 16, 1'000'000);
  in.read("limits.series", config.limits.series, 16, 1'000'000);
  in.read("limits.connections", config.limits.connections, 1, 100'000);
  in.read("demo.seed", config.demo.seed, 0, 1'000'000'000);
  AlertSettings& alerts = config.alerts;
  in.read("alerts.utilization_percent", alerts.utilization_percent, 0, 100);
  in.read("alerts.utilization_for", alerts.utilization_for, 1ms, 24h);
  in.read("alerts.memory_percent", alerts.memory_percent, 0, 100);
  in.read("alerts.memory_for", alerts.memory_for, 1ms, 24h);
  in.read("alerts.resolve_after", alerts.resolve_after, 1ms, 24h);
  in.read("alerts.no_data_for", alerts.no_data_for, 1s, 24h);
  if (const auto listen = parse_listen(config.server.listen); !listen) {
    in.mistake("server.listen", listen.error().message);
  }
  if (config.server.tls_certificate.empty() != config.server.tls_key.empty()) {
    const bool has_key = config.server.tls_certificate.empty();
    in.mistake(has_key ? "server.tls_key" : "server.tls_certificate",
               has_key ? "needs server.tls_certificate too" : "needs server.tls_key too");
  }
  if (config.limits.series < config.limits.kernels) {
    in.mistake("limits.series", "must be at least limits.kernels");
  }
  GPUVIGIL_CHECK(in.finish());
  GPUVIGIL_CHECK(check_settings(alerts));
  return config;
}

Result<Config> load_config(const std::string& path) {
  if (!path.empty()) return parse_file(path);
  for (const std::string& candidate : default_paths()) {
    auto config = parse_file(candidate);
    if (config || config.error().code != Errc::kNotFound) return config;
  }
  return Config();
}

std::string format_config(const Config& config) {
  const AlertSettings& alerts = config.alerts;
  std::string out;
  out += fmt::format("[server]\nlisten = \"{}\"\ndrain = \"{}\"\n", config.server.listen,
                     format_span(config.server.drain));
  if (!config.server.tls_certificate.empty()) {
    out += fmt::format("tls_certificate = {}\ntls_key = {}\n",
                       toml_text(config.server.tls_certificate), toml_text(config.server.tls_key));
  }
  out += '\n';
  out += fmt::format("[frames]\nperiod = \"{}\"\n\n", format_span(config.frames.period));
  out += fmt::format("[limits]\nkernels = {}\nseries = {}\nconnections = {}\n\n",
                     config.limits.kernels, config.limits.series, config.limits.connections);
  out += fmt::format("[demo]\nseed = {}\n\n", config.demo.seed);
  out += fmt::format("[alerts]\nutilization_percent = {}\nutilization_for = \"{}\"\n",
                     alerts.utilization_percent, format_span(alerts.utilization_for));
  out += fmt::format("memory_percent = {}\n", alerts.memory_percent);
  if (alerts.memory_for > Duration::zero()) {
    out += fmt::format("memory_for = \"{}\"\n", format_span(alerts.memory_for));
  }
  out += fmt::format("resolve_after = \"{}\"\nno_data_for = \"{}\"\n",
                     format_span(alerts.resolve_after), format_span(alerts.no_data_for));
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
