// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "net/transport.h"

namespace gpuvigil {

/// An address of something that is served: "http://127.0.0.1:8080/api?limit=1".
struct HttpUrl {
  std::string host;  ///< A name or a number, IPv6 without brackets.
  std::uint16_t port = 80;
  bool is_secure = false;  ///< https or wss.
  std::string target;      ///< Path and query as they are sent; "/" when there is none.

  /// "127.0.0.1:8080", "[::1]:8080".
  [[nodiscard]] std::string authority() const;
};

/// Takes the schemes http, https, ws and wss. Errors: kInvalidArgument, with what is wrong about
/// `text`.
[[nodiscard]] Result<HttpUrl> parse_url(std::string_view text);

/// When a client gives up.
class Deadline {
 public:
  explicit Deadline(Duration from_now) : at_(clock_.now() + from_now) {}
  /// Never negative.
  [[nodiscard]] Duration left() const { return clock_.until(at_); }

 private:
  SystemClock clock_;
  Timestamp at_;
};

/// A connection to a server, with TLS where its address says so. Its calls block, but never beyond
/// a deadline.
class ClientSocket {
 public:
  /// Tries every address of the host. `ca_file` as make_client_session() takes it.
  /// Errors: kUnavailable ("cannot connect to ..."), kTimeout, and those of make_client_session().
  [[nodiscard]] static Result<ClientSocket> connect(const HttpUrl& url, const std::string& ca_file,
                                                    const Deadline& deadline);

  /// Errors: kTimeout, kIo.
  [[nodiscard]] Result<void> send(std::string_view bytes, const Deadline& deadline);

  /// At least one byte into `into`, which has room for Transport::kRecord; 0 when the server has
  /// closed. Errors: kTimeout, kIo.
  [[nodiscard]] Result<std::size_t> receive(std::span<char> into, const Deadline& deadline);

 private:
  ClientSocket(Transport transport, std::string authority)
      : transport_(std::move(transport)), authority_(std::move(authority)) {}

  Transport transport_;
  std::string authority_;  ///< For messages.
};

}  // namespace gpuvigil
