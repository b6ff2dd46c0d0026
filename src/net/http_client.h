// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/response_parser.h"

namespace gpuvigil {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// An answer may be as large as this; its header 64 KiB.
inline constexpr std::size_t kMaxClientBody = 64 * 1024 * 1024;

struct HttpClientOptions {
  Duration timeout = std::chrono::seconds(5);  ///< For all of it, the answer included.
  HttpHeaders headers = {};
  std::string ca_file = {};  ///< PEM; whom to trust with https. Empty: whom this system trusts.
};

/// GETs `url` ("http://127.0.0.1:8080/path?query") on a connection of its own and waits for the
/// whole answer. An answer of any status is a success. Redirects are not followed.
///
/// Errors: kInvalidArgument (the URL or a header), kUnavailable (nobody listens, or who does is not
/// trusted; the message helps), kNotFound (the ca_file), kTimeout, kIo, kCorrupt (what came is no
/// HTTP), kTooLarge.
[[nodiscard]] Result<ClientResponse> http_get(std::string_view url,
                                              const HttpClientOptions& options = {});

/// The same with another method, a literal, and a body of JSON; an empty body is none.
[[nodiscard]] Result<ClientResponse> http_send(std::string_view method, std::string_view url,
                                               std::string_view json,
                                               const HttpClientOptions& options = {});

}  // namespace gpuvigil
