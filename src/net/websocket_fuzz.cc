// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "base/assert.h"
#include "net/utf8.h"
#include "net/websocket_codec.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kLimit = 2000;

std::string decode(WebSocketDecoder::Sender sender, std::string wire, std::size_t step) {
  WebSocketDecoder decoder(sender, kLimit);
  std::string outcome;
  for (std::size_t at = 0; at < wire.size(); at += step) {
    auto piece = std::span(wire).subspan(at, std::min(step, wire.size() - at));
    while (const auto event = decoder.next(piece)) {
      GPUVIGIL_ASSERT(event->payload.size() <= kLimit);
      if (event->kind == WebSocketEvent::Kind::kText) GPUVIGIL_ASSERT(is_utf8(event->payload));
      outcome +=
          fmt::format("{} {} {}\n", static_cast<int>(event->kind), event->code, event->payload);
    }
    GPUVIGIL_ASSERT(piece.empty());
  }
  return outcome;
}

}  // namespace
}  // namespace gpuvigil

/// The first byte says who sends and how the rest is cut. However it is cut, it means the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using gpuvigil::WebSocketDecoder;
  if (size == 0) return 0;
  const std::size_t step = 1 + data[0] % 64;
  const auto sender = (data[0] & 0x80U) != 0 ? WebSocketDecoder::Sender::kServer
                                             : WebSocketDecoder::Sender::kClient;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes as text.
  const std::string wire(reinterpret_cast<const char*>(data + 1), size - 1);
  GPUVIGIL_ASSERT(gpuvigil::decode(sender, wire, step) ==
                  gpuvigil::decode(sender, wire, wire.size() + 1));
  return 0;
}
