// SPDX-License-Identifier: Apache-2.0
#include "profile/profile_server.h"

#include <array>
#include <cstring>
#include <filesystem>
#include <functional>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "profile/agent_socket.h"
#include "profile/profile_source.h"
#include "profile/testing_segment.h"
#include "testing_program.h"
#include "testing_server.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using testing::Folder;
using ::testing::HasSubstr;
using testing::kPatienceMs;
using testing::LiveProfile;
using testing::memory_of;
using testing::Program;
using testing::SegmentImage;

class ProfileServerTest : public ::testing::Test {
 protected:
  void start(ProfileLimits limits = {}) { server_ = std::make_unique<LiveProfile>(path(), limits); }

  [[nodiscard]] std::string path() const { return folder_ / "dir/agent.sock"; }

  const Folder folder_;
  std::unique_ptr<LiveProfile> server_;
};

SegmentImage image_of_two() {
  SegmentImage image;
  image.header().since_ns =
      static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  image.add_device();
  image.add_row("conv2d");
  image.record(0, 1000);
  image.record(0, 3000);
  image.flush();
  return image;
}

TEST_F(ProfileServerTest, APeerMayBeAnyUserInADirectoryOfOurs) {
  start();
  struct stat status{};
  ASSERT_EQ(::lstat(path().c_str(), &status), 0);
  EXPECT_TRUE(S_ISSOCK(status.st_mode));
  EXPECT_EQ(status.st_mode & 0777U, 0666U);
  ASSERT_EQ(::lstat((folder_ / "dir").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0755U);
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(ProfileServerTest, AtItsEndItTakesInWhoeverCameAndWent) {
  for (int round = 0; round < 20; ++round) {
    start();
    SegmentImage image = image_of_two();
    const UniqueFd memory = memory_of(image);
    {
      ASSERT_TRUE(Program(path()).hello(memory.get()));
    }
    const Program still_running(path());
    server_->finish();
    EXPECT_EQ(LiveProfile::calls_of(*server_->frame()), 2U) << round;
    EXPECT_EQ(server_->stats().attached, 1U);
    EXPECT_EQ(server_->stats().programs, 0U);
    server_->finish();
    server_.reset();
  }
}

TEST_F(ProfileServerTest, ReadsWhatAProgramWritesAndItsLastWordsAfterItsDeath) {
  start();
  SegmentImage image = image_of_two();
  const UniqueFd memory = memory_of(image);
  Program program(path());
  ASSERT_TRUE(program.hello(memory.get()));
  EXPECT_EQ(program.answer(), "taken");
  auto frame = server_->frame_with_calls(2);
  ASSERT_EQ(frame->kernels.size(), 1U);
  EXPECT_EQ(frame->kernels[0].name->name, "conv2d");
  EXPECT_EQ(frame->kernels[0].counters.sum_ns, 4000U);
  EXPECT_EQ(frame->recent.size(), 2U);
  ASSERT_EQ(frame->devices.size(), 1U);
  EXPECT_EQ(frame->devices[0].info->uuid, "SDK-0");

  image.record(0, 500);
  image.header().flush_seq += 1;  // it dies in the midst of a flush
  const auto bytes = image.bytes();
  ASSERT_EQ(::pwrite(memory.get(), bytes.data(), bytes.size(), 0),
            static_cast<ssize_t>(bytes.size()));
  program.leave();
  frame = server_->frame_with_calls(3);
  EXPECT_EQ(frame->kernels[0].counters.sum_ns, 4500U);
  server_->frame_with([&](const Frame&) { return server_->stats().programs == 0; });
  EXPECT_EQ(server_->stats().attached, 1U);
}

TEST_F(ProfileServerTest, WhatALongLivedProgramCountedBeforeIsInNoWindow) {
  start();
  SegmentImage image = image_of_two();
  image.header().since_ns = 0;
  const UniqueFd memory = memory_of(image);
  Program program(path());
  ASSERT_TRUE(program.hello(memory.get()));
  const auto frame = server_->frame_with_calls(2);
  std::uint64_t in_windows = 0;
  for (const auto& step : frame->windows->steps) {
    for (const SeriesDelta& delta : step->series) in_windows += delta.counters.calls;
  }
  EXPECT_EQ(in_windows, 0U);
}

TEST_F(ProfileServerTest, ProgramsThatAreNotWhatTheyShouldBeAreRefused) {
  start();
  const SegmentImage image = image_of_two();
  const UniqueFd memory = memory_of(image);
  const auto f = [&](const char* why, const std::function<bool(Program&)>& introduce) {
    Program program(path());
    ASSERT_TRUE(introduce(program)) << why;
    EXPECT_THAT(program.answer(), HasSubstr(why));
    EXPECT_EQ(program.answer(), "");  // and the connection ends
  };
  const gpuvigil_hello good{
      .magic = GPUVIGIL_HELLO_MAGIC, .abi = GPUVIGIL_SEGMENT_ABI, .size = SegmentImage::kBytes};
  f("does not begin", [&](Program& p) { return p.send("GET / HTTP/1.1\r\n", 16, {}); });
  f("does not begin", [&](Program& p) { return p.send(&good, sizeof(good), {}); });
  f("does not begin", [&](Program& p) {
    return p.send(&good, sizeof(good), {memory.get(), memory.get(), memory.get()});
  });
  f("does not begin",
    [&](Program& p) { return p.send(&good, sizeof(good), std::vector<int>(40, memory.get())); });
  f("does not begin", [&](Program& p) { return p.send(&good, 8, {memory.get()}); });
  f("number 9", [&](Program& p) { return p.hello(memory.get(), SegmentImage::kBytes, 9); });
  f("bytes", [&](Program& p) { return p.hello(memory.get(), SegmentImage::kBytes + 4096); });
  for (const int seals :
       {F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_SEAL | F_SEAL_GROW, F_SEAL_SEAL | F_SEAL_SHRINK}) {
    f("not sealed", [&](Program& p) { return p.hello(memory_of(image, seals).get()); });
  }
  f("not sealed", [&](Program& p) {
    const UniqueFd file(::open((folder_ / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    return ::ftruncate(file.get(), SegmentImage::kBytes) == 0 && p.hello(file.get());
  });
  f("not sealed", [&](Program& p) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    const UniqueFd read_end(ends[0]);
    const UniqueFd write_end(ends[1]);
    return p.hello(read_end.get());
  });
  EXPECT_EQ(server_->stats().attached, 0U);
  EXPECT_EQ(server_->stats().refused, 12U);
}

TEST_F(ProfileServerTest, AProgramThatTurnsHostileIsDroppedAndItsPeersAreNot) {
  start();
  SegmentImage image = image_of_two();
  const UniqueFd memory = memory_of(image);
  Program hostile(path());
  ASSERT_TRUE(hostile.hello(memory.get()));
  ASSERT_EQ(hostile.answer(), "taken");
  EXPECT_NE(::ftruncate(memory.get(), 0), 0);  // the seals hold
  image.row(0).pages[5] = UINT16_MAX;
  image.flush();
  const auto bytes = image.bytes();
  ASSERT_EQ(::pwrite(memory.get(), bytes.data(), bytes.size(), 0),
            static_cast<ssize_t>(bytes.size()));
  EXPECT_EQ(hostile.answer(), "");
  const auto attached = server_->events.pop();
  const auto refused = server_->events.pop();
  ASSERT_TRUE(attached && refused);
  EXPECT_EQ(attached->kind, ProfileEvent::Kind::kAttached);
  EXPECT_EQ(refused->kind, ProfileEvent::Kind::kRefused);
  EXPECT_EQ(refused->pid, ::getpid());
  EXPECT_THAT(refused->what, HasSubstr("a page that there is not"));

  const SegmentImage honest = image_of_two();
  Program program(path());
  ASSERT_TRUE(program.hello(memory_of(honest).get()));
  EXPECT_EQ(program.answer(), "taken");
  server_->frame_with_calls(2);
}

TEST_F(ProfileServerTest, AProgramThatSaysMoreThanItsHelloHasLeft) {
  start();
  const SegmentImage image = image_of_two();
  Program program(path());
  ASSERT_TRUE(program.hello(memory_of(image).get()));
  ASSERT_EQ(program.answer(), "taken");
  ASSERT_TRUE(program.send("more", 4, {}));
  EXPECT_EQ(program.answer(), "");
  EXPECT_EQ(server_->frame_with_calls(2)->kernels[0].counters.calls, 2U);
}

TEST_F(ProfileServerTest, WhoDoesNotIntroduceItselfIsSentAway) {
  start({.hello = 50ms});
  Program silent(path());
  ASSERT_TRUE(silent.connected);
  EXPECT_THAT(silent.answer(), HasSubstr("did not introduce itself"));
}

TEST_F(ProfileServerTest, OneUserHasAQuotaOfProgramsAndMemory) {
  start({.programs_per_uid = 5, .segment_bytes_per_uid = 3 * SegmentImage::kBytes});
  const SegmentImage image = image_of_two();
  std::vector<std::unique_ptr<Program>> programs;
  const auto f = [&](const char* want) {
    programs.push_back(std::make_unique<Program>(path()));
    (void)programs.back()->hello(memory_of(image).get());
    EXPECT_THAT(programs.back()->answer(), HasSubstr(want)) << programs.size();
  };
  for (int i = 0; i < 3; ++i) f("taken");
  f("too much memory");
  std::vector<std::unique_ptr<Program>> silent;
  for (int i = 0; i < 2; ++i) silent.push_back(std::make_unique<Program>(path()));
  f("too many programs");
  programs.clear();
  silent.clear();
  server_->frame_with([&](const Frame&) { return server_->stats().programs == 0; });
  f("taken");  // room again
}

TEST_F(ProfileServerTest, ManyWhoConnectAndLeaveLeaveNothingBehind) {
  start();
  const auto descriptors = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  const auto before = descriptors();
  const SegmentImage image = image_of_two();
  const UniqueFd memory = memory_of(image);
  for (int i = 0; i < 500; ++i) {
    Program program(path());
    if (i % 3 == 0) (void)program.send("x", 1, {memory.get(), memory.get()});
    if (i % 3 == 1) (void)program.hello(memory.get());
  }
  server_->frame_with(
      [&](const Frame&) { return server_->stats().programs == 0 && descriptors() <= before + 2; });
  EXPECT_LE(descriptors(), before + 2);
}

TEST(AgentSocket, TakesOverOnlyWhatIsItsOwnAndDead) {
  const Folder folder;
  const std::string path = folder / "agent.sock";
  const auto f = [&](const char* why) {
    const auto refused = AgentSocket::open(path);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr(why));
    EXPECT_THAT(refused.error().message, HasSubstr("agent.sock"));
  };
  {
    const auto living = AgentSocket::open(path);
    ASSERT_TRUE(living) << living.error().message;
    f("another gpuvigil listens");
  }
  {
    // A server that was killed leaves its socket behind.
    const UniqueFd dead(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  EXPECT_TRUE(AgentSocket::open(path));

  ASSERT_EQ(::symlink("/etc/passwd", path.c_str()), 0);
  f("no socket of ours");
  EXPECT_TRUE(std::filesystem::is_symlink(path));
  ASSERT_EQ(::unlink(path.c_str()), 0);
  ::close(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  f("no socket of ours");
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
}

TEST(AgentSocket, RefusesPlacesThatOthersCanWriteAndSymbolicLinks) {
  const Folder folder;
  const auto f = [](const std::string& path, const char* why) {
    const auto refused = AgentSocket::open(path);
    ASSERT_FALSE(refused) << path;
    EXPECT_THAT(refused.error().message, HasSubstr(why));
  };
  f("agent.sock", "absolute path");
  f("/tmp/" + std::string(120, 'x'), "at most 107 bytes");
  f(folder / "", "absolute path");
  f("/nowhere/at/all/agent.sock", "No such file");
  f(std::filesystem::temp_directory_path() / "agent.sock", "others can write");
  ASSERT_EQ(::symlink(folder.path().c_str(), (folder / "link").c_str()), 0);
  f(folder / "link/agent.sock", "Not a directory");
}

TEST(AgentSocket, RemovesNothingButItsOwn) {
  const Folder folder;
  const std::string path = folder / "agent.sock";
  {
    const auto socket = AgentSocket::open(path);
    ASSERT_TRUE(socket);
    ASSERT_EQ(::unlink(path.c_str()), 0);
    ::close(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  }
  EXPECT_TRUE(std::filesystem::exists(path));
}

/// One execution of each of these kernels, on the first of these devices.
SegmentDelta delta_of(const std::vector<std::string>& kernels,
                      const std::vector<std::string>& devices) {
  SegmentDelta delta;
  for (const std::string& uuid : devices) {
    delta.devices.push_back({.uuid = uuid, .name = {}, .pci_bus_id = {}, .source = "sdk"});
  }
  delta.buckets = {{.bucket = 5, .count = 1}};
  for (const std::string& name : kernels) {
    SegmentDelta::Change change{.row = static_cast<std::uint32_t>(delta.rows.size()),
                                .counters = {},
                                .first_bucket = 0,
                                .bucket_count = 1};
    change.counters.add(5);
    delta.rows.push_back({.name = name, .device = 0});
    delta.changes.push_back(change);
  }
  return delta;
}

TEST(ProfileSource, OneUserCannotFillWhatAllShare) {
  const SystemClock clock;
  const auto inbox = std::make_shared<ProfileInbox>(1 << 20);
  ProfileSource source(inbox, {.series_per_uid = 3, .devices_per_uid = 2});
  Monitor monitor;
  const auto told = [&](std::uint64_t client, uid_t uid, SegmentDelta delta, bool is_last) {
    inbox->push({.client = client, .uid = uid, .delta = std::move(delta), .is_last = is_last});
    source.feed(clock.now(), monitor);
    return monitor.build(clock.now(), true);
  };
  auto frame = told(1, 7, delta_of({"a", "b", "c", "d"}, {"GPU-1", "GPU-2", "GPU-3"}), false);
  ASSERT_EQ(frame->devices.size(), 3U);
  EXPECT_EQ(frame->devices[1].info->uuid, "GPU-2");
  EXPECT_EQ(frame->devices[2].info->uuid, "SDK-other");
  EXPECT_EQ(frame->losses[Loss::kExecutionsToOther], 1U);
  frame = told(2, 7, delta_of({"a", "b"}, {"GPU-1"}), true);  // known to the same user already
  EXPECT_EQ(frame->losses[Loss::kExecutionsToOther], 1U);
  frame = told(3, 8, delta_of({"x", "y", "z"}, {"GPU-3"}), false);  // another user
  EXPECT_EQ(frame->losses[Loss::kExecutionsToOther], 1U);
  frame = told(1, 7, {}, true);
  frame = told(4, 7, delta_of({"e", "f", "g"}, {"GPU-1"}), false);  // room again
  EXPECT_EQ(frame->losses[Loss::kExecutionsToOther], 1U);
  std::uint64_t calls = 0;
  for (const KernelRow& row : frame->kernels) calls += row.counters.calls;
  EXPECT_EQ(calls, 12U);
}

TEST(ProfileInbox, HasNoRoomForMoreThanItsBytes) {
  ProfileInbox inbox(4096);
  EXPECT_TRUE(inbox.has_room());
  SegmentDelta delta;
  delta.buckets.resize(1000);
  inbox.push({.client = 1, .uid = 7, .delta = std::move(delta), .is_last = false});
  EXPECT_FALSE(inbox.has_room());
  EXPECT_EQ(inbox.drain().size(), 1U);
  EXPECT_TRUE(inbox.has_room());
}

}  // namespace
}  // namespace gpuvigil
