// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/unique_fd.h"
#include "net/socket.h"

namespace gpuvigil {

/// The two ends of a TCP connection.
struct TcpEnds {
  Endpoint client;
  Endpoint server;
};

/// Finds out which user of this machine owns the client's end of a loopback connection: the one
/// whose process made that socket.
///
/// Source: sock_diag(7), one exact question about one socket; where the kernel has no inet_diag,
/// /proc/net/tcp and tcp6. Whatever leaves a doubt is no answer: a client that has closed its end
/// already (the kernel then reports uid 0), two that match, a user whom our namespace cannot name.
///
/// Threading: one thread at a time. Never waits: the kernel answers within the question.
class PeerUsers {
 public:
  /// Cannot fail: without sock_diag the tables are read.
  PeerUsers();

  /// `fd` is the accepted end of a connection.
  [[nodiscard]] std::optional<std::uint32_t> find(int fd);
  /// Of a loopback connection with those ends.
  [[nodiscard]] std::optional<std::uint32_t> find(const TcpEnds& ends);

  /// How often the tables were read: a tenth of a second each on a machine with many sockets.
  [[nodiscard]] std::uint64_t table_reads() const { return table_reads_; }

 private:
  enum class Answer { kUser, kNobody, kNotSpoken };
  struct Found {
    Answer answer = Answer::kNobody;
    std::uint32_t user = 0;
  };
  Found ask(const TcpEnds& ends);

  UniqueFd diag_;               ///< A netlink socket; none: not offered here.
  bool is_spoken_ = false;      ///< The kernel has answered a question.
  std::uint32_t sequence_ = 0;  ///< Of the last question.
  std::uint64_t table_reads_ = 0;
  std::optional<std::uint32_t> unknown_;  ///< What stands for users outside of our namespace.
};

/// The owner of the client's end according to the text of /proc/net/tcp or tcp6 (proc(5)); nothing
/// unless exactly one living socket matches.
[[nodiscard]] std::optional<std::uint32_t> find_in_tcp_tables(std::string_view tcp,
                                                              std::string_view tcp6,
                                                              const TcpEnds& ends);

}  // namespace gpuvigil
