// SPDX-License-Identifier: Apache-2.0
#include "net/transport.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/uio.h>

#include "base/assert.h"

namespace gpuvigil {
namespace {

/// So much is sent in one go; a client on the same machine could take for ever as fast as we give.
constexpr std::size_t kMaxTurn = 256 * 1024;

int fd_of(BIO* bio) {
  // The descriptor itself is kept where OpenSSL has room for a pointer.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  return static_cast<int>(reinterpret_cast<std::intptr_t>(::BIO_get_data(bio)));
}

int write_socket(BIO* bio, const char* bytes, int count) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = ::send(fd_of(bio), bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL);
  if (sent < 0 && would_block()) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int read_socket(BIO* bio, char* into, int count) {
  BIO_clear_retry_flags(bio);
  const ssize_t got = ::recv(fd_of(bio), into, static_cast<std::size_t>(count), 0);
  if (got < 0 && would_block()) BIO_set_retry_read(bio);
  if (got == 0) ::BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(got);
}

long control_socket(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return ::BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return 0;
}

int begin_socket(BIO* bio) {
  ::BIO_set_init(bio, 1);
  return 1;
}

/// A socket as OpenSSL sees it. Its own kind writes without MSG_NOSIGNAL.
BIO_METHOD* socket_method() {
  static BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method = ::BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gpuvigil");
    GPUVIGIL_ASSERT(method != nullptr);
    ::BIO_meth_set_write(method, write_socket);
    ::BIO_meth_set_read(method, read_socket);
    ::BIO_meth_set_ctrl(method, control_socket);
    ::BIO_meth_set_create(method, begin_socket);
    return method;
  }();
  return kMethod;
}

}  // namespace

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

Transport::Transport(UniqueFd fd, TlsSession session)
    : fd_(std::move(fd)), tls_(std::move(session)), is_broken_(true) {
  GPUVIGIL_ASSERT(tls_ != nullptr);
  BIO* bio = ::BIO_new(socket_method());
  GPUVIGIL_ASSERT(bio != nullptr);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): see fd_of().
  ::BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd_.get())));
  ::SSL_set_bio(tls_.get(), bio, bio);
}

Transport& Transport::operator=(Transport&& other) noexcept {
  if (this == &other) return *this;
  close();
  fd_ = std::move(other.fd_);
  tls_ = std::move(other.tls_);
  is_broken_ = other.is_broken_;
  return *this;
}

void Transport::close() {
  if (tls_ != nullptr) say_goodbye();
  tls_.reset();
  fd_.reset();
}

Transport::Handshake Transport::shake_hands() {
  ::ERR_clear_error();
  const int result = ::SSL_do_handshake(tls_.get());
  if (result == 1) {
    is_broken_ = false;
    return Handshake::kDone;
  }
  switch (::SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Handshake::kWantsRead;
    case SSL_ERROR_WANT_WRITE:
      return Handshake::kWantsWrite;
    default:
      break;
  }
  const unsigned long error = ::ERR_peek_error();
  if (ERR_GET_LIB(error) != ERR_LIB_SSL || ERR_GET_REASON(error) != SSL_R_HTTP_REQUEST) {
    return Handshake::kFailed;
  }
  ::ERR_clear_error();
  tls_.reset();
  return Handshake::kPlainHttp;
}

ssize_t Transport::send_plain(std::string_view head, std::string_view body) const {
  if (body.empty()) return ::send(fd_.get(), head.data(), head.size(), MSG_NOSIGNAL);
  // sendmsg() only reads, but its type serves recvmsg() too.
  // NOLINTBEGIN(cppcoreguidelines-pro-type-const-cast)
  std::array<iovec, 2> parts{iovec{const_cast<char*>(head.data()), head.size()},
                             iovec{const_cast<char*>(body.data()), body.size()}};
  // NOLINTEND(cppcoreguidelines-pro-type-const-cast)
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
}

ssize_t Transport::receive_tls(std::span<char> into) {
  // What does not fit would wait inside of OpenSSL, where nobody looks until the socket stirs.
  GPUVIGIL_ASSERT(into.size() >= kRecord);
  ::ERR_clear_error();
  std::size_t got = 0;
  if (::SSL_read_ex(tls_.get(), into.data(), into.size(), &got) == 1) {
    return static_cast<ssize_t>(got);
  }
  switch (::SSL_get_error(tls_.get(), 0)) {
    case SSL_ERROR_WANT_READ:
      errno = EAGAIN;
      return -1;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    default:
      is_broken_ = true;
      errno = ECONNRESET;
      return -1;
  }
}

ssize_t Transport::send_tls(std::string_view head, std::string_view body) {
  std::array<char, kRecord> joined;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
  const std::size_t size = head.size() + body.size();
  std::size_t sent = 0;
  while (sent < std::min(size, kMaxTurn)) {
    std::string_view piece =
        sent < head.size() ? head.substr(sent) : body.substr(sent - head.size());
    if (sent < head.size() && piece.size() < kRecord && !body.empty()) {
      // The end of the head and the beginning of the body go into one record.
      const std::size_t of_body = std::min(body.size(), kRecord - piece.size());
      std::ranges::copy(piece, joined.begin());
      std::ranges::copy(body.substr(0, of_body),
                        joined.begin() + static_cast<std::ptrdiff_t>(piece.size()));
      piece = {joined.data(), piece.size() + of_body};
    }
    const ssize_t taken = write_record(piece.substr(0, kRecord));
    if (taken < 0) return sent > 0 ? static_cast<ssize_t>(sent) : taken;
    sent += static_cast<std::size_t>(taken);
  }
  return static_cast<ssize_t>(sent);
}

ssize_t Transport::write_record(std::string_view bytes) {
  ::ERR_clear_error();
  std::size_t taken = 0;
  if (::SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &taken) == 1) {
    return static_cast<ssize_t>(taken);
  }
  if (::SSL_get_error(tls_.get(), 0) == SSL_ERROR_WANT_WRITE) {
    errno = EAGAIN;
    return -1;
  }
  is_broken_ = true;
  errno = ECONNRESET;
  return -1;
}

void Transport::say_goodbye() {
  // Not after a failure, not twice, and not into the middle of a record that was begun.
  const bool was_said = (::SSL_get_shutdown(tls_.get()) & SSL_SENT_SHUTDOWN) != 0;
  if (is_broken_ || was_said || SSL_want_write(tls_.get())) return;
  ::ERR_clear_error();
  static_cast<void>(::SSL_shutdown(tls_.get()));
  ::ERR_clear_error();
}

void Transport::end_sending() {
  if (tls_ != nullptr) say_goodbye();
  ::shutdown(fd_.get(), SHUT_WR);
}

}  // namespace gpuvigil
