// SPDX-License-Identifier: Apache-2.0
#include "net/host_rules.h"

#include <algorithm>
#include <optional>

#include "net/ascii.h"

namespace gpuvigil {
namespace {

constexpr std::string_view kHttpsPort = "443";

struct Authority {
  std::string host;       ///< Lower case, IPv6 without brackets.
  std::string_view port;  ///< Digits, or empty.
};

struct Origin {
  Authority authority;            ///< Its port is never empty.
  std::string_view default_port;  ///< Of its scheme, which it thereby names.
  bool operator==(const Origin& other) const {
    return default_port == other.default_port && authority.host == other.authority.host &&
           authority.port == other.authority.port;
  }
};

std::optional<Authority> parse_authority(std::string_view text) {
  std::string_view host;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    if (host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) {
      return std::nullopt;
    }
  } else {
    host = text.substr(0, text.find(':'));
    rest = text.substr(host.size());
    if (host.find_first_of("/?#@\\ \t,[]") != std::string_view::npos) return std::nullopt;
  }
  if (host.empty()) return std::nullopt;
  if (!rest.empty()) {
    rest.remove_prefix(1);  // the colon; after a bracket it may be something else
    if (text[text.size() - rest.size() - 1] != ':' || rest.size() > 5 ||
        rest.find_first_not_of("0123456789") != std::string_view::npos) {
      return std::nullopt;
    }
  }
  return Authority{lower_case(host), rest};
}

std::optional<Origin> parse_origin(std::string_view text) {
  for (const auto& [scheme, port] :
       {std::pair<std::string_view, std::string_view>{"http://", "80"}, {"https://", kHttpsPort}}) {
    if (!equals_ignoring_case(text.substr(0, scheme.size()), scheme)) continue;
    auto authority = parse_authority(text.substr(scheme.size()));
    if (!authority) return std::nullopt;
    if (authority->port.empty()) authority->port = port;
    return Origin{*std::move(authority), port};
  }
  return std::nullopt;
}

}  // namespace

HostRules::HostRules(const std::vector<std::string>& names, std::vector<std::string> origins)
    : names_{"localhost", "127.0.0.1", "::1"}, origins_(std::move(origins)) {
  for (std::string_view name : names) {
    if (name.size() > 2 && name.starts_with('[') && name.ends_with(']')) {
      name = name.substr(1, name.size() - 2);
    }
    names_.push_back(lower_case(name));
  }
}

bool HostRules::allows(std::string_view host) {
  if (!host.empty() && host == last_allowed_) return true;
  const auto authority = parse_authority(host);
  if (!authority || std::ranges::find(names_, authority->host) == names_.end()) return false;
  last_allowed_ = host;
  return true;
}

bool HostRules::allows_origin(std::string_view origin, std::string_view host,
                              bool is_secure) const {
  if (is_same_origin(origin, host, is_secure)) return true;
  const auto page = parse_origin(origin);
  return page && std::ranges::any_of(origins_, [&](const std::string& allowed) {
           return parse_origin(allowed) == page;
         });
}

bool is_origin(std::string_view text) {
  return parse_origin(text).has_value();
}

bool is_same_origin(std::string_view origin, std::string_view host, bool is_secure) {
  const auto page = parse_origin(origin);
  const auto server = parse_authority(host);
  if (!page || !server || (is_secure && page->default_port != kHttpsPort)) return false;
  const auto server_port = server->port.empty() ? page->default_port : server->port;
  return page->authority.host == server->host && page->authority.port == server_port;
}

}  // namespace gpuvigil
