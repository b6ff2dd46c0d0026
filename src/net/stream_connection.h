// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/server_core.h"
#include "net/websocket_codec.h"

namespace gpuvigil {

/// An accepted connection after its upgrade to WebSocket.
///
/// What is sent waits here only while the client does not take it: the message that has been begun,
/// the newest one after it, a pong and a few answers. Closing: our close frame goes out behind
/// what was begun; when the client's is there too, or has not come in time, the socket is closed.
class StreamConnection final : public Connection, public StreamPeer {
 public:
  /// Not open yet: what the application sends already waits until begin().
  StreamConnection(ServerCore& core, const Endpoint::Key& peer);
  ~StreamConnection() override;

  void take_over(Transport transport, std::unique_ptr<StreamSession> session);

  /// Accepts the upgrade with that 101 response. `bytes` came behind the request. Requires
  /// take_over() and that the core has adopted this connection.
  void begin(std::string response, std::string_view bytes);

  // For the application.
  void send(std::shared_ptr<const std::string> framed) override;
  void answer(std::string_view text) override;
  void close(std::uint16_t code, std::string_view reason) override;
  [[nodiscard]] std::uint64_t dropped() const override { return dropped_; }

  // For the server.
  void on_ready(std::uint32_t events) override;
  void on_tick(Timestamp now) override;
  void on_stop() override;
  void on_again() override;

 private:
  using Framed = std::shared_ptr<const std::string>;

  void read();
  void on_bytes(std::span<char> bytes);
  void on_event(const WebSocketEvent& event);
  void on_text(std::string_view text);
  /// Sends what waits, as far as the socket takes it.
  void flush();
  /// Moves the next thing to send into current_; false when nothing waits.
  bool take_next();
  void set_blocked(bool blocked);
  /// Both close frames have been exchanged: ends our side, then waits for the client's end.
  void finish();
  /// Behind what was begun, and nothing after it.
  void begin_close(std::uint16_t code, std::string_view reason);
  [[nodiscard]] bool accepts_messages() const {
    return !is_retired() && !is_closing_ && !is_finished_;
  }

  // First what every message and every tick looks at: there may be ten thousand of these.
  Framed current_;  ///< Begun; at_ bytes of it are out.
  std::size_t at_ = 0;
  Framed pong_;
  std::string answers_;  ///< Frames, oldest first.
  Framed newest_;
  Framed close_frame_;
  std::uint64_t dropped_ = 0;
  Timestamp last_heard_;
  Timestamp last_ping_;
  Timestamp deadline_;  ///< While blocked: from when the client is stuck. While closing: for good.
  bool is_open_ = false;
  bool is_blocked_ = false;   ///< The socket takes nothing more at the moment.
  bool is_closing_ = false;   ///< close_frame_ was made (and perhaps sent).
  bool was_closed_ = false;   ///< The client's close frame, or its last valid one, is there.
  bool is_finished_ = false;  ///< Our side is shut down.
  WebSocketDecoder decoder_;
  std::unique_ptr<StreamSession> session_;  ///< Last, so that it dies first: it knows us.
};

}  // namespace gpuvigil
