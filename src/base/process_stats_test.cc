// SPDX-License-Identifier: Apache-2.0
#include "base/process_stats.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

/// A folder that stands for /proc, with what a test puts into it.
class FakeProc {
 public:
  FakeProc() {
    std::string pattern = (std::filesystem::temp_directory_path() / "proc.XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
    std::filesystem::create_directory(path_ + "/self");
  }
  ~FakeProc() { std::filesystem::remove_all(path_); }
  FakeProc(const FakeProc&) = delete;
  FakeProc& operator=(const FakeProc&) = delete;

  void write(const std::string& name, std::string_view text) const {
    std::ofstream(path_ + "/self/" + name) << text;
  }
  [[nodiscard]] ProcessStats read() const { return read_process_stats(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A line as /proc/PID/stat has it: 14 and 15 are CPU ticks, 20 threads, 22 the start.
std::string stat_line(std::string_view name, std::string_view user, std::string_view threads) {
  return fmt::format(
      "7 ({}) S 1 7 7 0 -1 4194560 90 0 0 0 {} 250 0 0 20 0 {} 0 100 9000000 300 184467440737\n",
      name, user, threads);
}

TEST(ProcessStats, OfThisProcessFollowsWhatItDoes) {
  const auto before = read_process_stats();
  ASSERT_TRUE(before.user_time && before.system_time && before.resident_bytes && before.threads &&
              before.open_files && before.started);
  EXPECT_GT(*before.resident_bytes, 100'000U);
  EXPECT_LT(*before.started, wall_time() + 1s);
  EXPECT_GT(*before.started, wall_time() - 1h);

  std::vector<int> files;
  for (int i = 0; i < 20; ++i) files.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  constexpr std::size_t kBytes = 32 << 20;
  void* memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  std::atomic<bool> end = false;
  std::thread thread([&end] { end.wait(false); });
  const auto after = read_process_stats();
  end = true;
  end.notify_all();
  thread.join();
  EXPECT_EQ(*after.open_files, *before.open_files + files.size());
  EXPECT_EQ(*after.threads, *before.threads + 1);
  EXPECT_GE(*after.resident_bytes, *before.resident_bytes + kBytes * 9 / 10);
  for (const int file : files) ::close(file);
  ::munmap(memory, kBytes);
  EXPECT_EQ(*read_process_stats().open_files, *before.open_files);
}

TEST(ProcessStats, CpuTimeIsThatOfTheProcess) {
  const auto before = read_process_stats();
  const Duration until = process_cpu_time() + 60ms;
  while (process_cpu_time() < until) {
  }
  const auto after = read_process_stats();
  const Duration used =
      *after.user_time + *after.system_time - *before.user_time - *before.system_time;
  EXPECT_GE(used, 30ms);
  EXPECT_LE(used, 1s);
}

TEST(ProcessStats, ANameMayHoldAnything) {
  const FakeProc proc;
  for (const std::string_view name : {"a", "a b) S 1 2", ") ", "(((", "", "x) 1 1 1\n1"}) {
    proc.write("stat", stat_line(name, "150", "3"));
    const auto stats = proc.read();
    EXPECT_EQ(stats.user_time.value(), 1500ms) << name;
    EXPECT_EQ(stats.system_time.value(), 2500ms) << name;
    EXPECT_EQ(stats.threads.value(), 3U) << name;
  }
}

TEST(ProcessStats, WhatIsUnreadableIsAbsentWithItsReason) {
  const FakeProc proc;
  const auto f = [&](std::string_view stat, std::string_view statm, bool user, bool threads,
                     bool resident) {
    proc.write("stat", stat);
    proc.write("statm", statm);
    const auto stats = proc.read();
    EXPECT_EQ(stats.user_time.has_value(), user) << stat;
    EXPECT_EQ(stats.threads.has_value(), threads) << stat;
    EXPECT_EQ(stats.resident_bytes.has_value(), resident) << statm;
    const std::string why = user ? "" : stats.user_time.error().message;
    EXPECT_EQ(why.find("proc(5)") != std::string::npos, !user) << why;
  };
  f(stat_line("x", "1", "1"), "100 20 3 0 0 0 0\n", true, true, true);
  f("", "", false, false, false);
  f("7 (x) S 1", "100", false, false, false);
  f(stat_line("x", "-1", "1"), "100 x", false, true, false);
  f(stat_line("x", "1", "99999999999999999999"), "100 20x", true, false, false);

  std::filesystem::remove_all(proc.path() + "/self");
  const auto none = proc.read();
  EXPECT_EQ(none.user_time.error().code, Errc::kUnavailable);
  EXPECT_EQ(none.open_files.error().code, Errc::kUnavailable);
  EXPECT_NE(none.started.error().message.find(proc.path()), std::string::npos);
}

TEST(ProcessStats, DescriptorsAreCountedWhereTheKernelGivesNoNumber) {
  // Before Linux 6.2 the folder has no size; fdinfo has the same entries and still none.
  struct stat info{};
  ASSERT_EQ(::stat("/proc/self/fdinfo", &info), 0);
  ASSERT_EQ(info.st_size, 0) << "find another folder of /proc that has as many entries as fd";
  const FakeProc proc;
  std::filesystem::create_symlink("/proc/self/fdinfo", proc.path() + "/self/fd");
  EXPECT_EQ(proc.read().open_files.value(), read_process_stats().open_files.value());
}

}  // namespace
}  // namespace gpuvigil
