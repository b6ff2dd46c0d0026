// SPDX-License-Identifier: Apache-2.0
#include "net/handshake.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/assert.h"
#include "net/ascii.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kKeyLength = 24;  // 16 bytes in base 64

template <std::size_t kSize>
std::string to_base64(const std::array<unsigned char, kSize>& bytes) {
  std::array<unsigned char, (kSize + 2) / 3 * 4 + 1> text{};
  const int length = EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(kSize));
  return {text.begin(), text.begin() + length};
}

bool is_key(std::string_view key) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return key.size() == kKeyLength && key.ends_with("==") &&
         key.find_first_not_of(kAlphabet) == kKeyLength - 2;
}

}  // namespace

bool asks_for_websocket(const HttpRequest& request) {
  return list_has(request.header("upgrade"), "websocket") &&
         list_has(request.header("connection"), "upgrade");
}

std::variant<std::string, Refusal> check_handshake(const HttpRequest& request) {
  if (request.method != Method::kGet) return Refusal{400, "an upgrade begins with GET"};
  if (!request.body.empty()) return Refusal{400, "an upgrade has no body"};
  if (request.header("sec-websocket-version") != "13") {
    return Refusal{426, "version 13 of WebSocket is spoken here"};
  }
  const auto key = request.header("sec-websocket-key");
  if (!is_key(key)) return Refusal{400, "Sec-WebSocket-Key is not 16 bytes in base 64"};
  return websocket_accept(key);
}

std::string format_upgrade(std::string_view accept, std::string_view subprotocol) {
  GPUVIGIL_ASSERT(std::ranges::none_of(
      subprotocol, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }));
  std::string out = fmt::format(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: {}\r\n",
      accept);
  if (!subprotocol.empty()) {
    fmt::format_to(std::back_inserter(out), "Sec-WebSocket-Protocol: {}\r\n", subprotocol);
  }
  out += "\r\n";
  return out;
}

std::string websocket_accept(std::string_view key) {
  constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455, 1.3
  const std::string text = std::string(key).append(kGuid);
  std::array<unsigned char, 20> digest{};
  const int ok = EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
  GPUVIGIL_ASSERT(ok == 1);
  return to_base64(digest);
}

std::string make_websocket_key() {
  std::array<unsigned char, 16> bytes{};
  GPUVIGIL_ASSERT(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  return to_base64(bytes);
}

}  // namespace gpuvigil
