// SPDX-License-Identifier: Apache-2.0
#include "apps/machine_names.h"

#include <array>
#include <memory>

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gpuvigil {

std::vector<std::string> machine_names() {
  std::vector<std::string> names;
  std::array<char, 256> text{};
  if (::gethostname(text.data(), text.size() - 1) == 0 && text[0] != '\0') {
    names.emplace_back(text.data());
  }
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return names;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const int family = one->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (::getnameinfo(one->ifa_addr, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) ==
        0) {
      const std::string address(text.data());
      names.push_back(address.substr(0, address.find('%')));
    }
  }
  return names;
}

}  // namespace gpuvigil
