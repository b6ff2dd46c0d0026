// SPDX-License-Identifier: Apache-2.0
#include "net/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/assert.h"

namespace gpuvigil {

void FreeTls::operator()(ssl_ctx_st* context) const {
  ::SSL_CTX_free(context);
}

void FreeTls::operator()(ssl_st* session) const {
  ::SSL_free(session);
}

TlsContext make_tls_context(bool is_server) {
  TlsContext context(::SSL_CTX_new(is_server ? ::TLS_server_method() : ::TLS_client_method()));
  GPUVIGIL_ASSERT(context != nullptr);
  SSL_CTX* const raw = context.get();
  GPUVIGIL_ASSERT(SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION) == 1);
  GPUVIGIL_ASSERT(::SSL_CTX_set_cipher_list(raw, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
  GPUVIGIL_ASSERT(SSL_CTX_set1_groups_list(raw, "X25519:P-256:P-384") == 1);
  ::SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  GPUVIGIL_ASSERT(::SSL_CTX_set_num_tickets(raw, 0) == 1);
  // Partial writes, and of bytes that may have moved: what Transport::send() promises.
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // A record without data ends a read: a peer that sends nothing else must not hold the thread.
  SSL_CTX_clear_mode(raw, SSL_MODE_AUTO_RETRY);
  return context;
}

TlsSession make_tls_session(ssl_ctx_st& context) {
  TlsSession session(::SSL_new(&context));
  if (session == nullptr) {
    ::ERR_clear_error();
  } else if (::SSL_is_server(session.get()) == 1) {
    ::SSL_set_accept_state(session.get());
  } else {
    ::SSL_set_connect_state(session.get());
  }
  return session;
}

std::string take_tls_error() {
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  if (code == 0) return "the other side closed the connection";
  const char* reason = ERR_SYSTEM_ERROR(code) ? nullptr : ::ERR_reason_error_string(code);
  return reason == nullptr ? "the system refused" : reason;
}

std::string describe_handshake_failure(const ssl_st& session) {
  const long verdict = ::SSL_get_verify_result(&session);
  const bool no_tls = ERR_GET_REASON(::ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER;
  const std::string reason = take_tls_error();
  if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH) {
    return "its certificate is for another host";
  }
  if (verdict != X509_V_OK) {
    return fmt::format("its certificate is not trusted: {}; name its authority with --cacert FILE",
                       ::X509_verify_cert_error_string(verdict));
  }
  if (no_tls) return "it does not speak TLS; try http://";
  return fmt::format("no TLS could be agreed on: {}", reason);
}

}  // namespace gpuvigil
