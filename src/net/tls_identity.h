// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/tls.h"

namespace gpuvigil {

/// Where a server's certificate and key are, in PEM form.
struct TlsFiles {
  std::string certificate;  ///< Its own first, then those of the authorities in between.
  std::string key;          ///< Not encrypted; no other user may read it.
};

/// What a server shows its clients: a certificate and the key that belongs to it.
///
/// Threading: one thread at a time.
class TlsIdentity {
 public:
  /// Errors: kNotFound, kPermission (also for a key that other users can read), kInvalidArgument
  /// (no PEM, a key that does not belong to the certificate, too weak); the message names the file
  /// and what to do.
  [[nodiscard]] static Result<std::unique_ptr<TlsIdentity>> open(TlsFiles files);

  /// The server's side of a new connection; null when there is no memory.
  [[nodiscard]] TlsSession make_session() const { return make_tls_session(*context_); }

  /// Reads the files again if they have changed since they were last looked at. What is no good is
  /// logged, once, and the old identity stays. Connections keep the one that they began with.
  void refresh();

 private:
  /// What tells one version of a file from the next.
  struct Stamp {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  using Stamps = std::array<Stamp, 2>;

  TlsIdentity(TlsFiles files, const Stamps& stamps, TlsContext context);
  static Stamp stamp_of(const std::string& path);
  static Stamps stamps_of(const TlsFiles& files);

  const TlsFiles files_;
  Stamps stamps_;  ///< Of the files that were tried last.
  TlsContext context_;
};

}  // namespace gpuvigil
