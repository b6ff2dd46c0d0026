// SPDX-License-Identifier: Apache-2.0
#include "net/socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/assert.h"
#include "base/failpoint.h"

namespace gpuvigil {
namespace {

/// The socket functions take every kind of address as a sockaddr; copying is the way to look in.
template <class Address>
Address view_as(const sockaddr_storage& storage) {
  Address address{};
  static_assert(sizeof(address) <= sizeof(storage));
  std::memcpy(&address, &storage, sizeof(address));
  return address;
}

std::unexpected<Error> cannot_listen(const Endpoint& endpoint, int error) {
  const auto say = [&](Errc code, std::string_view advice) {
    return fail(code, fmt::format("cannot listen on {}: {}; {}", endpoint.to_string(),
                                  std::strerror(error), advice));
  };
  switch (error) {
    case EADDRINUSE:
      return say(Errc::kUnavailable, "stop the other program or take another port");
    case EADDRNOTAVAIL:
      return say(Errc::kUnavailable, "take an address of this machine, such as 127.0.0.1");
    case EACCES:
    case EPERM:
      return say(Errc::kPermission, "take a port of 1024 or higher");
    default:
      return say(Errc::kUnavailable, "take another address or port");
  }
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view address, std::uint16_t port) {
  std::string text(address == "localhost" ? "127.0.0.1" : address);
  if (text.size() > 2 && text.starts_with('[') && text.ends_with(']')) {
    text = text.substr(1, text.size() - 2);
  }
  Endpoint endpoint;
  sockaddr_in v4{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {}, .sin_zero = {}};
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    std::memcpy(&endpoint.storage_, &v4, sizeof(v4));
  } else if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    std::memcpy(&endpoint.storage_, &v6, sizeof(v6));
  } else {
    return fail(Errc::kInvalidArgument,
                fmt::format("'{}' is not an address; write one like 127.0.0.1 or [::1]", address));
  }
  return endpoint;
}

Endpoint Endpoint::local(int fd) {
  Endpoint endpoint;
  socklen_t size = sizeof(endpoint.storage_);
  GPUVIGIL_ASSERT(::getsockname(fd, endpoint.data(), &size) == 0);
  return endpoint;
}

Endpoint::Key Endpoint::key() const {
  Key key{};
  if (family() == AF_INET6) {
    const auto v6 = view_as<sockaddr_in6>(storage_);
    std::memcpy(key.data(), &v6.sin6_addr, key.size());
  } else {
    const auto v4 = view_as<sockaddr_in>(storage_);
    key[10] = key[11] = 0xFF;
    std::memcpy(key.data() + 12, &v4.sin_addr, 4);
  }
  return key;
}

std::uint16_t Endpoint::port() const {
  return ntohs(family() == AF_INET6 ? view_as<sockaddr_in6>(storage_).sin6_port
                                    : view_as<sockaddr_in>(storage_).sin_port);
}

bool Endpoint::is_loopback() const {
  if (family() == AF_INET6) {
    const auto v6 = view_as<sockaddr_in6>(storage_);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == 127);
  }
  return (ntohl(view_as<sockaddr_in>(storage_).sin_addr.s_addr) >> 24U) == 127;
}

std::string Endpoint::address() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family() == AF_INET6) {
    const auto v6 = view_as<sockaddr_in6>(storage_);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  } else {
    const auto v4 = view_as<sockaddr_in>(storage_);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  }
  return text.data();
}

std::string Endpoint::to_string() const {
  if (family() == AF_INET6) return fmt::format("[{}]:{}", address(), port());
  return fmt::format("{}:{}", address(), port());
}

const sockaddr* Endpoint::data() const {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket functions' own way.
  return reinterpret_cast<const sockaddr*>(&storage_);
}

sockaddr* Endpoint::data() {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket functions' own way.
  return reinterpret_cast<sockaddr*>(&storage_);
}

socklen_t Endpoint::size() const {
  return family() == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

Result<UniqueFd> listen_on(const Endpoint& endpoint) {
  UniqueFd fd(::socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return cannot_listen(endpoint, errno);
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  // Accepted sockets inherit it (tcp(7)): answers are whole when they are sent.
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY);
  // And this: a client that does not read must not make the kernel hold megabytes for it.
  set_option(fd.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, 256 * 1024);
  if (endpoint.family() == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  if (failpoint("net.listen")) return cannot_listen(endpoint, EACCES);
  if (::bind(fd.get(), endpoint.data(), endpoint.size()) != 0 ||
      ::listen(fd.get(), SOMAXCONN) != 0) {
    return cannot_listen(endpoint, errno);
  }
  return fd;
}

void set_option(int fd, int level, int name, int value) {
  static_cast<void>(::setsockopt(fd, level, name, &value, sizeof(value)));
}

}  // namespace gpuvigil
