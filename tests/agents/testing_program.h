// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "gpuvigil/segment.h"
#include "profile/testing_segment.h"
#include "testing_server.h"

namespace gpuvigil::testing {

inline constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW;

/// A memfd with these bytes, sealed.
template <class Image>
UniqueFd memory_of(const Image& image, int seals = kSeals) {
  UniqueFd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const auto bytes = image.bytes();
  EXPECT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, seals), 0);
  return fd;
}

/// One that reports itself, honest or not.
class Program {
 public:
  explicit Program(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    connected =
        ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }

  bool send(const void* text, std::size_t size, const std::vector<int>& descriptors) {
    iovec bytes{.iov_base = const_cast<void*>(text), .iov_len = size};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    std::vector<char> control(CMSG_SPACE(descriptors.size() * sizeof(int)));
    if (!descriptors.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* const rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
      std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size() * sizeof(int));
    }
    return ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
  }

  bool hello(int memory, std::uint32_t size = SegmentImage::kBytes,
             std::uint32_t abi = GPUVIGIL_SEGMENT_ABI) {
    const gpuvigil_hello hello{.magic = GPUVIGIL_HELLO_MAGIC, .abi = abi, .size = size};
    return send(&hello, sizeof(hello), {memory});
  }

  /// The server's answer: "taken", the reason for a refusal, or "" when the connection ended.
  std::string answer() {
    gpuvigil_welcome welcome{};
    pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, kPatienceMs) != 1) return "no answer";
    auto got = ::recv(socket_.get(), &welcome, sizeof(welcome), 0);
    // A server that has closed without reading everything: its last words come after this.
    if (got < 0 && errno == ECONNRESET) got = ::recv(socket_.get(), &welcome, sizeof(welcome), 0);
    if (got != sizeof(welcome)) return "";
    return welcome.accepted != 0 ? "taken" : welcome.reason;
  }

  /// The server's next message after its answer; all zero when the connection ended or none came.
  template <class Said>
  Said hear(int patience_ms = kPatienceMs) {
    Said said{};
    pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, patience_ms) != 1) return {};
    const auto got = ::recv(socket_.get(), &said, sizeof(said), 0);
    return got == sizeof(said) ? said : Said{};
  }

  void leave() { socket_.reset(); }

  bool connected = false;

 private:
  UniqueFd socket_;
};

}  // namespace gpuvigil::testing
