// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <sys/socket.h>

namespace gpuvigil {

/// What lies behind an address, as far as the address itself tells (the registries of IANA for
/// special-purpose addresses, RFC 6890).
enum class AddressKind {
  kPublic,
  kLoopback,   ///< 127.0.0.0/8, ::1.
  kPrivate,    ///< 10/8, 172.16/12, 192.168/16, 100.64/10 (carriers), fc00::/7.
  kLinkLocal,  ///< 169.254/16, fe80::/10: where clouds answer questions about credentials.
  kReserved,   ///< Nothing that one could talk to: 0/8, multicast, documentation, all others.
};

[[nodiscard]] std::string_view to_string(AddressKind kind);

/// An IPv4 address inside an IPv6 one (mapped, compatible, 6to4, NAT64) is judged as itself. What
/// is neither IPv4 nor IPv6, or cut short, is kReserved.
[[nodiscard]] AddressKind classify_address(const sockaddr* address, socklen_t size);

/// "127.0.0.1" or "::1"; empty for what is neither IPv4 nor IPv6.
[[nodiscard]] std::string address_text(const sockaddr* address, socklen_t size);

/// Which addresses may be dialled. Public ones always, reserved ones never.
struct AddressPolicy {
  bool loopback = false;
  bool private_networks = false;
  bool link_local = false;

  [[nodiscard]] constexpr bool allows(AddressKind kind) const {
    switch (kind) {
      case AddressKind::kPublic:
        return true;
      case AddressKind::kLoopback:
        return loopback;
      case AddressKind::kPrivate:
        return private_networks;
      case AddressKind::kLinkLocal:
        return link_local;
      case AddressKind::kReserved:
        break;
    }
    return false;
  }
};

}  // namespace gpuvigil
