// SPDX-License-Identifier: Apache-2.0
//
// Many WebSocket clients in one process that only listen, and what they cost the server.
//
//   stream_load --port N --clients N [--path /a] [--seconds N] [--core N] [--pid N]
//               [--header "Name: value"] [--schedstat FILE]...
//
//   --schedstat  of the server's tasks whose CPU time is counted
//   --pid        the server, whose resident memory is compared before and after
//
// Prints one line of JSON: the CPU time of the server for each delivered message, its resident
// bytes and CPU time for each connection, and how late messages were: from the time that is written
// in them to when they had been read here. Counting begins and ends between two messages.
#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>

#include <sys/epoll.h>

#include "load_kit.h"

namespace gpuvigil::load {
namespace {

constexpr std::size_t kAtOnce = 64;  ///< Handshakes under way: none is refused for a full backlog.
constexpr int kQuietMs = 150;        ///< Without a message: nobody is being told anything.

std::int64_t resident_bytes(const std::string& pid) {
  if (pid.empty()) return 0;
  std::ifstream statm("/proc/" + pid + "/statm");
  std::int64_t total = 0;
  std::int64_t resident = 0;
  statm >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

/// `"timestamp":"2026-01-02T03:04:05.678123456Z"` as nanoseconds since the epoch; 0 without one.
std::int64_t timestamp_in(std::string_view message) {
  constexpr std::string_view kKey = "\"timestamp\":\"";
  const auto at = message.find(kKey);
  if (at == std::string_view::npos || message.size() < at + kKey.size() + 30) return 0;
  const char* text = message.data() + at + kKey.size();
  const auto number = [&](int from, int digits) {
    int value = 0;
    std::from_chars(text + from, text + from + digits, value);
    return value;
  };
  tm parts{};
  parts.tm_year = number(0, 4) - 1900;
  parts.tm_mon = number(5, 2) - 1;
  parts.tm_mday = number(8, 2);
  parts.tm_hour = number(11, 2);
  parts.tm_min = number(14, 2);
  parts.tm_sec = number(17, 2);
  std::int64_t ns = 0;
  int digits = 0;
  for (const char* c = text + 20; *c >= '0' && *c <= '9' && digits < 9; ++c, ++digits) {
    ns = ns * 10 + (*c - '0');
  }
  for (; digits < 9; ++digits) ns *= 10;
  return timegm(&parts) * 1'000'000'000LL + ns;
}

class Clients {
 public:
  explicit Clients(const Arguments& given) : port_(static_cast<int>(given.number("--port", 0))) {
    upgrade_ = "GET " + given.text("--path", "/") +
               " HTTP/1.1\r\nHost: 127.0.0.1:" + given.text("--port") +
               "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (const std::string& header : given.all("--header")) upgrade_ += header + "\r\n";
    upgrade_ += "\r\n";
  }

  /// Opens `count` streams.
  void open(std::size_t count) {
    while (accepted_ < count) {
      while (connections_.size() < count && connections_.size() < accepted_ + kAtOnce) {
        const int fd = connect_to(port_);
        const linger reset{.l_onoff = 1, .l_linger = 0};  // leave nothing behind in TIME_WAIT
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        if (::send(fd, upgrade_.data(), upgrade_.size(), MSG_NOSIGNAL) < 0) die("send");
        epoll_event event{.events = EPOLLIN,
                          .data = {.u32 = static_cast<std::uint32_t>(connections_.size())}};
        if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
        connections_.push_back({.fd = fd, .rest = {}, .is_open = false});
      }
      if (!turn(10'000)) die("a handshake was not answered");
    }
  }

  /// Reads until nothing has come for a while; then how many whole messages there were.
  std::size_t read_until_quiet(std::int64_t give_up_at) {
    while (now_ns() < give_up_at && turn(kQuietMs)) {
    }
    return messages_;
  }

  /// Waits for the next message, at most `seconds`.
  void wait_for_message(int seconds) {
    const std::size_t before = messages_;
    while (messages_ == before) {
      if (!turn(seconds * 1000)) die("no message came");
    }
  }

  [[nodiscard]] std::size_t messages() const { return messages_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::vector<std::int64_t>& lateness() { return lateness_; }
  void begin_counting() { lateness_.clear(); }

 private:
  struct Connection {
    int fd;
    std::string rest;  ///< The beginning of a frame whose end has not come; nearly always empty.
    bool is_open;
  };

  /// One round of epoll; false when nothing came in time.
  bool turn(int milliseconds) {
    std::array<epoll_event, 256> events{};
    const int ready = ::epoll_wait(epoll_, events.data(), events.size(), milliseconds);
    for (int i = 0; i < ready; ++i)
      read(connections_[events[static_cast<std::size_t>(i)].data.u32]);
    return ready > 0;
  }

  void read(Connection& connection) {
    const ssize_t got = ::recv(connection.fd, buffer_.data(), buffer_.size(), 0);
    if (got <= 0) die("the server closed a stream");
    std::string_view bytes(buffer_.data(), static_cast<std::size_t>(got));
    if (!connection.rest.empty()) {
      connection.rest += bytes;
      bytes = connection.rest;
    }
    const std::string_view unread = take_frames(connection, bytes);
    connection.rest = std::string(unread);
  }

  std::string_view take_frames(Connection& connection, std::string_view bytes) {
    if (!connection.is_open) {
      const auto end = bytes.find("\r\n\r\n");
      if (end == std::string_view::npos) return bytes;
      if (!bytes.starts_with("HTTP/1.1 101")) {
        errno = 0;
        die(bytes.substr(0, 300));
      }
      connection.is_open = true;
      ++accepted_;
      bytes.remove_prefix(end + 4);
    }
    while (bytes.size() >= 2) {
      const auto byte = [&](std::size_t i) {
        return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i]));
      };
      std::size_t head = 2;
      std::size_t size = byte(1) & 0x7FU;
      if (size == 126) {
        if (bytes.size() < 4) return bytes;
        head = 4;
        size = byte(2) << 8U | byte(3);
      } else if (size == 127) {
        errno = 0;
        die("a message is larger than 64 KiB");
      }
      if (bytes.size() < head + size) return bytes;
      const std::size_t opcode = byte(0) & 0xFU;
      if (opcode == 1) on_message(bytes.substr(head, size));
      if (opcode == 9) answer_ping(connection);
      bytes.remove_prefix(head + size);
    }
    return bytes;
  }

  static void answer_ping(const Connection& connection) {
    constexpr std::array<unsigned char, 6> kEmptyPong = {0x8A, 0x80, 0, 0, 0, 0};
    if (::send(connection.fd, kEmptyPong.data(), kEmptyPong.size(), MSG_NOSIGNAL) < 0) die("send");
  }

  void on_message(std::string_view message) {
    ++messages_;
    bytes_ = message.size();
    const std::int64_t told = timestamp_in(message);
    if (told != 0) lateness_.push_back(clock_ns(CLOCK_REALTIME) - told);
  }

  int port_;
  std::string upgrade_;
  const int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> connections_;
  std::array<char, 64 * 1024> buffer_{};
  std::vector<std::int64_t> lateness_;
  std::size_t accepted_ = 0;
  std::size_t messages_ = 0;
  std::size_t bytes_ = 0;
};

int run(const Arguments& given) {
  pin_to(static_cast<int>(given.number("--core", 1)));
  const auto count = static_cast<std::size_t>(given.number("--clients", 100));
  const auto seconds = given.number("--seconds", 5);
  const auto schedstats = given.all("--schedstat");
  const std::int64_t resident_before = resident_bytes(given.text("--pid"));
  const std::int64_t setup_before = cpu_ns(schedstats);
  Clients clients(given);
  clients.open(count);
  const std::int64_t setup = cpu_ns(schedstats) - setup_before;

  const std::int64_t give_up_at = now_ns() + 60'000'000'000LL;
  for (int i = 0; i < 2; ++i) {  // everyone has had its first message
    clients.wait_for_message(10);
    clients.read_until_quiet(give_up_at);
  }
  const std::int64_t resident = resident_bytes(given.text("--pid")) - resident_before;
  const std::size_t messages_before = clients.messages();
  const std::int64_t cpu_before = cpu_ns(schedstats);
  clients.begin_counting();
  for (long i = 0; i < seconds; ++i) {
    clients.wait_for_message(10);
    clients.read_until_quiet(give_up_at);
  }
  const std::int64_t cpu = cpu_ns(schedstats) - cpu_before;
  const auto messages = static_cast<double>(clients.messages() - messages_before);
  const auto n = static_cast<double>(count);
  std::printf(
      "{\"messages\":%.0f,\"bytes\":%zu,\"cpu_ns\":%.1f,\"resident_bytes\":%.1f,"
      "\"setup_cpu_ns\":%.1f,\"late_p50_ns\":%ld,\"late_p99_ns\":%ld}\n",
      messages, clients.bytes(), static_cast<double>(cpu) / messages,
      static_cast<double>(resident) / n, static_cast<double>(setup) / n,
      percentile(clients.lateness(), 0.5), percentile(clients.lateness(), 0.99));
  std::fflush(stdout);
  std::_Exit(0);  // ten thousand sockets are closed by the system
}

}  // namespace
}  // namespace gpuvigil::load

int main(int argc, char** argv) {
  return gpuvigil::load::run(gpuvigil::load::Arguments(argc, argv));
}
