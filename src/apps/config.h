// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "alert/rule.h"
#include "base/clock.h"
#include "base/result.h"

namespace gpuvigil {

/// Everything that the server can be told, with its defaults. Built once; each part goes to the
/// module that needs it.
struct Config {
  struct Server {
    std::string listen = "127.0.0.1:8080";
    std::string tls_certificate;               ///< PEM; with tls_key: serve https. Empty: http.
    std::string tls_key;                       ///< PEM.
    Duration drain = std::chrono::seconds(3);  ///< For requests in flight when it is stopped.
  } server;

  struct Frames {
    Duration period = std::chrono::seconds(1);
  } frames;

  struct Limits {
    std::uint64_t kernels = 10'000;
    std::uint64_t series = 64'000;
    std::uint64_t connections = 16'384;
  } limits;

  struct Demo {
    std::uint64_t seed = 1;
  } demo;

  AlertSettings alerts;
};

/// Text in, checked configuration out. All mistakes are reported together, each with its line.
/// Errors: kInvalidArgument, one line for each mistake.
[[nodiscard]] Result<Config> parse_config(std::string_view text, std::string origin);

/// Reads the file that applies: `path` if not empty, else $XDG_CONFIG_HOME/gpuvigil/config.toml
/// (or ~/.config), else /etc/gpuvigil/config.toml, else the defaults.
/// Errors: kNotFound or kIo for a file that was named; kInvalidArgument as parse_config.
[[nodiscard]] Result<Config> load_config(const std::string& path);

/// The whole configuration as TOML that parse_config() reads back.
[[nodiscard]] std::string format_config(const Config& config);

struct ListenAddress {
  std::string address;  ///< "127.0.0.1" or "::1".
  std::uint16_t port = 0;
};

/// "127.0.0.1:8080", "[::1]:0", "localhost:8080".
[[nodiscard]] Result<ListenAddress> parse_listen(std::string_view text);

}  // namespace gpuvigil
