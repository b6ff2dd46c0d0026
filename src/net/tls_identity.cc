// SPDX-License-Identifier: Apache-2.0
#include "net/tls_identity.h"

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/secret.h"
#include "base/unique_fd.h"
#include "net/ascii.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxPem = 1024 * 1024;

struct FreePem {
  void operator()(BIO* bio) const { ::BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { ::X509_free(certificate); }
};
using Bio = std::unique_ptr<BIO, FreePem>;
using Key = std::unique_ptr<EVP_PKEY, FreePem>;
using Certificate = std::unique_ptr<X509, FreePem>;

std::unexpected<Error> cannot_read(std::string_view what, const std::string& path, int error) {
  const Errc code = error == ENOENT                     ? Errc::kNotFound
                    : error == EACCES || error == EPERM ? Errc::kPermission
                                                        : Errc::kIo;
  return fail(code,
              fmt::format("cannot read the TLS {} '{}': {}", what, path, std::strerror(error)));
}

/// The whole file. Symbolic links are followed: that is how certificates are usually exchanged.
Result<Secret> read_pem(std::string_view what, const std::string& path, bool is_private) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return cannot_read(what, path, errno);
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return cannot_read(what, path, errno);
  if (!S_ISREG(status.st_mode) || static_cast<std::size_t>(status.st_size) > kMaxPem) {
    return fail(
        Errc::kInvalidArgument,
        fmt::format("the TLS {} '{}' is no regular file of at most {} bytes", what, path, kMaxPem));
  }
  if (is_private && (status.st_mode & S_IRWXO) != 0) {
    return fail(Errc::kPermission,
                fmt::format("the TLS {} '{}' is open to other users: run  chmod o= '{}'", what,
                            path, path));
  }
  std::string text(kMaxPem, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot_read(what, path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return Secret(std::move(text));
}

Bio view(const Secret& pem) {
  return Bio(::BIO_new_mem_buf(pem.reveal().data(), static_cast<int>(pem.reveal().size())));
}

/// Instead of a question on the terminal, which is what OpenSSL asks otherwise.
int no_password(char*, int, int, void* was_asked) {
  *static_cast<bool*>(was_asked) = true;
  return -1;
}

Result<void> use_certificates(SSL_CTX* context, const TlsFiles& files) {
  GPUVIGIL_TRY(const Secret pem, read_pem("certificate", files.certificate, false));
  const Bio bio = view(pem);
  bool was_asked = false;
  const Certificate own(::PEM_read_bio_X509_AUX(bio.get(), nullptr, no_password, &was_asked));
  if (own == nullptr) {
    ::ERR_clear_error();
    return fail(Errc::kInvalidArgument,
                fmt::format("'{}' holds no certificate in PEM form", files.certificate));
  }
  if (::SSL_CTX_use_certificate(context, own.get()) != 1) {
    return fail(Errc::kInvalidArgument, fmt::format("the TLS certificate '{}' cannot be used: {}",
                                                    files.certificate, take_tls_error()));
  }
  if (::X509_cmp_current_time(::X509_get0_notAfter(own.get())) < 0) {
    log(LogLevel::kWarn, "tls.certificate_expired", {kv("file", files.certificate)});
  }
  while (const auto between =
             Certificate(::PEM_read_bio_X509(bio.get(), nullptr, no_password, &was_asked))) {
    if (SSL_CTX_add1_chain_cert(context, between.get()) != 1) {
      return fail(Errc::kInvalidArgument, fmt::format("a certificate of '{}' cannot be used: {}",
                                                      files.certificate, take_tls_error()));
    }
  }
  const bool at_end = ERR_GET_REASON(::ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ::ERR_clear_error();
  if (at_end) return {};
  return fail(Errc::kInvalidArgument,
              fmt::format("'{}' is damaged behind its first certificate", files.certificate));
}

Result<void> use_key(SSL_CTX* context, const TlsFiles& files) {
  GPUVIGIL_TRY(const Secret pem, read_pem("key", files.key, true));
  const Bio bio = view(pem);
  bool was_asked = false;
  const Key key(::PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, &was_asked));
  ::ERR_clear_error();
  if (key == nullptr && was_asked) {
    return fail(Errc::kInvalidArgument,
                fmt::format("the TLS key '{0}' is encrypted: write it without a password, with  "
                            "openssl pkey -in '{0}'",
                            files.key));
  }
  if (key == nullptr) {
    return fail(Errc::kInvalidArgument,
                fmt::format("'{}' holds no private key in PEM form", files.key));
  }
  // The first compares it with a certificate of its kind, the second misses one of its kind.
  if (::SSL_CTX_use_PrivateKey(context, key.get()) == 1 &&
      ::SSL_CTX_check_private_key(context) == 1) {
    return {};
  }
  const unsigned long error = ::ERR_peek_error();
  const bool is_other =
      ERR_GET_LIB(error) == ERR_LIB_X509 || ERR_GET_REASON(error) == SSL_R_NO_CERTIFICATE_ASSIGNED;
  const std::string reason = take_tls_error();
  if (is_other) {
    return fail(Errc::kInvalidArgument,
                fmt::format("the TLS key '{}' does not belong to the certificate '{}'", files.key,
                            files.certificate));
  }
  return fail(Errc::kInvalidArgument,
              fmt::format("the TLS key '{}' cannot be used: {}", files.key, reason));
}

/// Nothing but HTTP/1.1 is spoken here; who can only speak something else is told so at once
/// (RFC 7301, 3.2).
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  static constexpr std::string_view kOurs = "http/1.1";
  for (unsigned at = 0; at < offered_size; at += 1U + offered[at]) {
    const unsigned size = offered[at];
    if (size != kOurs.size() || std::memcmp(offered + at + 1, kOurs.data(), size) != 0) continue;
    *out = offered + at + 1;
    *out_size = static_cast<unsigned char>(size);
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

Result<TlsContext> load(const TlsFiles& files) {
  TlsContext context = make_tls_context(true);
  GPUVIGIL_CHECK(use_certificates(context.get(), files));
  GPUVIGIL_CHECK(use_key(context.get(), files));
  ::SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  return context;
}

}  // namespace

TlsIdentity::TlsIdentity(TlsFiles files, const Stamps& stamps, TlsContext context)
    : files_(std::move(files)), stamps_(stamps), context_(std::move(context)) {}

Result<std::unique_ptr<TlsIdentity>> TlsIdentity::open(TlsFiles files) {
  const Stamps stamps = stamps_of(files);  // first: what changes meanwhile is noticed later
  GPUVIGIL_TRY(TlsContext context, load(files));
  return std::unique_ptr<TlsIdentity>(
      new TlsIdentity(std::move(files), stamps, std::move(context)));
}

TlsIdentity::Stamp TlsIdentity::stamp_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {};
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  // The time of the inode's change: it moves with every write, and with the mode and the owner too.
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = status.st_size,
          .changed_ns = status.st_ctim.tv_sec * kNanoseconds + status.st_ctim.tv_nsec};
}

TlsIdentity::Stamps TlsIdentity::stamps_of(const TlsFiles& files) {
  return {stamp_of(files.certificate), stamp_of(files.key)};
}

void TlsIdentity::refresh() {
  const Stamps stamps = stamps_of(files_);
  if (stamps == stamps_) return;
  stamps_ = stamps;
  auto context = load(files_);
  if (!context) {
    log(LogLevel::kError, "tls.reload_failed",
        {kv("why", context.error().message), kv("then", "the old certificate stays")});
    return;
  }
  context_ = *std::move(context);
  log(LogLevel::kInfo, "tls.reloaded", {kv("certificate", files_.certificate)});
}

}  // namespace gpuvigil
