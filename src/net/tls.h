// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

struct ssl_ctx_st;
struct ssl_st;

namespace gpuvigil {

struct FreeTls {
  void operator()(ssl_ctx_st* context) const;
  void operator()(ssl_st* session) const;
};

/// What all connections of one kind share (an SSL_CTX): certificates, trust, what may be spoken.
using TlsContext = std::unique_ptr<ssl_ctx_st, FreeTls>;

/// One connection's part of TLS (an SSL). It keeps alive what it needs of its context.
using TlsSession = std::unique_ptr<ssl_st, FreeTls>;

/// A context with what both sides of ours want: TLS 1.2 or 1.3 with forward secrecy and an AEAD, no
/// compression, no renegotiation, no resumption; buffers only while they are needed. Never null.
///
/// No resumption, because keys of tickets live as long as a server: who takes them reads what was
/// sent before. A handshake costs about 0.1 ms with a key on an elliptic curve, 0.4 ms with RSA.
[[nodiscard]] TlsContext make_tls_context(bool is_server);

/// A new session of that context, for the side that it was made for; null when there is no memory.
[[nodiscard]] TlsSession make_tls_session(ssl_ctx_st& context);

/// What OpenSSL says of this thread's first failure since the last call, as a clause without a full
/// stop. Forgets all of them.
[[nodiscard]] std::string take_tls_error();

/// Why the handshake of that session has just failed, in words that help a client: who is not
/// trusted and why, or what else went wrong. Forgets all of this thread's failures.
[[nodiscard]] std::string describe_handshake_failure(const ssl_st& session);

}  // namespace gpuvigil
