// SPDX-License-Identifier: Apache-2.0
#include "net/mutation_kit.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/socket.h>

#include "net/ascii.h"
#include "net/mutator.h"
#include "net/server_test_kit.h"

#if defined(__SANITIZE_ADDRESS__)
// Debian's GCC has the function but not its header.
// NOLINTNEXTLINE(readability-identifier-naming,bugprone-reserved-identifier)
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace gpuvigil::testing {
namespace {

constexpr int kAtOnce = 50;              ///< Connections of a round.
constexpr int kEach = 2;                 ///< Spoiled requests of a connection.
constexpr std::size_t kSlack = 1 << 20;  ///< Bytes of memory that may differ: tables that grew.

std::size_t bytes_in_use() {
#if defined(__SANITIZE_ADDRESS__)
  return ::__sanitizer_get_current_allocated_bytes();
#else
  return ::mallinfo2().uordblks;
#endif
}

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

bool is_known(int status) {
  constexpr std::array kStatuses = {100, 101, 200, 304, 400, 403, 404,
                                    413, 414, 417, 426, 431, 501, 505};
  return std::ranges::find(kStatuses, status) != kStatuses.end();
}

/// What is wrong with all that came over one connection; empty when nothing is.
std::string complaint(std::string_view all) {
  while (!all.empty()) {
    const int status = status_of(all);
    if (!is_known(status)) return fmt::format("status {}", status);
    if (status == 101) return "";  // frames follow, perhaps cut by the client's going
    const std::size_t end = all.find("\r\n\r\n");
    if (end == std::string_view::npos) return "a header is cut";
    const std::string head = lower_case(all.substr(0, end));
    all.remove_prefix(end + 4);
    constexpr std::string_view kLength = "content-length: ";
    const std::size_t at = head.find(kLength);
    // Without a body: 100, 304, and all to HEAD.
    if (at == std::string::npos || all.empty() || all.starts_with("HTTP/1.1 ")) continue;
    const std::size_t length = std::strtoul(head.c_str() + at + kLength.size(), nullptr, 10);
    if (length > all.size()) return fmt::format("{} of {} bytes of a body", all.size(), length);
    all.remove_prefix(length);
  }
  return "";
}

/// Everything that has come. The connection is reset when the client goes, so that tens of
/// thousands of them leave no trace in the kernel.
std::string read_what_is_there(const RawClient& client) {
  std::string all;
  std::array<char, 16 * 1024> piece{};
  for (;;) {
    const auto got = ::recv(client.fd(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (got <= 0) break;
    all.append(piece.data(), static_cast<std::size_t>(got));
  }
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  return all;
}

/// One round: everything is sent, then everything is read.
void run_round(const TestServer& server, Mutator& mutator) {
  std::vector<std::unique_ptr<RawClient>> clients;
  std::vector<std::string> wires;
  for (int i = 0; i < kAtOnce; ++i) {
    auto& client = clients.emplace_back(std::make_unique<RawClient>(server.port()));
    std::string& wire = wires.emplace_back();
    for (int k = 0; k < kEach; ++k) wire += mutator.next();
    const std::size_t cut = mutator.below(wire.size() + 1);
    client->send(std::string_view(wire).substr(0, cut));
    client->send(std::string_view(wire).substr(cut));
  }
  // Accepted, read, answered: one round of the server each, at most. What has not come then never
  // comes, since nothing more is sent.
  for (int i = 0; i < 4; ++i) server.on_thread([] {});
  for (std::size_t slot = 0; slot < wires.size(); ++slot) {
    const std::string all = read_what_is_there(*clients[slot]);
    const std::string wrong = complaint(all);
    ASSERT_TRUE(wrong.empty()) << wrong << "\nsent: " << ::testing::PrintToString(wires[slot])
                               << "\ncame: " << ::testing::PrintToString(all);
  }
}

}  // namespace

void expect_to_survive(std::uint64_t seed, int count) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  TestServer server;
  server.app.shared = std::make_shared<const std::string>(std::string(5000, 'x'));
  Mutator mutator(seed);
  RawClient good(server.port());
  const int rounds = count / (kAtOnce * kEach);
  const int warm_up = std::max(1, rounds / 10);
  std::size_t memory = 0;
  std::ptrdiff_t descriptors = 0;
  for (int round = 0; round < rounds; ++round) {
    run_round(server, mutator);
    if (::testing::Test::HasFatalFailure()) return;
    good.send(get("/probe"));
    ASSERT_THAT(good.read_response(), ::testing::EndsWith("\r\n\r\n0 /probe|"));
    if (round != warm_up) continue;
    ASSERT_TRUE(server.eventually([](const auto& stats) { return stats.connections == 1; }));
    memory = bytes_in_use();
    descriptors = open_descriptors();
  }
  ASSERT_TRUE(server.eventually([](const auto& stats) { return stats.connections == 1; }));
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_LT(bytes_in_use(), memory + kSlack);
  const auto stats = server.server->stats();
  // It was not all refused at the door, and not all taken.
  EXPECT_GT(stats.requests, static_cast<std::uint64_t>(count) / 10);
  EXPECT_GT(stats.refused_requests, static_cast<std::uint64_t>(count) / 10);
  EXPECT_EQ(stats.timeouts, 0U);
}

}  // namespace gpuvigil::testing
