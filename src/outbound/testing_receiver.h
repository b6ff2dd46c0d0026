// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/unique_fd.h"

namespace gpuvigil::testing {

/// A request as a receiver saw it.
struct Received {
  std::string head;  ///< The request line and the headers, as they came.
  std::string body;
};

/// A real server on the loopback interface that answers by a script: one request a connection, one
/// connection after the other.
class ScriptedReceiver {
 public:
  /// Given the request and its number (from 0): the bytes to answer with. Empty: the connection is
  /// closed without a word. kSilence: nothing is sent until the other side gives up.
  using Script = std::function<std::string(const Received&, std::size_t)>;
  static constexpr std::string_view kSilence = "(silence)";

  explicit ScriptedReceiver(Script script) : script_(std::move(script)) {
    listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 64) != 0 ||
        ::getsockname(listener_.get(), generic, &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    end_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
    thread_ = std::thread([this] { run(); });
  }

  ~ScriptedReceiver() {
    static_cast<void>(::eventfd_write(end_.get(), 1));
    thread_.join();
  }
  ScriptedReceiver(const ScriptedReceiver&) = delete;
  ScriptedReceiver& operator=(const ScriptedReceiver&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url(std::string_view path = "/") const {
    return fmt::format("http://127.0.0.1:{}{}", port_, path);
  }

  [[nodiscard]] std::vector<Received> received() {
    const std::scoped_lock lock(mutex_);
    return received_;
  }

  /// Waits until that many requests have come; false when they never did.
  [[nodiscard]] bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20),
                             [&] { return received_.size() >= count; });
  }

 private:
  /// True when there is something to read on it, false when this object ends.
  [[nodiscard]] bool readable(int fd) const {
    std::array<pollfd, 2> both = {{{fd, POLLIN, 0}, {end_.get(), POLLIN, 0}}};
    while (::poll(both.data(), both.size(), -1) < 0 && errno == EINTR) {
    }
    return both[1].revents == 0;
  }

  void run() {
    while (readable(listener_.get())) {
      const UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (connection) serve(connection.get());
    }
  }

  void serve(int fd) {
    std::string text;
    std::size_t wanted = std::string::npos;
    std::size_t head = 0;
    while (text.size() < wanted) {
      std::array<char, 65536> buffer{};
      if (!readable(fd)) return;
      const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (got <= 0) return;
      text.append(buffer.data(), static_cast<std::size_t>(got));
      if (wanted != std::string::npos) continue;
      if (text.starts_with('\x16')) break;  // somebody begins to speak TLS: answer at once
      if (head = text.find("\r\n\r\n"); head == std::string::npos) continue;
      wanted = head += 4;
      if (const auto at = text.find("Content-Length: "); at < head) {
        wanted += std::strtoull(text.c_str() + at + 16, nullptr, 10);
      }
    }
    head = std::min(head, text.size());
    const Received request{.head = text.substr(0, head), .body = text.substr(head)};
    const std::string reply = script_(request, served_++);
    {
      const std::scoped_lock lock(mutex_);
      received_.push_back(request);
    }
    changed_.notify_all();
    if (reply == kSilence) {
      static_cast<void>(readable(fd));
      return;
    }
    for (std::size_t sent = 0; sent < reply.size();) {
      const auto done = ::send(fd, reply.data() + sent, reply.size() - sent, MSG_NOSIGNAL);
      if (done <= 0) return;
      sent += static_cast<std::size_t>(done);
    }
  }

  const Script script_;
  UniqueFd listener_;
  UniqueFd end_;
  std::uint16_t port_ = 0;
  std::size_t served_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Received> received_;
  std::thread thread_;  ///< Last: it uses all of the above.
};

/// "HTTP/1.1 503 ..." with these headers ("Retry-After: 1\r\n") and that body.
[[nodiscard]] inline std::string http_reply(int status, std::string_view headers = {},
                                            std::string_view body = {}) {
  return fmt::format("HTTP/1.1 {} x\r\nConnection: close\r\nContent-Length: {}\r\n{}\r\n{}", status,
                     body.size(), headers, body);
}

}  // namespace gpuvigil::testing
