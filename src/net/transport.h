// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <sys/socket.h>
#include <sys/types.h>

#include "base/unique_fd.h"
#include "net/tls.h"

namespace gpuvigil {

/// A connected, non-blocking socket that carries bytes as they are or inside TLS.
///
/// Threading: one thread at a time. Nothing blocks and nothing raises SIGPIPE. After the handshake
/// reading waits for the socket to be readable and writing for it to be writable, never the other
/// way round, because renegotiation is off.
class Transport {
 public:
  Transport() = default;
  explicit Transport(UniqueFd fd) : fd_(std::move(fd)) {}
  /// Speaks TLS, once shake_hands() has said kDone. `session` knows which side it is.
  Transport(UniqueFd fd, TlsSession session);
  ~Transport() { close(); }
  Transport(Transport&&) noexcept = default;
  Transport& operator=(Transport&& other) noexcept;

  /// Says goodbye, where that is the custom and nothing is half sent, and closes.
  void close();

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool is_secure() const { return tls_ != nullptr; }

  enum class Handshake {
    kDone,
    kWantsRead,   ///< Call again when there is something to read,
    kWantsWrite,  ///< or when it takes more.
    kPlainHttp,   ///< The other side does not know of TLS. This is a plain transport from now on.
    kFailed,      ///< describe_failure() says why, until the next call.
  };
  [[nodiscard]] Handshake shake_hands();
  [[nodiscard]] std::string describe_failure() const { return describe_handshake_failure(*tls_); }

  /// Like recv(2): how many bytes came, 0 at the end, negative with errno. Never waits for a second
  /// time for bytes that have come already, if `into` holds kRecord bytes; those of TLS require it.
  [[nodiscard]] ssize_t receive(std::span<char> into) {
    if (tls_ == nullptr) [[likely]] {
      return ::recv(fd_.get(), into.data(), into.size(), 0);
    }
    return receive_tls(into);
  }
  static constexpr std::size_t kRecord = 16 * 1024;

  /// Like sendmsg(2): how many bytes of both together are on their way, fewer than all when there
  /// is no room, negative with errno. Requires that bytes which were not taken come first the next
  /// time, at least as many of them.
  [[nodiscard]] ssize_t send(std::string_view head, std::string_view body = {}) {
    if (tls_ == nullptr) [[likely]]
      return send_plain(head, body);
    return send_tls(head, body);
  }

  /// Nothing is sent after this; the other side reads the end.
  void end_sending();

  /// Throws away what comes. Returns like recv(2).
  [[nodiscard]] ssize_t discard(std::span<char> scratch) {
    return ::recv(fd_.get(), scratch.data(), scratch.size(), 0);
  }

 private:
  [[nodiscard]] ssize_t send_plain(std::string_view head, std::string_view body) const;
  [[nodiscard]] ssize_t receive_tls(std::span<char> into);
  [[nodiscard]] ssize_t send_tls(std::string_view head, std::string_view body);
  /// One record at most. Returns like send(2).
  [[nodiscard]] ssize_t write_record(std::string_view bytes);
  void say_goodbye();

  UniqueFd fd_;
  TlsSession tls_;          ///< Null: plain.
  bool is_broken_ = false;  ///< TLS has failed or not begun: nothing more can be said in it.
};

/// True when the last call on a transport failed only because it would have had to wait.
[[nodiscard]] bool would_block();

}  // namespace gpuvigil
