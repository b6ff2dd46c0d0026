// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/// What the clients of the server's benchmarks share. They are programs for measuring: whatever
/// goes wrong ends them with a sentence, and no figure is printed.
namespace gpuvigil::load {

[[noreturn]] inline void die(std::string_view what) {
  std::fprintf(stderr, "load: %.*s: %s\n", static_cast<int>(what.size()), what.data(),
               std::strerror(errno));
  std::exit(1);
}

inline std::int64_t clock_ns(clockid_t clock) {
  timespec at{};
  clock_gettime(clock, &at);
  return at.tv_sec * 1'000'000'000LL + at.tv_nsec;
}
inline std::int64_t now_ns() {
  return clock_ns(CLOCK_MONOTONIC);
}

inline void pin_to(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(core), &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) die("cannot pin to a core");
}

/// CPU time that tasks have had so far, from their /proc/PID/task/TID/schedstat: exact nanoseconds,
/// where everything else counts in ticks.
inline std::int64_t cpu_ns(const std::vector<std::string>& schedstats) {
  std::int64_t sum = 0;
  for (const std::string& path : schedstats) {
    std::FILE* file = std::fopen(path.c_str(), "re");
    if (file == nullptr) die(path);
    std::int64_t used = 0;
    if (std::fscanf(file, "%ld", &used) != 1) die(path);
    std::fclose(file);
    sum += used;
  }
  return sum;
}

inline int connect_to(int port, int flags = 0) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (fd < 0) die("socket");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr generic{};
  static_assert(sizeof(generic) == sizeof(address));
  std::memcpy(&generic, &address, sizeof(address));
  if (::connect(fd, &generic, sizeof(generic)) != 0 && errno != EINPROGRESS) die("connect");
  return fd;
}

/// The value at ceil(q * n), as the server's own percentiles are.
inline std::int64_t percentile(std::vector<std::int64_t>& values, double q) {
  if (values.empty()) return 0;
  const auto rank = static_cast<std::size_t>(q * static_cast<double>(values.size()));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::min(rank, values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

/// "--name value" pairs; a name may come several times.
class Arguments {
 public:
  Arguments(int argc, char** argv) {
    if (argc % 2 == 0) die("every option takes a value");
    for (int i = 1; i + 1 < argc; i += 2) given_.emplace(argv[i], argv[i + 1]);
  }
  [[nodiscard]] std::vector<std::string> all(const std::string& name) const {
    std::vector<std::string> found;
    for (auto [at, end] = given_.equal_range(name); at != end; ++at) found.push_back(at->second);
    return found;
  }
  [[nodiscard]] std::string text(const std::string& name, const std::string& fallback = {}) const {
    const auto at = given_.find(name);
    return at == given_.end() ? fallback : at->second;
  }
  [[nodiscard]] long number(const std::string& name, long fallback) const {
    const auto at = given_.find(name);
    return at == given_.end() ? fallback : std::strtol(at->second.c_str(), nullptr, 10);
  }

 private:
  std::multimap<std::string, std::string> given_;
};

}  // namespace gpuvigil::load
