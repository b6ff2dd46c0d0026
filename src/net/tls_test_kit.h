// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "net/tls_identity.h"

namespace gpuvigil::testing {

/// A folder for one test, gone with this object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Replaces a file in one step, as whoever renews certificates does.
void write_file(const std::string& path, const std::string& text, unsigned mode);
[[nodiscard]] std::string read_text(const std::string& path);

struct PemPair {
  std::string certificate;
  std::string key;
};

/// What a made certificate says.
struct Wanted {
  std::string name = "localhost";  ///< Beside 127.0.0.1 and ::1.
  int days = 30;                   ///< Negative: expired.
  int rsa_bits = 0;                ///< 0: an elliptic curve.
  std::string password = {};       ///< Of the key.
};

/// A new certificate that signs itself. Each has another serial number.
[[nodiscard]] PemPair make_pair(const Wanted& wanted = {});

/// Writes a pair where a server finds it: cert.pem and key.pem in that folder.
TlsFiles write_pair(const TemporaryFolder& folder, const PemPair& pair);

/// The identity of all servers of this program that were not given one; made at the first call.
[[nodiscard]] const TlsFiles& common_identity();

/// True when this run is to test everything over TLS: GPUVIGIL_TEST_TLS is set.
[[nodiscard]] bool is_tls_run();

}  // namespace gpuvigil::testing
