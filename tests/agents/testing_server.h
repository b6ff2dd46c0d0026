// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>
#include <poll.h>

#include "base/bounded_queue.h"
#include "monitor/monitor.h"
#include "profile/profile_server.h"

namespace gpuvigil::testing {

inline constexpr int kPatienceMs = 30'000;

/// A folder of our own that goes with the test.
class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "gpuvigil.XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A server to which programs report, and the live state that it fills.
class LiveProfile {
 public:
  explicit LiveProfile(std::string path, ProfileLimits limits = {}) {
    auto server = ProfileServer::start(
        {.path = std::move(path),
         .period = std::chrono::milliseconds(10),
         .limits = limits,
         .on_event = [this](const ProfileEvent& event) { events.push(event); }},
        clock_);
    EXPECT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
    source_ = server_->source();
  }

  void finish() { server_->finish(); }

  [[nodiscard]] Tracer& tracer() { return *server_; }

  [[nodiscard]] ProfileStats stats() const { return server_->stats(); }

  std::shared_ptr<Frame> frame() {
    source_->feed(clock_.now(), monitor_);
    return monitor_.build(clock_.now(), true);
  }

  /// Frames until one is as wanted; the last one in any case.
  std::shared_ptr<Frame> frame_with(const std::function<bool(const Frame&)>& wanted) {
    std::shared_ptr<Frame> newest = frame();
    for (int i = 0; i < kPatienceMs / 10 && !wanted(*newest); ++i) {
      ::poll(nullptr, 0, 10);
      newest = frame();
    }
    return newest;
  }

  static std::uint64_t calls_of(const Frame& frame) {
    std::uint64_t all = 0;
    for (const KernelRow& row : frame.kernels) all += row.counters.calls;
    return all;
  }

  std::shared_ptr<Frame> frame_with_calls(std::uint64_t calls) {
    return frame_with([&](const Frame& frame) { return calls_of(frame) >= calls; });
  }

  /// Its row; one without calls when there is none.
  static KernelRow row_of(const Frame& frame, std::string_view name) {
    for (const KernelRow& row : frame.kernels) {
      if (row.name->name == name) return row;
    }
    return {};
  }

  BoundedQueue<ProfileEvent> events{256, WhenFull::kDropOldest};

 private:
  const SystemClock clock_;
  std::unique_ptr<ProfileServer> server_;
  std::unique_ptr<Source> source_;
  Monitor monitor_;
};

}  // namespace gpuvigil::testing
