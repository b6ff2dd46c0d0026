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

/// GETs `url` ("http://127.0.0.1:8080/path?query") on a connection of its own and waits for the
/// whole answer, at most `timeout` in all. An answer of any status is a success. Redirects are not
/// followed.
///
/// Errors: kInvalidArgument (the URL or a header), kUnavailable (nobody listens; the message says
/// so in a way that helps), kTimeout, kIo, kCorrupt (what came is no HTTP), kTooLarge.
[[nodiscard]] Result<ClientResponse> http_get(std::string_view url, Duration timeout,
                                              const HttpHeaders& headers = {});

}  // namespace gpuvigil
