// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "net/client_socket.h"
#include "net/http_client.h"
#include "net/websocket_codec.h"

namespace gpuvigil {

/// A blocking WebSocket client: text in, text out. Pings are answered while next() waits.
///
/// Threading: one thread at a time.
class StreamClient {
 public:
  /// Connects and upgrades, for which options.timeout counts. `url` as "ws://...", "https://...".
  ///
  /// Errors: those of http_get(); kUnavailable too when the server refuses the upgrade (the message
  /// has its status and the beginning of its answer).
  [[nodiscard]] static Result<std::unique_ptr<StreamClient>> connect(
      std::string_view url, const HttpClientOptions& options = {});

  /// The next message; nothing when the server has closed the stream in order (1000, 1001, or no
  /// code). Errors: kTimeout (the stream goes on: call again), kIo (connection lost), kUnavailable
  /// (closed for a reason that is told), kCorrupt, kTooLarge.
  [[nodiscard]] Result<std::optional<std::string>> next(Duration timeout);

  /// Errors: kTimeout, kIo.
  [[nodiscard]] Result<void> send(std::string_view text);

 private:
  StreamClient(ClientSocket socket, std::string rest);
  Result<void> send_frame(Opcode opcode, std::string_view payload);
  Result<std::optional<std::string>> on_close(const WebSocketEvent& event);

  ClientSocket socket_;
  WebSocketDecoder decoder_;
  std::string buffer_;      ///< What recv() has read last.
  std::span<char> unread_;  ///< Its part that the decoder has not seen.
  bool is_closed_ = false;
};

}  // namespace gpuvigil
