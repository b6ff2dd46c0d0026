// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/bounded_queue.h"
#include "model/source.h"
#include "profile/segment_delta.h"

namespace gpuvigil {

/// What one program reported since the last time.
struct ProfileNews {
  std::uint64_t client = 0;  ///< Never used twice.
  uid_t uid = 0;             ///< As the kernel says.
  pid_t pid = 0;             ///< In our pid namespace; 0 when it is in none that we see.
  std::string writer;        ///< "sdk", "cuda" or "opencl".
  SegmentDelta delta;
  bool is_last = false;
};

/// From the thread that reads segments to the engine's. Who finds it full does not read for the
/// moment: counters wait where they are.
///
/// Threading: all members are safe from any thread.
class ProfileInbox {
 public:
  explicit ProfileInbox(std::size_t max_bytes);

  [[nodiscard]] bool has_room() const { return bytes_.load() < max_bytes_ && news_.load() < kMost; }
  /// Requires has_room() just before, on the one thread that pushes.
  void push(ProfileNews news);
  [[nodiscard]] std::deque<ProfileNews> drain();

 private:
  static constexpr std::size_t kMost = 8192;
  const std::size_t max_bytes_;
  std::atomic<std::size_t> bytes_{0};
  std::atomic<std::size_t> news_{0};
  BoundedQueue<ProfileNews> queue_;
};

/// What any one user may fill of what all share.
struct ProfileQuotas {
  std::size_t series_per_uid = 4'096;  ///< What goes beyond counts under __other__.
  std::size_t devices_per_uid = 64;    ///< What goes beyond is one device that says so.
};

/// Hands what programs report to the engine. Each program is an owner of series while it lives.
///
/// Threading: the engine's thread.
class ProfileSource final : public Source {
 public:
  explicit ProfileSource(std::shared_ptr<ProfileInbox> inbox, ProfileQuotas quotas = {});

  void feed(Timestamp until, Intake& intake) override;
  [[nodiscard]] bool finished() const override { return false; }

 private:
  using SeriesKey = std::pair<std::string, std::uint32_t>;  ///< Name and device.
  struct User {
    std::map<SeriesKey, std::uint32_t> series;  ///< How many programs hold each.
    std::set<std::string> devices;              ///< They stay in the frames, and so do they here.
  };
  struct Client {
    OwnerId owner{};
    CaptureState state;
    Timestamp told_at{};  ///< When it said last how it is doing.
    std::vector<DeviceSlot> devices;
    std::vector<SeriesSlot> rows;
    std::vector<SeriesKey> held;  ///< Of the user's quota.
  };

  void take(ProfileNews& news, Timestamp now, Intake& intake);
  static void identify(const ProfileNews& news, bool is_new, Timestamp now, Client& client,
                       Intake& intake);
  void open_rows(const SegmentDelta& delta, Client& client, User& user, Intake& intake);
  void close(std::uint64_t id, uid_t uid, Intake& intake);

  std::shared_ptr<ProfileInbox> inbox_;
  const ProfileQuotas quotas_;
  std::unordered_map<std::uint64_t, Client> clients_;
  std::unordered_map<uid_t, User> users_;
};

}  // namespace gpuvigil
