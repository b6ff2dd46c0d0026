// SPDX-License-Identifier: Apache-2.0
#include "net/client_request.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include <fmt/format.h>

namespace gpuvigil {
namespace {

bool is_field_text(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F; });
}

}  // namespace

Result<std::string> format_request(std::string_view method, const HttpUrl& url,
                                   const HttpHeaders& headers) {
  std::string out =
      fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", method, url.target, url.authority());
  for (const auto& [name, value] : headers) {
    if (name.empty() || !is_field_text(name) || !is_field_text(value)) {
      return fail(Errc::kInvalidArgument, "a header holds a control character");
    }
    fmt::format_to(std::back_inserter(out), "{}: {}\r\n", name, value);
  }
  out += "\r\n";
  return out;
}

Result<void> receive_response(ClientSocket& socket, ResponseParser& parser,
                              const Deadline& deadline) {
  std::vector<char> buffer(32 * 1024);
  while (!parser.is_done()) {
    GPUVIGIL_TRY(const std::size_t got, socket.receive(buffer, deadline));
    if (got == 0) return parser.end();
    GPUVIGIL_CHECK(parser.feed({buffer.data(), got}));
  }
  return {};
}

}  // namespace gpuvigil
