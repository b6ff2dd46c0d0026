// SPDX-License-Identifier: Apache-2.0
#include "outbound/address_policy.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace gpuvigil {
namespace {

using V4 = std::array<std::uint8_t, 4>;
using V6 = std::array<std::uint8_t, 16>;

template <std::size_t N>
struct Range {
  std::array<std::uint8_t, N> first;
  unsigned bits;
  AddressKind kind;
};

constexpr auto kLoopback = AddressKind::kLoopback;
constexpr auto kPrivate = AddressKind::kPrivate;
constexpr auto kLinkLocal = AddressKind::kLinkLocal;
constexpr auto kReserved = AddressKind::kReserved;

constexpr std::array kRangesV4 = {
    Range<4>{{0, 0, 0, 0}, 8, kReserved},  // "this host": Linux connects it to itself
    Range<4>{{10, 0, 0, 0}, 8, kPrivate},
    Range<4>{{100, 64, 0, 0}, 10, kPrivate},
    Range<4>{{127, 0, 0, 0}, 8, kLoopback},
    Range<4>{{169, 254, 0, 0}, 16, kLinkLocal},
    Range<4>{{172, 16, 0, 0}, 12, kPrivate},
    Range<4>{{192, 0, 0, 0}, 24, kReserved},
    Range<4>{{192, 0, 2, 0}, 24, kReserved},
    Range<4>{{192, 168, 0, 0}, 16, kPrivate},
    Range<4>{{198, 18, 0, 0}, 15, kReserved},
    Range<4>{{198, 51, 100, 0}, 24, kReserved},
    Range<4>{{203, 0, 113, 0}, 24, kReserved},
    Range<4>{{224, 0, 0, 0}, 3, kReserved},  // multicast, future use, broadcast
};

constexpr std::array kRangesV6 = {
    Range<16>{{0xfc}, 7, kPrivate}, Range<16>{{0xfe, 0x80}, 10, kLinkLocal},
    Range<16>{{0x20, 0x01, 0x0d, 0xb8}, 32, kReserved},  // documentation
    Range<16>{{0x20, 0x01, 0x00}, 23, kReserved},        // protocols: Teredo hides an IPv4 address
};

template <std::size_t N>
bool in_range(const std::array<std::uint8_t, N>& address, const Range<N>& range) {
  const std::size_t whole = range.bits / 8;
  if (!std::equal(address.begin(), address.begin() + whole, range.first.begin())) return false;
  const unsigned rest = range.bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xFFU << (8 - rest));
  return (address[whole] & mask) == (range.first[whole] & mask);
}

template <std::size_t N, std::size_t Rows>
AddressKind look_up(const std::array<std::uint8_t, N>& address,
                    const std::array<Range<N>, Rows>& ranges, AddressKind otherwise) {
  for (const Range<N>& range : ranges) {
    if (in_range(address, range)) return range.kind;
  }
  return otherwise;
}

V4 four_at(const V6& address, std::size_t offset) {
  V4 inside{};
  std::copy_n(address.begin() + static_cast<std::ptrdiff_t>(offset), 4, inside.begin());
  return inside;
}

AddressKind classify(const V4& address) {
  return look_up(address, kRangesV4, AddressKind::kPublic);
}

AddressKind classify(const V6& address) {
  const auto starts_with = [&](std::initializer_list<std::uint8_t> head) {
    return std::equal(head.begin(), head.end(), address.begin());
  };
  if (address == V6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}) return kLoopback;
  if (starts_with({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}) ||     // mapped
      starts_with({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) ||           // compatible; :: is 0.0.0.0
      starts_with({0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0})) {  // NAT64
    return classify(four_at(address, 12));
  }
  if (starts_with({0x20, 0x02})) return classify(four_at(address, 2));  // 6to4
  // Only 2000::/3 has been given to anybody.
  const auto otherwise = (address[0] & 0xE0U) == 0x20U ? AddressKind::kPublic : kReserved;
  return look_up(address, kRangesV6, otherwise);
}

/// The structure may stand at any address: it is copied, never cast.
template <class Address>
bool copy_from(const sockaddr* address, socklen_t size, Address& out) {
  if (size < sizeof(out)) return false;
  std::memcpy(&out, address, sizeof(out));
  return true;
}

}  // namespace

std::string_view to_string(AddressKind kind) {
  switch (kind) {
    case AddressKind::kPublic:
      return "public";
    case AddressKind::kLoopback:
      return "loopback";
    case AddressKind::kPrivate:
      return "private";
    case AddressKind::kLinkLocal:
      return "link-local";
    case AddressKind::kReserved:
      return "reserved";
  }
  return "reserved";
}

AddressKind classify_address(const sockaddr* address, socklen_t size) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (address->sa_family == AF_INET && copy_from(address, size, v4)) {
    V4 bytes{};
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return classify(bytes);
  }
  if (address->sa_family == AF_INET6 && copy_from(address, size, v6)) {
    V6 bytes{};
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return classify(bytes);
  }
  return AddressKind::kReserved;
}

std::string address_text(const sockaddr* address, socklen_t size) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (address->sa_family == AF_INET && copy_from(address, size, v4)) {
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  } else if (address->sa_family == AF_INET6 && copy_from(address, size, v6)) {
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  }
  return text.data();
}

}  // namespace gpuvigil
