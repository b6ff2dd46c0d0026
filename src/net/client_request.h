// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "net/client_socket.h"
#include "net/http_client.h"
#include "net/response_parser.h"

namespace gpuvigil {

inline constexpr std::size_t kMaxClientHeader = 64 * 1024;

/// The bytes of a request, all before its body. Errors: kInvalidArgument for a header with a
/// control character.
[[nodiscard]] Result<std::string> format_request(std::string_view method, const HttpUrl& url,
                                                 const HttpHeaders& headers);

/// Reads from `socket` until `parser` is done. Errors: those of both.
[[nodiscard]] Result<void> receive_response(ClientSocket& socket, ResponseParser& parser,
                                            const Deadline& deadline);

}  // namespace gpuvigil
