// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "net/handshake.h"
#include "net/host_rules.h"
#include "net/request_parser.h"
#include "net/response_parser.h"

namespace gpuvigil {
namespace {

constexpr RequestLimits kLimits = {.header_bytes = 1024, .header_fields = 32, .body_bytes = 4096};

/// What a connection serves of the bytes that it reads `step` at a time, a line a request, so that
/// two ways of cutting can be compared.
std::string serve(std::string_view wire, std::size_t step) {
  HostRules hosts({"gpu.example"});
  std::string outcome;
  std::string waiting;
  auto parser = std::make_unique<RequestParser>(kLimits);
  while (!wire.empty() || !waiting.empty()) {
    const std::size_t taken = std::min(step, wire.size());
    waiting += wire.substr(0, taken);
    wire.remove_prefix(taken);
    for (;;) {
      waiting.erase(0, parser->feed(waiting));
      if (parser->state() == RequestParser::State::kRefused) return outcome;
      if (parser->state() != RequestParser::State::kDone) break;
      const HttpRequest& request = parser->request();
      GPUVIGIL_ASSERT(request.path.starts_with('/'));
      GPUVIGIL_ASSERT(request.body.size() <= kLimits.body_bytes);
      GPUVIGIL_ASSERT(request.headers.size() <= kLimits.header_fields);
      static_cast<void>(hosts.allows(request.header("host")));
      if (asks_for_websocket(request)) static_cast<void>(check_handshake(request));
      outcome += request.path + '|' + request.body + '\n';
      parser = std::make_unique<RequestParser>(kLimits);
      if (waiting.empty()) break;
    }
    GPUVIGIL_ASSERT(waiting.size() < kLimits.header_bytes + step);
    if (wire.empty()) break;
  }
  return outcome;
}

void read_response(std::string_view wire, std::size_t step) {
  ResponseParser parser(1024, 4096);
  while (!wire.empty() && !parser.is_done()) {
    if (!parser.feed(wire.substr(0, step))) return;
    wire.remove_prefix(std::min(step, wire.size()));
  }
  if (!parser.is_done()) static_cast<void>(parser.end());
}

}  // namespace
}  // namespace gpuvigil

/// The first byte says how the rest is cut. However it is cut, the same requests are served; but
/// chunk headers and trailers beyond the limit may pass where they come in one piece.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = 1 + data[0] % 64;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes as text.
  const std::string_view wire(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::string cut = gpuvigil::serve(wire, step);
  const std::string whole = gpuvigil::serve(wire, wire.size() + 1);
  GPUVIGIL_ASSERT(cut == whole || wire.size() > gpuvigil::kLimits.header_bytes);
  gpuvigil::read_response(wire, step);
  return 0;
}
