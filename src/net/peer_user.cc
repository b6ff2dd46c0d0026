// SPDX-License-Identifier: Apache-2.0
#include "net/peer_user.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/failpoint.h"
#include "base/file.h"

namespace gpuvigil {
namespace {

/// Of a table that is larger nobody is identified: reading it takes a tenth of a second each time.
constexpr std::size_t kMaxTable = 32 * 1024 * 1024;

constexpr std::size_t kMappedPrefix = 12;  // bytes of ::ffff:0:0/96 before the IPv4 address

bool is_ipv4(const Endpoint::Key& key) {
  constexpr Endpoint::Key kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  return std::equal(key.begin(), key.begin() + kMappedPrefix, kMapped.begin());
}

/// States in which a client's end is somebody's: not one that listens on the same port, not one
/// that another process is only now trying to connect.
bool is_connected(int state) {
  return state == TCP_ESTABLISHED || state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 ||
         state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK || state == TCP_CLOSING;
}

/// What we send: one question (sock_diag(7)).
struct Question {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

void copy_address(const Endpoint::Key& key, std::uint32_t* words) {
  const bool v4 = is_ipv4(key);
  std::memcpy(words, key.data() + (v4 ? kMappedPrefix : 0), v4 ? 4 : key.size());
}

Question make_question(const TcpEnds& ends, std::uint32_t sequence) {
  Question question{};
  question.header.nlmsg_len = sizeof(question);
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.header.nlmsg_seq = sequence;
  question.body.sdiag_family = is_ipv4(ends.client.key()) ? AF_INET : AF_INET6;
  question.body.sdiag_protocol = IPPROTO_TCP;
  question.body.idiag_states = ~0U;
  inet_diag_sockid& id = question.body.id;
  id.idiag_sport = htons(ends.client.port());
  id.idiag_dport = htons(ends.server.port());
  copy_address(ends.client.key(), id.idiag_src);
  copy_address(ends.server.key(), id.idiag_dst);
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return question;
}

bool is_address(int family, const std::uint32_t* words, const Endpoint::Key& wanted) {
  Endpoint::Key key{};
  if (family == AF_INET6) {
    std::memcpy(key.data(), words, key.size());
  } else {
    key[10] = key[11] = 0xFF;
    std::memcpy(key.data() + kMappedPrefix, words, 4);
  }
  return key == wanted;
}

/// The kernel falls back to a socket that listens; that one is not asked for.
bool is_about(const inet_diag_msg& message, const TcpEnds& ends) {
  const inet_diag_sockid& id = message.id;
  return ntohs(id.idiag_sport) == ends.client.port() &&
         ntohs(id.idiag_dport) == ends.server.port() &&
         is_address(message.idiag_family, id.idiag_src, ends.client.key()) &&
         is_address(message.idiag_family, id.idiag_dst, ends.server.key());
}

/// As proc(5) writes an end: 32 bits of the address at a time as a number of this machine; port.
std::string table_text(const Endpoint& endpoint, bool as_ipv6) {
  const Endpoint::Key key = endpoint.key();
  std::string text;
  for (std::size_t at = as_ipv6 ? 0 : kMappedPrefix; at < key.size(); at += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, key.data() + at, sizeof(word));
    text += fmt::format("{:08X}", word);
  }
  return text + fmt::format(":{:04X}", endpoint.port());
}

std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

/// A number of that base, or nothing: also for what is followed by something else.
template <class Number>
std::optional<Number> parse(std::string_view word, int base) {
  Number number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number, base);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

/// Adds the owners of all living sockets of that table that match.
void collect_owners(std::string_view table, const std::string& local, const std::string& remote,
                    std::vector<std::uint32_t>& owners) {
  while (!table.empty()) {
    std::string_view line = table.substr(0, table.find('\n'));
    table.remove_prefix(std::min(line.size() + 1, table.size()));
    constexpr int kSkipped = 3;  // queues, timer, retransmissions
    next_word(line);             // its number
    if (next_word(line) != local || next_word(line) != remote) continue;
    const auto state = parse<int>(next_word(line), 16);
    for (int i = 0; i < kSkipped; ++i) next_word(line);
    const auto user = parse<std::uint32_t>(next_word(line), 10);
    next_word(line);  // timeout
    const auto inode = parse<std::uint64_t>(next_word(line), 10);
    if (state && user && inode && *inode != 0 && is_connected(*state)) owners.push_back(*user);
  }
}

/// A file of /proc, or nothing when it is not there or larger than kMaxTable.
std::optional<std::string> read_table(const std::string& path) {
  auto file = FileSource::open(path);
  if (!file) return std::nullopt;
  // Piece by piece: most are small, and a buffer for the largest would stay with the process.
  constexpr std::size_t kPiece = 64 * 1024;
  std::string text;
  while (text.size() < kMaxTable) {
    const std::size_t before = text.size();
    text.resize(before + kPiece);
    const auto size = read_fully(*file, std::span(text).subspan(before));
    if (!size) return std::nullopt;
    text.resize(before + *size);
    if (*size < kPiece) return text;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> find_in_tables(const TcpEnds& ends) {
  const auto tcp = read_table("/proc/net/tcp");
  if (!tcp) return std::nullopt;
  // A kernel without IPv6 has no such table; one that is too large may hide a second match.
  auto tcp6 = read_table("/proc/net/tcp6");
  if (!tcp6 && FileSource::open("/proc/net/tcp6")) return std::nullopt;
  return find_in_tcp_tables(*tcp, tcp6.value_or(""), ends);
}

/// The number that the kernel gives for users that our user namespace has no number for
/// (user_namespaces(7)); absent where it has one for everybody.
std::optional<std::uint32_t> find_unknown_user() {
  std::string map = read_table("/proc/self/uid_map").value_or("");
  std::ranges::replace(map, '\n', ' ');
  std::string_view rest = map;
  const bool is_everybody =
      next_word(rest) == "0" && next_word(rest) == "0" && next_word(rest) == "4294967295";
  if (is_everybody) return std::nullopt;
  std::string number = read_table("/proc/sys/kernel/overflowuid").value_or("");
  std::ranges::replace(number, '\n', ' ');
  constexpr std::uint32_t kUsual = 65534;
  rest = number;
  return parse<std::uint32_t>(next_word(rest), 10).value_or(kUsual);
}

std::optional<Endpoint> other_end(int fd) {
  Endpoint endpoint;
  socklen_t size = sizeof(sockaddr_storage);
  if (::getpeername(fd, endpoint.data(), &size) != 0) return std::nullopt;
  return endpoint;
}

}  // namespace

PeerUsers::PeerUsers() : unknown_(find_unknown_user()) {
  if (failpoint("net.sock_diag")) return;
  diag_ =
      UniqueFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG));
}

PeerUsers::Found PeerUsers::ask(const TcpEnds& ends) {
  if (!diag_) return {.answer = Answer::kNotSpoken};
  const Question question = make_question(ends, ++sequence_);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket functions' own way.
  const auto* address = reinterpret_cast<const sockaddr*>(&kernel);
  if (::sendto(diag_.get(), &question, sizeof(question), 0, address, sizeof(kernel)) < 0) {
    return {.answer = Answer::kNotSpoken};
  }
  std::array<char, 8192> buffer{};
  for (;;) {
    const ssize_t got = ::recv(diag_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    nlmsghdr header{};
    if (got < static_cast<ssize_t>(sizeof(header))) return {.answer = Answer::kNotSpoken};
    std::memcpy(&header, buffer.data(), sizeof(header));
    if (header.nlmsg_seq != sequence_) continue;  // left over from a question that was broken off
    if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(inet_diag_msg)))) {
      return {.answer = Answer::kNotSpoken};
    }
    inet_diag_msg message{};
    std::memcpy(&message, buffer.data() + NLMSG_HDRLEN, sizeof(message));
    if (!is_about(message, ends) || !is_connected(message.idiag_state) ||
        message.idiag_inode == 0) {
      return {.answer = Answer::kNobody};
    }
    is_spoken_ = true;
    return {.answer = Answer::kUser, .user = message.idiag_uid};
  }
}

std::optional<std::uint32_t> PeerUsers::find(int fd) {
  const auto client = other_end(fd);
  if (!client || !client->is_loopback()) return std::nullopt;
  return find(TcpEnds{.client = *client, .server = Endpoint::local(fd)});
}

std::optional<std::uint32_t> PeerUsers::find(const TcpEnds& ends) {
  Found found = ask(ends);
  if (found.answer == Answer::kNotSpoken) {
    // The same error means "no such socket" and "no inet_diag here". Our own end exists for sure,
    // unless the client has reset the connection. What was spoken once is not asked for again:
    // each who goes at once would else cost a walk through all sockets of the machine.
    if (!is_spoken_) ask({.client = ends.server, .server = ends.client});
    std::optional<std::uint32_t> user;
    if (!is_spoken_) {
      ++table_reads_;
      user = find_in_tables(ends);
    }
    found = {.answer = user ? Answer::kUser : Answer::kNobody, .user = user.value_or(0)};
  }
  if (found.answer != Answer::kUser || found.user == unknown_) return std::nullopt;
  return found.user;
}

std::optional<std::uint32_t> find_in_tcp_tables(std::string_view tcp, std::string_view tcp6,
                                                const TcpEnds& ends) {
  std::vector<std::uint32_t> owners;
  if (is_ipv4(ends.client.key())) {
    collect_owners(tcp, table_text(ends.client, false), table_text(ends.server, false), owners);
  }
  // An IPv6 socket may have connected to an IPv4 address.
  collect_owners(tcp6, table_text(ends.client, true), table_text(ends.server, true), owners);
  if (owners.size() != 1) return std::nullopt;
  return owners.front();
}

}  // namespace gpuvigil
