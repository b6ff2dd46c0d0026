// SPDX-License-Identifier: Apache-2.0
#include "profile/agent_socket.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace gpuvigil {
namespace {

constexpr const char* kSystemSocket = "/run/gpuvigil/agent.sock";
constexpr int kBacklog = 512;
constexpr int kNeededSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW;
constexpr std::size_t kMaxDescriptors = 4;  ///< In one message; more than one is refused.

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::unexpected<Error> system_error(std::string what) {
  const Errc code = errno == EACCES || errno == EPERM ? Errc::kPermission : Errc::kIo;
  return fail(code, fmt::format("{}: {}", what, std::strerror(errno)));
}

/// An address below an open directory: what the path meant once, it goes on to mean.
sockaddr_un address_in(const UniqueFd& directory, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = fmt::format("/proc/self/fd/{}/{}", directory.get(), name);
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof(address.sun_path) - 1));
  return address;
}

const sockaddr* as_sockaddr(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

UniqueFd make_socket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// Opens the directory of a socket, made if need be, in which nobody else can put things.
Result<UniqueFd> open_directory(const std::string& path) {
  const auto try_open = [&] {
    return UniqueFd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  };
  UniqueFd directory = try_open();
  if (!directory && errno == ENOENT) {
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return system_error(path);
    directory = try_open();
    // Whatever the umask: others must be able to come through.
    if (directory) ::chmod(fmt::format("/proc/self/fd/{}", directory.get()).c_str(), 0755);
  }
  if (!directory) return system_error(path);
  struct stat status{};
  if (::fstat(directory.get(), &status) != 0) return system_error(path);
  const bool ours = status.st_uid == ::geteuid() || status.st_uid == 0;
  if (!ours || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(Errc::kPermission,
                fmt::format("{}: others can write this directory, so nobody could trust a socket "
                            "in it; use one that only you can write",
                            path));
  }
  return directory;
}

/// Makes sure that the name is free, or held by a socket of ours that nobody listens to.
Result<void> check_place(const UniqueFd& directory, const std::string& name,
                         const std::string& path) {
  struct stat status{};
  if (::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return system_error(path);
  }
  if (!S_ISSOCK(status.st_mode) || status.st_uid != ::geteuid()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("{}: something stands there that is no socket of ours; remove it, or "
                            "choose another place with --socket",
                            path));
  }
  const UniqueFd probe = make_socket();
  const sockaddr_un address = address_in(directory, name);
  if (::connect(probe.get(), as_sockaddr(address), sizeof(address)) == 0 || errno == EAGAIN) {
    return fail(Errc::kUnavailable,
                fmt::format("{}: another gpuvigil listens there; programs report to it", path));
  }
  return {};
}

}  // namespace

std::string default_agent_socket() {
  if (std::string given = environment("GPUVIGIL_SOCKET"); !given.empty()) return given;
  const std::string runtime = environment("XDG_RUNTIME_DIR");
  if (::geteuid() == 0 || !runtime.starts_with('/')) return kSystemSocket;
  return runtime + "/gpuvigil/agent.sock";
}

Result<AgentSocket> AgentSocket::open(const std::string& path) {
  const auto slash = path.rfind('/');
  if (!path.starts_with('/') || slash + 1 == path.size() ||
      path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(Errc::kInvalidArgument,
                fmt::format("{}: must be the absolute path of a socket, of at most {} bytes", path,
                            sizeof(sockaddr_un::sun_path) - 1));
  }
  AgentSocket made;
  made.path_ = path;
  made.name_ = path.substr(slash + 1);
  GPUVIGIL_TRY(made.directory_, open_directory(slash == 0 ? "/" : path.substr(0, slash)));
  GPUVIGIL_CHECK(check_place(made.directory_, made.name_, path));

  const int directory = made.directory_.get();
  const std::string hidden = fmt::format(".{}.{}", ::getpid(), made.name_).substr(0, 64);
  ::unlinkat(directory, hidden.c_str(), 0);
  const sockaddr_un address = address_in(made.directory_, hidden);
  made.socket_ = make_socket();
  const bool listens = ::bind(made.socket_.get(), as_sockaddr(address), sizeof(address)) == 0 &&
                       ::fchmodat(directory, hidden.c_str(), 0666, 0) == 0 &&
                       ::listen(made.socket_.get(), kBacklog) == 0 &&
                       ::renameat(directory, hidden.c_str(), directory, made.name_.c_str()) == 0;
  if (!listens) {
    auto error = system_error(path);
    ::unlinkat(directory, hidden.c_str(), 0);
    return error;
  }
  struct stat status{};
  if (::fstatat(directory, made.name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    made.device_ = status.st_dev;
    made.inode_ = status.st_ino;
  }
  return made;
}

AgentSocket::~AgentSocket() {
  struct stat status{};
  if (!directory_ ||
      ::fstatat(directory_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return;
  }
  if (status.st_dev == device_ && status.st_ino == inode_) {
    ::unlinkat(directory_.get(), name_.c_str(), 0);
  }
}

Result<std::optional<AgentPeer>> AgentSocket::accept() {
  AgentPeer peer;
  peer.socket = UniqueFd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!peer.socket) {
    const bool is_full = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
    if (is_full) return fail(Errc::kUnavailable, std::strerror(errno));
    return std::nullopt;  // nobody, or somebody who has left again
  }
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(peer.socket.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return std::nullopt;
  }
  peer.uid = credentials.uid;
  peer.pid = credentials.pid;
  return peer;
}

Result<SegmentMap> SegmentMap::map(UniqueFd memory, std::size_t size, MemoryRule rule) {
  struct stat status{};
  const int seals = ::fcntl(memory.get(), F_GET_SEALS);
  if (::fstat(memory.get(), &status) != 0 || !S_ISREG(status.st_mode) || seals < 0 ||
      (seals & kNeededSeals) != kNeededSeals) {
    return fail(Errc::kCorrupt, "its memory is not sealed against growing and shrinking");
  }
  if (status.st_size != static_cast<off_t>(size) || size > rule.most || size < rule.least) {
    return fail(Errc::kCorrupt, fmt::format("its memory has {} bytes", status.st_size));
  }
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED) return system_error("its memory cannot be mapped");
  return SegmentMap({static_cast<const std::byte*>(mapped), size});
}

SegmentMap::SegmentMap(SegmentMap&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

SegmentMap::~SegmentMap() {
  if (bytes_.empty()) return;
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

namespace {

/// One message of a program.
struct Message {
  std::array<char, 64> text{};
  std::size_t size = 0;  ///< 0: it has gone.
  bool is_cut = false;
  std::vector<UniqueFd> descriptors;  ///< All of them, so that none stays open.
};

Result<std::optional<Message>> receive(int socket) {
  Message received;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
  iovec bytes{.iov_base = received.text.data(), .iov_len = received.text.size()};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return std::nullopt;
    return system_error("its message cannot be read");
  }
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= part->cmsg_len; at += sizeof(int)) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(part) + at, sizeof(descriptor));
      received.descriptors.emplace_back(descriptor);
    }
  }
  received.size = static_cast<std::size_t>(got);
  received.is_cut = (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0;
  return received;
}

}  // namespace

Result<std::optional<SegmentMap>> receive_segment(int socket) {
  GPUVIGIL_TRY(auto message, receive(socket));
  if (!message) return std::nullopt;
  gpuvigil_hello hello{};
  std::memcpy(&hello, message->text.data(), sizeof(hello));
  if (message->size != sizeof(hello) || hello.magic != GPUVIGIL_HELLO_MAGIC ||
      message->descriptors.size() != 1 || message->is_cut) {
    return fail(Errc::kCorrupt, "it does not begin as programs that report themselves do");
  }
  if (!reads_segment_abi(hello.abi)) {
    return fail(Errc::kUnavailable,
                fmt::format("its layout is number {}; this gpuvigil reads {} and the two before",
                            hello.abi, kNewestSegmentAbi));
  }
  GPUVIGIL_TRY(SegmentMap map, SegmentMap::map(std::move(message->descriptors.front()), hello.size,
                                               {.least = sizeof(gpuvigil_segment_header),
                                                .most = GPUVIGIL_SEGMENT_MAX_BYTES}));
  return map;
}

Result<std::optional<TraceAnswer>> receive_trace_answer(int socket) {
  GPUVIGIL_TRY(auto message, receive(socket));
  if (!message) return std::nullopt;
  if (message->size == 0) return fail(Errc::kUnavailable, "it has gone");
  gpuvigil_trace_answer told{};
  std::memcpy(&told, message->text.data(), sizeof(told));
  if (message->size != sizeof(told) || told.magic != GPUVIGIL_TRACE_MAGIC || message->is_cut ||
      message->descriptors.size() != (told.size == 0 ? 0U : 1U)) {
    return fail(Errc::kCorrupt, "it does not answer as programs that are traced do");
  }
  TraceAnswer answer{.id = told.id, .ring = {}};
  if (told.size == 0) return answer;
  GPUVIGIL_TRY(SegmentMap map, SegmentMap::map(std::move(message->descriptors.front()), told.size,
                                               {.least = sizeof(gpuvigil_trace_header),
                                                .most = GPUVIGIL_TRACE_MAX_BYTES}));
  answer.ring.emplace(std::move(map));
  return answer;
}

void send_welcome(int socket, const std::string& refusal) {
  gpuvigil_welcome welcome{};
  welcome.magic = GPUVIGIL_HELLO_MAGIC;
  welcome.accepted = refusal.empty() ? 1 : 0;
  welcome.abi = kNewestSegmentAbi;
  refusal.copy(welcome.reason, sizeof(welcome.reason) - 1);
  // Who does not listen learns it from the connection, which ends or does not.
  (void)::send(socket, &welcome, sizeof(welcome), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace gpuvigil
