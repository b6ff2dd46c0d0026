// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "net/tls.h"

namespace gpuvigil {

/// The client's side of a connection to `host` (a name or a number), which must show a certificate
/// for it from an authority of `ca_file` (PEM); empty: from one that this system trusts.
///
/// Errors: kNotFound, kInvalidArgument for a `ca_file` that cannot be read or holds no certificate.
[[nodiscard]] Result<TlsSession> make_client_session(const std::string& host,
                                                     const std::string& ca_file);

}  // namespace gpuvigil
