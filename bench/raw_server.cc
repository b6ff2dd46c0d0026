// SPDX-License-Identifier: Apache-2.0
//
// The floors under the server: what the system calls alone cost, without any understanding of what
// is asked. Not servers anybody could use.
//
//   raw_server http FILE      answers every read with the bytes of FILE
//   raw_server stream BYTES   answers the first read of a connection with 101; once a second sends
//                             everyone the same frame with a payload of so many bytes
//
// Says "port N" once it serves; ends when its standard input does.
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "stream_message.h"

namespace gpuvigil {
namespace {

constexpr std::uint64_t kListener = ~0ULL;
constexpr std::uint64_t kInput = ~1ULL;
constexpr std::uint64_t kTimer = ~2ULL;

void watch(int epoll, int fd, std::uint64_t data) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = data}};
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) std::abort();
}

int listen_on_any_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr generic{};
  static_assert(sizeof(generic) == sizeof(address));
  std::memcpy(&generic, &address, sizeof(address));
  socklen_t size = sizeof(generic);
  if (::bind(fd, &generic, size) != 0 || ::listen(fd, SOMAXCONN) != 0 ||
      ::getsockname(fd, &generic, &size) != 0) {
    std::abort();
  }
  std::memcpy(&address, &generic, sizeof(address));
  std::printf("port %u\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return fd;
}

/// A timer for every whole second.
int second_timer() {
  const int fd = ::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const itimerspec when{.it_interval = {.tv_sec = 1, .tv_nsec = 0},
                        .it_value = {.tv_sec = now.tv_sec + 1, .tv_nsec = 0}};
  if (::timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, nullptr) != 0) std::abort();
  return fd;
}

class RawServer {
 public:
  /// Every read is answered with `reply`; with `message_bytes` everyone is told once a second.
  RawServer(std::string reply, std::size_t message_bytes)
      : reply_(std::move(reply)), message_bytes_(message_bytes) {}

  void run() {
    watch(epoll_, listener_, kListener);
    watch(epoll_, STDIN_FILENO, kInput);
    if (message_bytes_ > 0) watch(epoll_, timer_ = second_timer(), kTimer);
    std::array<epoll_event, 256> events{};
    while (!is_over_) {
      const int count = ::epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) on_ready(events[static_cast<std::size_t>(i)].data.u64);
    }
  }

 private:
  void on_ready(std::uint64_t who) {
    if (who == kListener) return accept_all();
    if (who == kTimer) return broadcast();
    if (who == kInput) {
      is_over_ = true;
      return;
    }
    const int fd = static_cast<int>(who);
    const ssize_t got = ::recv(fd, buffer_.data(), buffer_.size(), 0);
    if (got > 0) {
      if (message_bytes_ > 0) connections_.push_back(fd);  // whose one request this is
      // A reply that does not fit into the socket's buffer is cut short: choose a shorter one.
      if (::send(fd, reply_.data(), reply_.size(), MSG_NOSIGNAL) > 0) return;
    } else if (got < 0 && errno == EAGAIN) {
      return;
    }
    std::erase(connections_, fd);
    ::close(fd);
  }

  void accept_all() {
    int fd = 0;
    while ((fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
      watch(epoll_, fd, static_cast<std::uint64_t>(fd));
    }
  }

  void broadcast() {
    std::uint64_t times = 0;
    if (::read(timer_, &times, sizeof(times)) < 0) return;
    const std::string frame = stream_frame(stream_payload(message_bytes_));
    for (const int fd : connections_) ::send(fd, frame.data(), frame.size(), MSG_NOSIGNAL);
  }

  const int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  const int listener_ = listen_on_any_port();
  int timer_ = -1;
  std::string reply_;
  std::size_t message_bytes_;
  std::vector<int> connections_;
  std::array<char, 16 * 1024> buffer_{};
  bool is_over_ = false;
};

}  // namespace
}  // namespace gpuvigil

int main(int argc, char** argv) {
  const std::string_view mode = argc == 3 ? argv[1] : "";
  if (mode == "http") {
    std::ifstream file(argv[2], std::ios::binary);
    gpuvigil::RawServer({std::istreambuf_iterator<char>(file), {}}, 0).run();
  } else if (mode == "stream") {
    gpuvigil::RawServer(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        std::strtoul(argv[2], nullptr, 10))
        .run();
  } else {
    std::fprintf(stderr, "usage: raw_server http FILE | stream BYTES\n");
    return 2;
  }
}
