// SPDX-License-Identifier: Apache-2.0
#include "net/mutator.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace gpuvigil::testing {
namespace {

using namespace std::string_view_literals;

/// What parsers of requests stumble over.
constexpr std::array kWords = {
    "\r\n"sv,
    "\r\n\r\n"sv,
    "\n"sv,
    "\r"sv,
    "\0"sv,
    " "sv,
    "\t"sv,
    ":"sv,
    ","sv,
    ";"sv,
    "\""sv,
    "%"sv,
    "%00"sv,
    "%0d%0a"sv,
    "?"sv,
    "#"sv,
    "/"sv,
    "//"sv,
    "/../"sv,
    "\x7F"sv,
    "\xFF"sv,
    "\xC0\xAF"sv,
    "HTTP/1.1"sv,
    "HTTP/1.0"sv,
    "HTTP/2.0"sv,
    "GET "sv,
    "POST "sv,
    "HEAD "sv,
    "Host: localhost\r\n"sv,
    "Host: evil\r\n"sv,
    "Content-Length: 5\r\n"sv,
    "Content-Length: 0\r\n"sv,
    "Content-Length: -1\r\n"sv,
    "Content-Length: 99999999999999999999\r\n"sv,
    "Transfer-Encoding: chunked\r\n"sv,
    "Transfer-Encoding: gzip\r\n"sv,
    "Connection: close\r\n"sv,
    "Connection: keep-alive\r\n"sv,
    "Connection: Upgrade\r\n"sv,
    "Upgrade: websocket\r\n"sv,
    "Expect: 100-continue\r\n"sv,
    "Origin: null\r\n"sv,
    "0\r\n\r\n"sv,
    "5\r\nabcde\r\n"sv,
    "ffffffffffffffff\r\n"sv,
    "1;x=\"\r\n"sv,
    "\x81\x85\x01\x02\x03\x04"sv,
    "\x88\x80\x00\x00\x00\x00"sv,
    "\x16\x03\x01"sv,
};

constexpr std::size_t kMaxRun = 3000;

}  // namespace

const std::vector<std::string>& good_requests() {
  static const std::vector<std::string> kRequests = {
      "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET /echo?a=b&c=%41+d HTTP/1.1\r\nHost: localhost:8080\r\nAccept: */*\r\n\r\n",
      "HEAD /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n",
      "GET /shared HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: W/\"abc\"\r\n"
      "Accept-Encoding: br, gzip;q=0.5\r\n\r\n",
      "GET http://localhost/echo HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabcde",
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5;x=y\r\nabcde\r\n1\r\nf\r\n0\r\nT: v\r\n\r\n",
      "PUT /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
      "OPTIONS /echo HTTP/1.1\r\nHost: [::1]:80\r\nOrigin: http://[::1]:80\r\n\r\n",
      "GET /stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
      "\x81\x85\x01\x02\x03\x04igohn\x88\x82\x01\x02\x03\x04\x02\xEA",
  };
  return kRequests;
}

std::size_t Mutator::below(std::size_t end) {
  state_ += 0x9E3779B97F4A7C15U;  // SplitMix64
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
  return (mixed ^ (mixed >> 31U)) % end;
}

void Mutator::change(std::string& wire) {
  const std::size_t at = below(wire.size() + 1);
  const std::size_t count = std::min(1 + below(8), wire.size() - at);
  switch (below(8)) {
    case 0:
      if (at < wire.size()) wire[at] = static_cast<char>(below(256));
      return;
    case 1:
      if (at < wire.size()) {
        const unsigned bit = 1U << below(8);
        wire[at] = static_cast<char>(static_cast<unsigned char>(wire[at]) ^ bit);
      }
      return;
    case 2:
      wire.erase(at, count);
      return;
    case 3:
      wire.insert(at, wire.substr(at, count));
      return;
    case 4:
    case 5:
      wire.insert(at, kWords[below(kWords.size())]);
      return;
    case 6:
      wire.resize(at);
      return;
    default:
      wire.insert(at, below(kMaxRun), static_cast<char>("aA0 \t\0\xFF;"[below(8)]));
      return;
  }
}

std::string Mutator::next() {
  const auto& good = good_requests();
  std::string wire = good[below(good.size())];
  if (below(4) == 0) wire += good[below(good.size())];
  const std::size_t changes = 1 + below(4);
  for (std::size_t i = 0; i < changes && !wire.empty(); ++i) change(wire);
  return wire;
}

}  // namespace gpuvigil::testing
