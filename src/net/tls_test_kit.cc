// SPDX-License-Identifier: Apache-2.0
#include "net/tls_test_kit.h"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "base/assert.h"

namespace gpuvigil::testing {
namespace {

struct Free {
  void operator()(BIO* bio) const { ::BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { ::X509_free(certificate); }
};

std::string text_of(BIO* bio) {
  char* bytes = nullptr;
  const long size = ::BIO_ctrl(bio, BIO_CTRL_INFO, 0, static_cast<void*>(&bytes));
  return {bytes, static_cast<std::size_t>(size)};
}

void add_extension(X509* certificate, int kind, const std::string& value) {
  X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  GPUVIGIL_ASSERT(extension != nullptr);
  ::X509_add_ext(certificate, extension, -1);
  ::X509_EXTENSION_free(extension);
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern = std::filesystem::temp_directory_path() / "gpuvigil-test-XXXXXX";
  GPUVIGIL_ASSERT(::mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_file(const std::string& path, const std::string& text, unsigned mode) {
  const std::string fresh = path + ".new";
  std::ofstream(fresh, std::ios::binary) << text;
  GPUVIGIL_ASSERT(::chmod(fresh.c_str(), static_cast<mode_t>(mode)) == 0);
  std::filesystem::rename(fresh, path);
}

std::string read_text(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

PemPair make_pair(const Wanted& wanted) {
  static std::atomic<long> serial = 1;
  const std::unique_ptr<EVP_PKEY, Free> key(
      wanted.rsa_bits > 0
          ? ::EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(wanted.rsa_bits))
          : ::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  const std::unique_ptr<X509, Free> certificate(::X509_new());
  X509* const raw = certificate.get();
  ::X509_set_version(raw, X509_VERSION_3);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(raw), serial.fetch_add(1));
  constexpr long kDay = 24L * 60 * 60;
  ::X509_gmtime_adj(::X509_getm_notBefore(raw), -100 * kDay);
  ::X509_gmtime_adj(::X509_getm_notAfter(raw), wanted.days * kDay);
  ::X509_set_pubkey(raw, key.get());
  X509_NAME* name = ::X509_get_subject_name(raw);
  const std::string common = wanted.name;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): its text is of another char type.
  const auto* bytes = reinterpret_cast<const unsigned char*>(common.c_str());
  ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, bytes, -1, -1, 0);
  ::X509_set_issuer_name(raw, name);
  add_extension(raw, NID_subject_alt_name, "DNS:" + wanted.name + ",IP:127.0.0.1,IP:::1");
  add_extension(raw, NID_basic_constraints, "critical,CA:TRUE");
  GPUVIGIL_ASSERT(::X509_sign(raw, key.get(), ::EVP_sha256()) > 0);

  const std::unique_ptr<BIO, Free> certificate_text(::BIO_new(::BIO_s_mem()));
  const std::unique_ptr<BIO, Free> key_text(::BIO_new(::BIO_s_mem()));
  ::PEM_write_bio_X509(certificate_text.get(), raw);
  const bool has_password = !wanted.password.empty();
  ::PEM_write_bio_PKCS8PrivateKey(key_text.get(), key.get(),
                                  has_password ? ::EVP_aes_256_cbc() : nullptr,
                                  has_password ? wanted.password.c_str() : nullptr,
                                  static_cast<int>(wanted.password.size()), nullptr, nullptr);
  return {text_of(certificate_text.get()), text_of(key_text.get())};
}

TlsFiles write_pair(const TemporaryFolder& folder, const PemPair& pair) {
  TlsFiles files{.certificate = folder.file("cert.pem"), .key = folder.file("key.pem")};
  write_file(files.certificate, pair.certificate, 0644);
  write_file(files.key, pair.key, 0600);
  return files;
}

const TlsFiles& common_identity() {
  static const TemporaryFolder kFolder;
  static const TlsFiles kFiles = write_pair(kFolder, make_pair());
  return kFiles;
}

bool is_tls_run() {
  return std::getenv("GPUVIGIL_TEST_TLS") != nullptr;
}

}  // namespace gpuvigil::testing
