// SPDX-License-Identifier: Apache-2.0
#include "net/client_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "net/ascii.h"
#include "net/socket.h"
#include "net/tls_client.h"

namespace gpuvigil {
namespace {

/// What strerror() says, to stand in the middle of a sentence.
std::string describe(int error) {
  std::string text = std::strerror(error);
  if (!text.empty()) text[0] = to_lower(text[0]);
  return text;
}

/// True when `fd` is ready for `events` (or broken), false when the deadline came first.
bool wait_for(int fd, short events, const Deadline& deadline) {
  for (;;) {
    pollfd entry{.fd = fd, .events = events, .revents = 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.left());
    const auto wait = static_cast<int>(std::min<std::int64_t>(left.count(), 60'000));
    const int ready = ::poll(&entry, 1, wait);
    if (ready > 0) return true;
    if (deadline.left() == Duration::zero()) return false;
  }
}

/// The connected socket, or why not as an errno.
std::expected<UniqueFd, int> connect_one(const addrinfo& address, const Deadline& deadline) {
  UniqueFd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return std::unexpected(errno);
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return std::unexpected(errno);
    if (!wait_for(fd.get(), POLLOUT, deadline)) return std::unexpected(ETIMEDOUT);
    int error = 0;
    socklen_t size = sizeof(error);
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) return std::unexpected(error);
  }
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY);
  return fd;
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) {
    return fail(Errc::kInvalidArgument, "its port is not a number from 1 to 65535");
  }
  return port;
}

/// How addresses of servers begin.
struct Scheme {
  std::string_view text;
  bool is_secure;
};
constexpr std::array<Scheme, 4> kSchemes = {
    {{"http://", false}, {"ws://", false}, {"https://", true}, {"wss://", true}}};
constexpr std::uint16_t kHttpsPort = 443;

Result<HttpUrl> parse_rest(std::string_view rest, bool is_secure) {
  HttpUrl url;
  url.is_secure = is_secure;
  if (is_secure) url.port = kHttpsPort;
  const std::size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, slash);
  url.target = rest.substr(slash);
  if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
  const bool sendable = std::ranges::all_of(url.target, [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7F && c != '#';
  });
  if (!sendable) return fail(Errc::kInvalidArgument, "its path holds a space, '#' or worse");
  if (authority.starts_with('[') && authority.find(']') != std::string_view::npos) {
    url.host = authority.substr(1, authority.find(']') - 1);
    authority.remove_prefix(authority.find(']') + 1);
  } else {
    url.host = authority.substr(0, authority.find(':'));
    authority.remove_prefix(url.host.size());
  }
  if (url.host.empty()) return fail(Errc::kInvalidArgument, "it names no host");
  if (url.host.find_first_of(" \t\r\n@\\\"<>") != std::string::npos) {
    return fail(Errc::kInvalidArgument, "its host is no name and no address");
  }
  if (authority.empty()) return url;
  if (authority.front() != ':') return fail(Errc::kInvalidArgument, "its host is no address");
  GPUVIGIL_TRY(url.port, parse_port(authority.substr(1)));
  return url;
}

/// A socket that is connected to one of the host's addresses.
Result<UniqueFd> connect_any(const HttpUrl& url, const Deadline& deadline) {
  const std::string authority = url.authority();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int status =
      ::getaddrinfo(url.host.c_str(), std::to_string(url.port).c_str(), &hints, &list);
  if (status != 0) {
    return fail(Errc::kUnavailable,
                fmt::format("cannot connect to {}: {}", authority, ::gai_strerror(status)));
  }
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(list);
  int error = EADDRNOTAVAIL;
  for (const addrinfo* address = list; address != nullptr; address = address->ai_next) {
    auto fd = connect_one(*address, deadline);
    if (fd) return std::move(*fd);
    // Of several addresses the first says most: that of localhost is the one people mean.
    if (address == list || error == EADDRNOTAVAIL) error = fd.error();
  }
  if (error == ETIMEDOUT) {
    return fail(Errc::kTimeout, fmt::format("cannot connect to {}: no answer in time", authority));
  }
  return fail(Errc::kUnavailable,
              fmt::format("cannot connect to {}: {}; is `gpuvigil serve` running?", authority,
                          describe(error)));
}

Result<void> shake_hands(Transport& transport, const std::string& authority,
                         const Deadline& deadline) {
  for (;;) {
    const auto outcome = transport.shake_hands();
    const bool wants_room = outcome == Transport::Handshake::kWantsWrite;
    if (outcome == Transport::Handshake::kDone) return {};
    if (outcome == Transport::Handshake::kFailed || outcome == Transport::Handshake::kPlainHttp) {
      return fail(Errc::kUnavailable,
                  fmt::format("cannot connect to {}: {}", authority, transport.describe_failure()));
    }
    if (!wait_for(transport.fd(), wants_room ? POLLOUT : POLLIN, deadline)) {
      return fail(Errc::kTimeout,
                  fmt::format("cannot connect to {}: no TLS handshake in time", authority));
    }
  }
}

}  // namespace

std::string HttpUrl::authority() const {
  if (host.find(':') != std::string::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

Result<HttpUrl> parse_url(std::string_view text) {
  for (const auto& [scheme, is_secure] : kSchemes) {
    if (!equals_ignoring_case(text.substr(0, scheme.size()), scheme)) continue;
    auto url = parse_rest(text.substr(scheme.size()), is_secure);
    if (url) return url;
    return fail(url.error().code,
                fmt::format("'{}' is no address of a server: {}", text, url.error().message));
  }
  return fail(Errc::kInvalidArgument,
              fmt::format("'{}' is no address of a server: write http://HOST:PORT", text));
}

Result<ClientSocket> ClientSocket::connect(const HttpUrl& url, const std::string& ca_file,
                                           const Deadline& deadline) {
  TlsSession session;
  if (url.is_secure) {
    GPUVIGIL_TRY(session, make_client_session(url.host, ca_file));
  }
  GPUVIGIL_TRY(UniqueFd fd, connect_any(url, deadline));
  if (!url.is_secure) return ClientSocket(Transport(std::move(fd)), url.authority());
  Transport transport(std::move(fd), std::move(session));
  GPUVIGIL_CHECK(shake_hands(transport, url.authority(), deadline));
  return ClientSocket(std::move(transport), url.authority());
}

Result<void> ClientSocket::send(std::string_view bytes, const Deadline& deadline) {
  while (!bytes.empty()) {
    const auto sent = transport_.send(bytes);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN && errno != EINTR) {
      return fail(Errc::kIo, fmt::format("cannot send to {}: {}", authority_, describe(errno)));
    } else if (!wait_for(transport_.fd(), POLLOUT, deadline)) {
      return fail(Errc::kTimeout, fmt::format("{} did not take the request in time", authority_));
    }
  }
  return {};
}

Result<std::size_t> ClientSocket::receive(std::span<char> into, const Deadline& deadline) {
  for (;;) {
    const auto got = transport_.receive(into);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EAGAIN && errno != EINTR) {
      return fail(Errc::kIo,
                  fmt::format("lost the connection to {}: {}", authority_, describe(errno)));
    }
    if (!wait_for(transport_.fd(), POLLIN, deadline)) {
      return fail(Errc::kTimeout, fmt::format("{} did not answer in time", authority_));
    }
  }
}

}  // namespace gpuvigil
