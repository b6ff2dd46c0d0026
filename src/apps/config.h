// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/metrics_page.h"
#include "auth/access.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "engine/alert_desk.h"
#include "outbound/outbound_client.h"
#include "store/history_writer.h"

namespace gpuvigil {

/// Everything that the server can be told, with its defaults. Built once; each part goes to the
/// module that needs it.
struct Config {
  struct Server {
    std::string listen = "127.0.0.1:8080";
    std::string socket = "auto";  ///< For programs that report themselves: a path, auto or off.
    std::string tls_certificate;  ///< PEM; with tls_key: serve https. Empty: http.
    std::string tls_key;          ///< PEM.
    Duration drain = std::chrono::seconds(3);  ///< For requests in flight when it is stopped.
    AuthMode auth = AuthMode::kLocal;
    std::optional<Rate> rate_limit = Rate{};  ///< Of a token or an address; absent: no limit.
    std::optional<Rate> session_rate_limit = Rate{.per_second = 50, .burst = 200};
    std::vector<std::string> hosts;  ///< Names it answers to beside its own, at most kMaxHosts.
    std::string state_directory;     ///< Empty: default_state_directory().
    std::string node_name;           ///< In metrics; empty: what the machine calls itself.
  } server;

  static constexpr std::size_t kMaxHosts = 64;

  struct Frames {
    Duration period = std::chrono::seconds(1);
  } frames;

  struct Limits {
    std::uint64_t kernels = 10'000;
    std::uint64_t series = 64'000;
    std::uint64_t connections = 16'384;
  } limits;

  struct History {
    std::string db = "auto";  ///< A path, auto, memory or off.
    HistoryLimits limits;
    std::string store;             ///< "prometheus:URL", which answers instead; empty: none.
    std::string store_token_file;  ///< Whose text goes into Authorization; empty: none is sent.
    std::string store_ca_file;     ///< PEM; whom to trust. Empty: whom this system trusts.
    Duration store_resolution = std::chrono::seconds(15);  ///< At which machines write to it.
  } history;

  struct Metrics {
    MetricNames names = MetricNames::kOwn;  ///< Of devices at GET /metrics, where nobody says it.
    std::uint64_t kernels = 50;             ///< Told by name; others come to one series.
    std::uint64_t processes = 128;
  } metrics;

  struct Kubernetes {
    /// Where the kubelet says who holds which devices; nothing has to be there.
    std::string pod_resources = "/var/lib/kubelet/pod-resources/kubelet.sock";
  } kubernetes;

  /// A system that metrics are pushed to.
  struct Export {
    std::string url;         ///< Empty: none.
    std::string token_file;  ///< Whose text goes into Authorization; empty: none is sent.
    std::string ca_file;     ///< PEM; whom to trust. Empty: whom this system trusts.
    Duration interval = std::chrono::seconds(15);
    std::uint64_t buffer_mb = 64;  ///< On disk, for what cannot be sent yet.
    bool allow_local = true;       ///< Loopback and private addresses; link-local ones never.
  };

  struct Exports {
    std::string job = "gpuvigil";  ///< The label `job` of what is written to Prometheus.
    Export remote_write;
    Export otlp;
    Export influx;
  } exports;

  struct Demo {
    std::uint64_t seed = 1;
  } demo;

  AlertConfig alerts;

  LogSettings log;
};

/// Text in, checked configuration out. All mistakes are reported together, each with its line.
/// Errors: kInvalidArgument, one line for each mistake.
[[nodiscard]] Result<Config> parse_config(std::string_view text, std::string origin);

/// The file that applies: `path` if not empty, else the first there is of
/// $XDG_CONFIG_HOME/gpuvigil/config.toml (or ~/.config) and /etc/gpuvigil/config.toml; empty where
/// there is none.
[[nodiscard]] std::string find_config(const std::string& path);

/// Reads the file that applies, or gives the defaults. Whoever may write that file commands the
/// server: one that group or others may write is refused, and so is, unless it was named, one that
/// belongs to neither this user nor root.
/// Errors: kNotFound or kIo for a file that was named; kPermission; kInvalidArgument as
/// parse_config.
[[nodiscard]] Result<Config> load_config(const std::string& path);

/// The whole configuration as TOML that parse_config() reads back.
[[nodiscard]] std::string format_config(const Config& config);

/// "local", "token" or "off".
[[nodiscard]] Result<AuthMode> read_auth_mode(std::string_view text);

/// The server of "prometheus:http://host:port": what stands before /api/v1.
[[nodiscard]] Result<OutboundUrl> read_store(std::string_view text);

/// What this machine is called in metrics.
[[nodiscard]] std::string node_name(const Config& config);

/// "10:50" requests a second and at once, or "off".
[[nodiscard]] Result<std::optional<Rate>> read_rate_limit(std::string_view text);

struct ListenAddress {
  std::string address;  ///< "127.0.0.1" or "::1".
  std::uint16_t port = 0;
};

/// "127.0.0.1:8080", "[::1]:0", "localhost:8080".
[[nodiscard]] Result<ListenAddress> parse_listen(std::string_view text);

}  // namespace gpuvigil
