// SPDX-License-Identifier: Apache-2.0
#include "net/tls_client.h"

#include <array>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "base/file.h"

namespace gpuvigil {
namespace {

Result<void> trust(SSL_CTX* context, const std::string& ca_file) {
  if (ca_file.empty()) {
    GPUVIGIL_ASSERT(::SSL_CTX_set_default_verify_paths(context) == 1);
    return {};
  }
  GPUVIGIL_CHECK(FileSource::open(ca_file));
  if (::SSL_CTX_load_verify_file(context, ca_file.c_str()) == 1) return {};
  ::ERR_clear_error();
  return fail(Errc::kInvalidArgument,
              fmt::format("'{}' holds no certificate in PEM form", ca_file));
}

bool is_number(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

/// Of whom we want to see the certificate, where one address has several servers (RFC 6066, 3).
bool name_server(SSL* session, std::string host) {
  return ::SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    host.data()) == 1;
}

}  // namespace

Result<TlsSession> make_client_session(const std::string& host, const std::string& ca_file) {
  const TlsContext context = make_tls_context(false);
  GPUVIGIL_CHECK(trust(context.get(), ca_file));
  ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  TlsSession session = make_tls_session(*context);
  GPUVIGIL_ASSERT(session != nullptr);
  SSL* const raw = session.get();
  if (is_number(host)) {
    GPUVIGIL_ASSERT(::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(raw), host.c_str()) == 1);
  } else if (::SSL_set1_host(raw, host.c_str()) != 1 || !name_server(raw, host)) {
    ::ERR_clear_error();
    return fail(Errc::kInvalidArgument, fmt::format("'{}' is no name of a host", host));
  }
  static constexpr std::array<unsigned char, 9> kProtocols = {8,   'h', 't', 't', 'p',
                                                              '/', '1', '.', '1'};
  GPUVIGIL_ASSERT(::SSL_set_alpn_protos(raw, kProtocols.data(), kProtocols.size()) == 0);
  return session;
}

}  // namespace gpuvigil
