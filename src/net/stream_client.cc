// SPDX-License-Identifier: Apache-2.0
#include "net/stream_client.h"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <openssl/rand.h>

#include "base/assert.h"
#include "base/text.h"
#include "net/client_request.h"
#include "net/handshake.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxMessage = 16 * 1024 * 1024;
constexpr std::size_t kReadBytes = 64 * 1024;
constexpr Duration kSendTime = std::chrono::seconds(10);

}  // namespace

StreamClient::StreamClient(ClientSocket socket, std::string rest)
    : socket_(std::move(socket)),
      decoder_(WebSocketDecoder::Sender::kServer, kMaxMessage),
      buffer_(std::move(rest)),
      unread_(buffer_) {}

Result<std::unique_ptr<StreamClient>> StreamClient::connect(std::string_view url,
                                                            const HttpClientOptions& options) {
  const Deadline deadline(options.timeout);
  GPUVIGIL_TRY(const HttpUrl parsed, parse_url(url));
  const std::string key = make_websocket_key();
  HttpHeaders all = {{"Upgrade", "websocket"},
                     {"Connection", "Upgrade"},
                     {"Sec-WebSocket-Version", "13"},
                     {"Sec-WebSocket-Key", key}};
  all.insert(all.end(), options.headers.begin(), options.headers.end());
  GPUVIGIL_TRY(const std::string request, format_request("GET", parsed, all));
  GPUVIGIL_TRY(ClientSocket socket, ClientSocket::connect(parsed, options.ca_file, deadline));
  GPUVIGIL_CHECK(socket.send(request, deadline));
  ResponseParser parser(kMaxClientHeader, kMaxClientBody);
  GPUVIGIL_CHECK(receive_response(socket, parser, deadline));
  const auto& response = parser.response();
  if (response.status != 101) {
    return fail(Errc::kUnavailable,
                fmt::format("{} does not open the stream: {} {}", parsed.authority(),
                            response.status, clean_text(truncate_utf8(response.body, 300))));
  }
  if (response.header("sec-websocket-accept") != websocket_accept(key)) {
    return fail(Errc::kCorrupt, fmt::format("{} does not speak WebSocket", parsed.authority()));
  }
  return std::unique_ptr<StreamClient>(new StreamClient(std::move(socket), parser.rest()));
}

Result<std::optional<std::string>> StreamClient::next(Duration timeout) {
  const Deadline deadline(timeout);
  using enum WebSocketEvent::Kind;
  for (;;) {
    if (is_closed_) return std::nullopt;
    const auto event = decoder_.next(unread_);
    if (!event) {
      buffer_.resize(kReadBytes);
      GPUVIGIL_TRY(const std::size_t got, socket_.receive(buffer_, deadline));
      if (got == 0) return fail(Errc::kIo, "the connection was lost");
      unread_ = std::span(buffer_).first(got);
      continue;
    }
    switch (event->kind) {
      case kText:
      case kBinary:
        return std::string(event->payload);
      case kPing:
        GPUVIGIL_CHECK(send_frame(Opcode::kPong, event->payload));
        break;
      case kPong:
        break;
      case kClose:
        return on_close(*event);
      case kError:
        return fail(event->code == kCloseTooLarge ? Errc::kTooLarge : Errc::kCorrupt,
                    fmt::format("what the server sent is no WebSocket: {}", event->payload));
    }
  }
}

Result<std::optional<std::string>> StreamClient::on_close(const WebSocketEvent& event) {
  is_closed_ = true;
  const std::string reason = clean_text(event.payload);
  const bool has_code = event.code != kCloseNoStatus;
  // The server waits for this, but if it is gone already the stream is closed all the same.
  static_cast<void>(
      send_frame(Opcode::kClose, has_code ? close_payload(event.code, {}) : std::string()));
  if (!has_code || event.code == kCloseNormal || event.code == kCloseGoingAway) return std::nullopt;
  return fail(Errc::kUnavailable,
              fmt::format("the server closed the stream: {} {}", event.code, reason));
}

Result<void> StreamClient::send(std::string_view text) {
  return send_frame(Opcode::kText, text);
}

Result<void> StreamClient::send_frame(Opcode opcode, std::string_view payload) {
  std::array<std::uint8_t, 4> mask{};
  GPUVIGIL_ASSERT(RAND_bytes(mask.data(), static_cast<int>(mask.size())) == 1);
  return socket_.send(encode_masked_frame(opcode, payload, mask), Deadline(kSendTime));
}

}  // namespace gpuvigil
