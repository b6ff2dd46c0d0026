// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gpuvigil {

/// Which names this server answers to, and to whose pages. A web page that makes its own name point
/// to 127.0.0.1 (DNS rebinding) still sends that name as Host, and is told apart by it; one that
/// sends requests across sites is told apart by Origin.
///
/// Ports of hosts are not compared: a tunnel's end has a port of its own.
class HostRules {
 public:
  /// Always localhost, 127.0.0.1 and [::1]; beside them `names`, addresses or host names. Origins
  /// are those for which is_origin() holds.
  explicit HostRules(const std::vector<std::string>& names, std::vector<std::string> origins = {});

  /// `host` as it stands in the Host field: "name", "name:port", "[::1]:port".
  [[nodiscard]] bool allows(std::string_view host);

  /// `origin` as it stands in the Origin field of a request that came over TLS or not: our own
  /// pages', or one of those that are allowed.
  [[nodiscard]] bool allows_origin(std::string_view origin, std::string_view host,
                                   bool is_secure) const;

 private:
  std::vector<std::string> names_;  ///< Lower case, IPv6 without brackets.
  std::vector<std::string> origins_;
  std::string last_allowed_;  ///< The same client sends the same text again and again.
};

/// True for "http://name", "https://name:port" and the like: no path, not "null".
[[nodiscard]] bool is_origin(std::string_view text);

/// True when a page of `origin` ("http://name:port") comes from the very server that it addresses
/// as `host`. Missing ports are those of http and https. "null" and other schemes: false. Over TLS
/// only pages that came over TLS are ours: others anybody on the way may have written. Without TLS
/// both may be: somebody in front of us may speak it for us.
[[nodiscard]] bool is_same_origin(std::string_view origin, std::string_view host, bool is_secure);

}  // namespace gpuvigil
