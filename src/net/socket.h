// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "base/result.h"
#include "base/unique_fd.h"

namespace gpuvigil {

/// An IPv4 or IPv6 address with a port.
class Endpoint {
 public:
  /// The 16 bytes of the IPv6 address, or of the IPv4-mapped one: what tells peers apart.
  using Key = std::array<std::uint8_t, 16>;

  Endpoint() = default;

  /// `address` as a number ("127.0.0.1", "::1", "[::1]") or "localhost" (127.0.0.1); no name is
  /// looked up. Errors: kInvalidArgument.
  [[nodiscard]] static Result<Endpoint> parse(std::string_view address, std::uint16_t port);

  /// The local side of a bound or connected socket.
  [[nodiscard]] static Endpoint local(int fd);

  [[nodiscard]] Key key() const;
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] std::string address() const;    ///< "127.0.0.1" or "::1".
  [[nodiscard]] std::string to_string() const;  ///< "127.0.0.1:8080" or "[::1]:8080".

  [[nodiscard]] int family() const { return storage_.ss_family; }
  [[nodiscard]] const sockaddr* data() const;
  [[nodiscard]] sockaddr* data();
  [[nodiscard]] socklen_t size() const;

 private:
  sockaddr_storage storage_{};
};

/// A non-blocking socket that listens. Errors: kUnavailable (in use, not an address of this
/// machine), kPermission; the message names address and port and says what to do.
[[nodiscard]] Result<UniqueFd> listen_on(const Endpoint& endpoint);

/// Switches a socket option on (or to `value`). What the system does not know stays as it was.
void set_option(int fd, int level, int name, int value = 1);

}  // namespace gpuvigil
