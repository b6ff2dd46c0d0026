// SPDX-License-Identifier: Apache-2.0
#include "outbound/address_policy.h"

#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

namespace gpuvigil {
namespace {

AddressKind kind_of(const std::string& text) {
  sockaddr_storage storage{};
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    std::memcpy(&storage, &v4, sizeof(v4));
  } else {
    EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr), 1) << text;
    v6.sin6_family = AF_INET6;
    std::memcpy(&storage, &v6, sizeof(v6));
  }
  const auto* const address = reinterpret_cast<const sockaddr*>(&storage);
  return classify_address(address, sizeof(storage));
}

TEST(AddressKind, IsWhatTheRegistriesSay) {
  const auto is = [](AddressKind want, const std::string& text) {
    EXPECT_EQ(kind_of(text), want) << text;
  };
  is(AddressKind::kPublic, "8.8.8.8");
  is(AddressKind::kPublic, "11.0.0.0");
  is(AddressKind::kPublic, "172.15.255.255");
  is(AddressKind::kPublic, "172.32.0.0");
  is(AddressKind::kPublic, "100.63.255.255");
  is(AddressKind::kPublic, "100.128.0.0");
  is(AddressKind::kPublic, "223.255.255.255");
  is(AddressKind::kPublic, "2606:4700::1111");
  is(AddressKind::kLoopback, "127.0.0.1");
  is(AddressKind::kLoopback, "127.255.0.9");
  is(AddressKind::kLoopback, "::1");
  is(AddressKind::kPrivate, "10.255.255.255");
  is(AddressKind::kPrivate, "172.16.0.0");
  is(AddressKind::kPrivate, "172.31.255.255");
  is(AddressKind::kPrivate, "192.168.1.1");
  is(AddressKind::kPrivate, "100.64.0.1");
  is(AddressKind::kPrivate, "fd12::1");
  is(AddressKind::kPrivate, "fc00::");
  is(AddressKind::kLinkLocal, "169.254.169.254");
  is(AddressKind::kLinkLocal, "fe80::1");
  is(AddressKind::kLinkLocal, "febf::1");
  is(AddressKind::kReserved, "0.0.0.0");
  is(AddressKind::kReserved, "224.0.0.1");
  is(AddressKind::kReserved, "255.255.255.255");
  is(AddressKind::kReserved, "::");
  is(AddressKind::kReserved, "ff02::1");
  is(AddressKind::kReserved, "2001:db8::1");
  is(AddressKind::kReserved, "2001:0:7f00:1::");
  is(AddressKind::kReserved, "fec0::1");
}

TEST(AddressKind, LooksThroughIpv6AtTheIpv4AddressInside) {
  EXPECT_EQ(kind_of("::ffff:127.0.0.1"), AddressKind::kLoopback);
  EXPECT_EQ(kind_of("::ffff:8.8.8.8"), AddressKind::kPublic);
  EXPECT_EQ(kind_of("::ffff:169.254.169.254"), AddressKind::kLinkLocal);
  EXPECT_EQ(kind_of("::10.0.0.1"), AddressKind::kPrivate);
  EXPECT_EQ(kind_of("64:ff9b::10.0.0.1"), AddressKind::kPrivate);
  EXPECT_EQ(kind_of("2002:7f00:1::"), AddressKind::kLoopback);
}

TEST(AddressKind, OfWhatIsNoAddressOfTheInternetIsReserved) {
  sockaddr_storage storage{};
  storage.ss_family = AF_UNIX;
  const auto* const address = reinterpret_cast<const sockaddr*>(&storage);
  EXPECT_EQ(classify_address(address, sizeof(storage)), AddressKind::kReserved);
  storage.ss_family = AF_INET;
  EXPECT_EQ(classify_address(address, 4), AddressKind::kReserved);  // cut short
  EXPECT_EQ(address_text(address, 4), "");
}

TEST(AddressPolicy, AllowsPublicAddressesAndWhatItNames) {
  const AddressPolicy strict;
  EXPECT_TRUE(strict.allows(AddressKind::kPublic));
  for (const AddressKind kind : {AddressKind::kLoopback, AddressKind::kPrivate,
                                 AddressKind::kLinkLocal, AddressKind::kReserved}) {
    EXPECT_FALSE(strict.allows(kind)) << to_string(kind);
  }
  const AddressPolicy all{.loopback = true, .private_networks = true, .link_local = true};
  EXPECT_TRUE(all.allows(AddressKind::kLoopback));
  EXPECT_TRUE(all.allows(AddressKind::kPrivate));
  EXPECT_TRUE(all.allows(AddressKind::kLinkLocal));
  EXPECT_FALSE(all.allows(AddressKind::kReserved));
}

}  // namespace
}  // namespace gpuvigil
