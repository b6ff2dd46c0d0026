// SPDX-License-Identifier: Apache-2.0
#include "net/peer_user.h"

#include <array>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/failpoint.h"
#include "net/server_test_kit.h"

namespace gpuvigil {
namespace {

using ::testing::EndsWith;
using testing::get;
using testing::RawClient;
using testing::TestServer;

constexpr std::uint32_t kOtherUser = 12345;

UniqueFd connect_to(const Endpoint& endpoint) {
  UniqueFd fd(::socket(endpoint.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), endpoint.data(), endpoint.size()) != 0) return {};
  return fd;
}

/// Another process of another user that connects and stays until it is let go. No thread of ours
/// may hold a lock when it is made.
class OtherUser {
 public:
  explicit OtherUser(const Endpoint& endpoint) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
    UniqueFd wait_end(ends[0]);
    let_go_ = UniqueFd(ends[1]);
    child_ = ::fork();
    if (child_ != 0) return;
    let_go_.reset();
    // The system call: the C library's way would change the threads that only the parent has.
    if (::syscall(SYS_setuid, kOtherUser) != 0) ::_exit(1);
    const UniqueFd fd = connect_to(endpoint);
    char byte = 0;
    static_cast<void>(::read(wait_end.get(), &byte, 1));
    ::_exit(fd ? 0 : 1);
  }
  ~OtherUser() {
    let_go_.reset();
    int status = 0;
    ::waitpid(child_, &status, 0);
    EXPECT_EQ(status, 0);
  }
  OtherUser(const OtherUser&) = delete;
  OtherUser& operator=(const OtherUser&) = delete;

 private:
  UniqueFd let_go_;
  pid_t child_ = -1;
};

UniqueFd accept_one(const UniqueFd& listener) {
  pollfd entry{.fd = listener.get(), .events = POLLIN, .revents = 0};
  ::poll(&entry, 1, 20'000);
  return UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

/// A server's address, and how a client writes it.
struct Way {
  std::string_view server;
  std::string_view client;
};
constexpr std::array<Way, 3> kWays = {
    {{"127.0.0.1", "127.0.0.1"}, {"::1", "::1"}, {"127.0.0.1", "::ffff:127.0.0.1"}}};

Endpoint endpoint_of(std::string_view address, std::uint16_t port) {
  const auto endpoint = Endpoint::parse(address, port);
  if (!endpoint) throw std::runtime_error(endpoint.error().message);
  return *endpoint;
}

void expect_both_users_on(const Way& way) {
  SCOPED_TRACE(fmt::format("{} from {}", way.server, way.client));
  const auto listener = listen_on(endpoint_of(way.server, 0));
  ASSERT_TRUE(listener);
  const Endpoint target = endpoint_of(way.client, Endpoint::local(listener->get()).port());
  PeerUsers users;
  {
    const UniqueFd client = connect_to(target);
    const UniqueFd accepted = accept_one(*listener);
    EXPECT_EQ(users.find(accepted.get()), ::getuid());
    ::shutdown(client.get(), SHUT_WR);
    EXPECT_EQ(users.find(accepted.get()), ::getuid());
  }
  if (::geteuid() != 0) return;  // nobody else can be become
  const OtherUser other(target);
  const UniqueFd accepted = accept_one(*listener);
  EXPECT_EQ(users.find(accepted.get()), kOtherUser);
}

TEST(PeerUsers, AreFoundByOneQuestion) {
  for (const Way& way : kWays) expect_both_users_on(way);
}

TEST(PeerUsers, AreFoundInTheTablesWhereTheKernelAnswersNoQuestions) {
  const FailpointArmed armed("net.sock_diag");
  for (const Way& way : kWays) expect_both_users_on(way);
}

TEST(PeerUsers, AreNobodyOnceTheClientHasClosed) {
  const auto f = [] {
    const auto listener = listen_on(endpoint_of("127.0.0.1", 0));
    ASSERT_TRUE(listener);
    UniqueFd client = connect_to(Endpoint::local(listener->get()));
    const UniqueFd accepted = accept_one(*listener);
    client.reset();  // the kernel keeps its end for a while, as one of root
    EXPECT_EQ(PeerUsers().find(accepted.get()), std::nullopt);
  };
  f();
  const FailpointArmed armed("net.sock_diag");
  f();
}

TEST(PeerUsers, ClientsThatGoAtOnceMakeNobodyReadTables) {
  const auto listener = listen_on(endpoint_of("127.0.0.1", 0));
  ASSERT_TRUE(listener);
  PeerUsers users;
  UniqueFd client = connect_to(Endpoint::local(listener->get()));
  const UniqueFd accepted = accept_one(*listener);
  const TcpEnds ends{.client = Endpoint::local(client.get()),
                     .server = Endpoint::local(accepted.get())};
  ASSERT_EQ(users.find(ends), ::getuid());
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  client.reset();
  EXPECT_EQ(users.find(ends), std::nullopt);
  EXPECT_EQ(users.table_reads(), 0U);

  const FailpointArmed armed("net.sock_diag");
  PeerUsers mute;
  EXPECT_EQ(mute.find(ends), std::nullopt);
  EXPECT_EQ(mute.table_reads(), 1U);
}

TEST(PeerUsers, AreNobodyForWhatIsNoConnection) {
  const auto listener = listen_on(endpoint_of("127.0.0.1", 0));
  ASSERT_TRUE(listener);
  EXPECT_EQ(PeerUsers().find(listener->get()), std::nullopt);
}

TEST(PeerUsers, AreReadFromTheTablesOnlyWithoutDoubt) {
  // As the kernel writes them: client 127.0.0.1:40000, server 127.0.0.1:8080.
  constexpr std::string_view kEnds = "0100007F:9C40 0100007F:1F90";
  const auto row = [&](std::string_view ends, std::string_view state, int user, int inode) {
    return fmt::format(
        "   1: {} {} 00000000:00000000 00:00000000 00000000 {:5}        0 {} 1 "
        "00000000 20 4 30 10 -1\n",
        ends, state, user, inode);
  };
  const std::string mapped =
      "0000000000000000FFFF00000100007F:9C40 0000000000000000FFFF00000100007F:1F90";
  const std::string head = "  sl  local_address rem_address   st tx_queue ...\n";
  const TcpEnds ends{.client = endpoint_of("127.0.0.1", 40000),
                     .server = endpoint_of("127.0.0.1", 8080)};
  const auto f = [&](const std::string& tcp, const std::string& tcp6,
                     std::optional<std::uint32_t> want) {
    EXPECT_EQ(find_in_tcp_tables(head + tcp, tcp6.empty() ? "" : head + tcp6, ends), want)
        << tcp << tcp6;
  };
  f(row(kEnds, "01", 1000, 7), "", 1000);
  f("", row(mapped, "01", 1000, 7), 1000);
  f("", "", std::nullopt);
  f(row(kEnds, "01", 0, 0), "", std::nullopt);     // closed by its process
  f(row(kEnds, "0A", 1000, 7), "", std::nullopt);  // listens
  f(row(kEnds, "02", 1000, 7), "", std::nullopt);  // only tries to connect
  f(row(kEnds, "06", 0, 0), "", std::nullopt);     // TIME_WAIT
  f(row(kEnds, "01", 1000, 7) + row(kEnds, "01", 1001, 8), "", std::nullopt);
  f(row(kEnds, "01", 1000, 7), row(mapped, "01", 1001, 8), std::nullopt);
  f(row("0100007F:1F90 0100007F:9C40", "01", 1000, 7), "", std::nullopt);  // our own end
  f(row("0100007F:9C41 0100007F:1F90", "01", 1000, 7), "", std::nullopt);
  f("   1: 0100007F:9C40 0100007F:1F90 01 garbage", "", std::nullopt);
  f(row(kEnds, "01", -1, 7), "", std::nullopt);
}

TEST(HttpServer, SaysWhoAsksOnlyWhenItIsToldTo) {
  const auto f = [](bool identify, const std::string& want) {
    const TestServer server({.identify_users = identify});
    RawClient client(server.port());
    for (int i = 0; i < 2; ++i) {
      client.send(get("/who"));
      EXPECT_THAT(client.read_response(), EndsWith("\r\n\r\n" + want));
    }
  };
  const std::string how = testing::is_tls_run() ? "local secure" : "local plain";
  f(false, "? " + how);
  f(true, fmt::format("{} {}", ::getuid(), how));
}

TEST(HttpServer, SaysOfAKnownRequestWhoAsksNow) {
  if (::geteuid() != 0 || testing::is_tls_run()) return;  // nobody else can be become
  const TestServer server({.identify_users = true});
  const auto who = [&] {
    RawClient client(server.port());
    client.send(get("/who"));
    return client.read_response();
  };
  for (int i = 0; i < 3; ++i) EXPECT_THAT(who(), EndsWith("\r\n\r\n0 local plain"));
  std::thread other([&] {
    ::syscall(SYS_setfsuid, kOtherUser);  // of this thread alone
    EXPECT_THAT(who(), EndsWith(fmt::format("\r\n\r\n{} local plain", kOtherUser)));
  });
  other.join();
  EXPECT_THAT(who(), EndsWith("\r\n\r\n0 local plain"));
}

}  // namespace
}  // namespace gpuvigil
