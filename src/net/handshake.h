// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "net/http.h"
#include "net/request_parser.h"

namespace gpuvigil {

/// True for a request that wants to go on as WebSocket (RFC 6455, 4.1), well formed or not.
[[nodiscard]] bool asks_for_websocket(const HttpRequest& request);

/// The value for Sec-WebSocket-Accept, or why the request cannot be upgraded: another version
/// (426), anything malformed (400).
[[nodiscard]] std::variant<std::string, Refusal> check_handshake(const HttpRequest& request);

/// The 101 that accepts an upgrade. `subprotocol` may be empty and holds no control characters.
[[nodiscard]] std::string format_upgrade(std::string_view accept, std::string_view subprotocol);

/// What proves that the server has understood Sec-WebSocket-Key (RFC 6455, 4.2.2).
[[nodiscard]] std::string websocket_accept(std::string_view key);

/// Sixteen random bytes in base 64, for a client.
[[nodiscard]] std::string make_websocket_key();

}  // namespace gpuvigil
