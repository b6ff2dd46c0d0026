// SPDX-License-Identifier: Apache-2.0
//
// A closed loop of HTTP requests over keep-alive connections, and what it cost the server.
//
//   http_load --port N --path /a [--requests N] [--connections N] [--core N] [--from N]
//             [--header "Name: value"] [--schedstat FILE]... [--fresh 1]
//
//   --path       "{n}" in it becomes a number that grows with each request, from --from on
//   --schedstat  of the server's tasks whose CPU time is counted
//   --fresh      counts only answers whose "seq" is another than that of the answer before: those
//                that were made from a new frame; the CPU time is the median of theirs
//
// Prints one line of JSON: the median round trip, the CPU time of the server for each request, and
// the length of the last reply.
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>

#include <sys/epoll.h>

#include "load_kit.h"

namespace gpuvigil::load {
namespace {

constexpr std::size_t kWarmUp = 200;

/// The requests, one after the other.
class Requests {
 public:
  explicit Requests(const Arguments& given)
      : path_(given.text("--path", "/")), n_(given.number("--from", 1)) {
    after_ = " HTTP/1.1\r\nHost: 127.0.0.1:" + given.text("--port") +
             "\r\nUser-Agent: http_load/1\r\nAccept: */*\r\n";
    for (const std::string& header : given.all("--header")) after_ += header + "\r\n";
    after_ += "\r\n";
    mark_ = path_.find("{n}");
    if (mark_ == std::string::npos) fixed_ = "GET " + path_ + after_;
  }

  std::string_view next() {
    if (mark_ == std::string::npos) return fixed_;
    fixed_ = "GET " + path_.substr(0, mark_) + std::to_string(n_++) + path_.substr(mark_ + 3);
    fixed_ += after_;
    return fixed_;
  }

 private:
  std::string path_;
  std::string after_;
  std::string fixed_;
  std::size_t mark_ = 0;
  long n_;
};

/// One connection: sends a request, reads its reply.
class Connection {
 public:
  explicit Connection(int port) : fd_(connect_to(port)), buffer_(1 << 20) {}
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] int fd() const { return fd_; }

  void send(std::string_view request) {
    if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
      die("send");
    }
    got_ = 0;
    wanted_ = 0;
  }

  /// Reads what is there; true when the reply is whole.
  bool receive() {
    const ssize_t got = ::recv(fd_, buffer_.data() + got_, buffer_.size() - got_, 0);
    if (got <= 0) die("the server closed the connection");
    got_ += static_cast<std::size_t>(got);
    if (wanted_ == 0) wanted_ = length_of_reply();
    return wanted_ != 0 && got_ >= wanted_;
  }

  [[nodiscard]] std::string_view reply() const { return {buffer_.data(), got_}; }

 private:
  /// 0 while the header is not whole.
  [[nodiscard]] std::size_t length_of_reply() const {
    const auto end = reply().find("\r\n\r\n");
    if (end == std::string_view::npos) return 0;
    if (!reply().starts_with("HTTP/1.1 200")) {
      errno = 0;
      die(reply().substr(0, 300));
    }
    auto at = reply().find("ontent-");  // hyper writes its names in lower case
    while (at < end && reply().substr(at + 7, 6) != "Length" &&
           reply().substr(at + 7, 6) != "length") {
      at = reply().find("ontent-", at + 7);
    }
    if (at >= end) die("a reply without a length");
    std::size_t body = 0;
    std::from_chars(buffer_.data() + at + 15, buffer_.data() + end, body);
    return end + 4 + body;
  }

  int fd_;
  std::vector<char> buffer_;
  std::size_t got_ = 0;
  std::size_t wanted_ = 0;
};

struct Outcome {
  std::size_t requests = 0;
  std::vector<std::int64_t> round_trips;
  std::vector<std::int64_t> cpu_times;  ///< Of each answer from a new frame.
  std::size_t reply_bytes = 0;
};

std::string_view seq_of(std::string_view reply) {
  constexpr std::string_view kKey = "\"seq\":";
  const auto at = reply.find(kKey);
  if (at == std::string_view::npos) return {};
  const auto rest = reply.substr(at + kKey.size());
  return rest.substr(0, rest.find_first_not_of("0123456789"));
}

/// One connection, `count` requests.
Outcome run_one(Connection& connection, Requests& requests, std::size_t count) {
  Outcome outcome;
  outcome.round_trips.reserve(count);
  for (; outcome.requests < count; ++outcome.requests) {
    const std::string_view request = requests.next();
    const std::int64_t began = now_ns();
    connection.send(request);
    while (!connection.receive()) {
    }
    outcome.round_trips.push_back(now_ns() - began);
  }
  outcome.reply_bytes = connection.reply().size();
  return outcome;
}

/// One connection, until there are `count` answers from new frames. `schedstats` stand still while
/// the server waits for us.
Outcome run_fresh(Connection& connection, Requests& requests, std::size_t count,
                  const std::vector<std::string>& schedstats) {
  Outcome outcome;
  std::string last_seq;
  outcome.round_trips.reserve(count);
  while (outcome.round_trips.size() < count) {
    const std::string_view request = requests.next();
    const std::int64_t cpu_before = cpu_ns(schedstats);
    const std::int64_t began = now_ns();
    connection.send(request);
    while (!connection.receive()) {
    }
    const std::int64_t took = now_ns() - began;
    ++outcome.requests;
    const std::string_view seq = seq_of(connection.reply());
    const bool is_first = last_seq.empty();
    if (seq == last_seq) continue;
    last_seq = seq;
    if (is_first) continue;
    outcome.round_trips.push_back(took);
    outcome.cpu_times.push_back(cpu_ns(schedstats) - cpu_before);
  }
  outcome.reply_bytes = connection.reply().size();
  return outcome;
}

/// Many connections, one request under way on each.
Outcome run_many(std::vector<std::unique_ptr<Connection>>& connections, Requests& requests,
                 std::size_t count) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  for (auto& connection : connections) {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = connection.get()}};
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd(), &event) != 0) die("epoll_ctl");
    connection->send(requests.next());
  }
  Outcome outcome;
  std::array<epoll_event, 256> events{};
  std::size_t under_way = connections.size();
  while (under_way > 0) {
    const int ready = ::epoll_wait(epoll, events.data(), events.size(), -1);
    for (int i = 0; i < ready; ++i) {
      auto& connection = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (!connection.receive()) continue;
      ++outcome.requests;
      outcome.reply_bytes = connection.reply().size();
      if (outcome.requests + under_way <= count) {
        connection.send(requests.next());
      } else {
        --under_way;
      }
    }
  }
  ::close(epoll);
  return outcome;
}

int run(const Arguments& given) {
  pin_to(static_cast<int>(given.number("--core", 0)));
  const int port = static_cast<int>(given.number("--port", 8080));
  const auto count = static_cast<std::size_t>(given.number("--requests", 10'000));
  const bool fresh = given.number("--fresh", 0) != 0;
  const auto schedstats = given.all("--schedstat");
  Requests requests(given);
  std::vector<std::unique_ptr<Connection>> connections;
  for (long i = 0; i < given.number("--connections", 1); ++i) {
    connections.push_back(std::make_unique<Connection>(port));
  }
  const auto measure = [&](std::size_t n) {
    if (fresh) return run_fresh(*connections.front(), requests, n, schedstats);
    return connections.size() == 1 ? run_one(*connections.front(), requests, n)
                                   : run_many(connections, requests, n);
  };
  const auto warm_up = std::min(given.number("--warm-up", kWarmUp), static_cast<long>(count));
  if (warm_up > 0 && !fresh) measure(static_cast<std::size_t>(warm_up));
  const std::int64_t cpu_before = cpu_ns(schedstats);
  const std::int64_t began = now_ns();
  Outcome outcome = measure(count);
  const std::int64_t took = now_ns() - began;
  const auto n = static_cast<double>(outcome.requests);
  const double cpu = fresh ? static_cast<double>(percentile(outcome.cpu_times, 0.5))
                           : static_cast<double>(cpu_ns(schedstats) - cpu_before) / n;
  std::printf(
      "{\"requests\":%zu,\"round_trip_ns\":%ld,\"wall_ns\":%.1f,\"cpu_ns\":%.1f,\"bytes\":%zu}\n",
      outcome.requests, percentile(outcome.round_trips, 0.5), static_cast<double>(took) / n, cpu,
      outcome.reply_bytes);
  return 0;
}

}  // namespace
}  // namespace gpuvigil::load

int main(int argc, char** argv) {
  return gpuvigil::load::run(gpuvigil::load::Arguments(argc, argv));
}
