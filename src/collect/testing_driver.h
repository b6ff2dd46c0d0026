// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "collect/backend.h"
#include "model/device.h"

namespace gpuvigil::testing {

/// A moment of a test in this century, so that nothing passes because of zeros.
inline constexpr Timestamp kNoon = Timestamp(std::chrono::seconds(1'800'000'000));

[[nodiscard]] inline DeviceInfo device_named(std::string uuid) {
  return {.uuid = std::move(uuid), .name = "Test GPU", .pci_bus_id = {}, .source = "fake"};
}

[[nodiscard]] inline DeviceSample sample_with(double percent) {
  DeviceSample sample;
  sample.gpu_utilization = Percent(percent);
  sample.memory_used = missing(Missing::kUnsupported);
  return sample;
}

/// A driver whose answers a test chooses, call by call, and whose calls it can hold up.
///
/// Threading: safe from any thread.
class FakeDriver : public std::enable_shared_from_this<FakeDriver> {
 public:
  explicit FakeDriver(std::shared_ptr<ManualClock> clock) : clock_(std::move(clock)) {}

  // What it answers from now on.
  void fail_open(std::optional<Error> error) {
    locked([&] { open_error_ = std::move(error); });
  }
  void fail_list(std::optional<Error> error) {
    locked([&] { list_error_ = std::move(error); });
  }
  /// Each is a board of its own.
  void list(const std::vector<std::string>& uuids) {
    std::vector<std::vector<std::string>> boards;
    for (const auto& uuid : uuids) boards.push_back({uuid});
    list_boards(boards);
  }
  void list_boards(const std::vector<std::vector<std::string>>& boards) {
    locked([&] {
      listed_.clear();
      for (const auto& uuids : boards) {
        Board& board = listed_.emplace_back();
        for (const auto& uuid : uuids) board.devices.push_back(device_named(uuid));
      }
    });
  }
  void answer(const std::string& uuid, Result<DeviceSample> sample) {
    locked([&] { answers_.insert_or_assign(uuid, std::move(sample)); });
  }
  /// Each sample takes this long on the clock.
  void take(Duration duration) {
    locked([&] { takes_ = duration; });
  }

  /// Samples, of this device or of all, do not return until release().
  void hang(std::string uuid = {}) {
    locked([&] {
      hung_ = true;
      hung_uuid_ = std::move(uuid);
    });
  }
  /// Nor does the next list.
  void hang_list() {
    locked([&] { list_hung_ = true; });
  }
  void release() {
    locked([&] { hung_ = list_hung_ = false; });
    changed_.notify_all();
  }

  /// Something happens.
  void tell(Event event) {
    locked([&] { events_.push_back(std::move(event)); });
    changed_.notify_all();
  }
  /// So many users of its devices are not read, from the next list on.
  void leave_unread(std::uint64_t clients) {
    locked([&] { unread_ += clients; });
  }
  void have_events() {
    locked([&] { has_events_ = true; });
  }
  /// Until so many threads are held up.
  void wait_until_hanging(int threads = 1) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return hanging_ >= threads; });
  }

  int opens() {
    return locked([&] { return opens_; });
  }
  int closes() {
    return locked([&] { return closes_; });
  }

  [[nodiscard]] BackendOpener opener() {
    return [self = shared_from_this()] { return self->open(); };
  }

 private:
  class Connection final : public Backend {
   public:
    explicit Connection(std::shared_ptr<FakeDriver> driver) : driver_(std::move(driver)) {}
    ~Connection() override {
      driver_->locked([&] { ++driver_->closes_; });
    }
    Result<std::vector<Board>> boards() override { return driver_->do_list(); }
    std::uint64_t take_clients_unread() override {
      return driver_->locked([&] { return std::exchange(driver_->unread_, 0); });
    }
    Result<DeviceSample> sample(const DeviceInfo& device, Timestamp) override {
      return driver_->do_sample(device.uuid);
    }
    bool has_events() const override { return driver_->has_events_; }
    Result<std::vector<Event>> wait_for_events(Duration patience, const Clock&) override {
      return driver_->do_wait(patience);
    }

   private:
    std::shared_ptr<FakeDriver> driver_;
  };

  Result<std::unique_ptr<Backend>> open() {
    return locked([&]() -> Result<std::unique_ptr<Backend>> {
      ++opens_;
      if (open_error_) return std::unexpected(*open_error_);
      return std::make_unique<Connection>(shared_from_this());
    });
  }

  Result<std::vector<Board>> do_list() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !list_hung_; });
    if (list_error_) return std::unexpected(*list_error_);
    return listed_;
  }

  Result<DeviceSample> do_sample(const std::string& uuid) {
    std::unique_lock lock(mutex_);
    const auto is_hung = [&] { return hung_ && (hung_uuid_.empty() || hung_uuid_ == uuid); };
    if (is_hung()) {
      ++hanging_;
      changed_.notify_all();
      changed_.wait(lock, [&] { return !is_hung(); });
      --hanging_;
    }
    clock_->advance(takes_);
    const auto found = answers_.find(uuid);
    return found == answers_.end() ? Result<DeviceSample>(sample_with(50)) : found->second;
  }

  std::vector<Event> do_wait(Duration patience) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [this] { return !events_.empty(); });
    return std::exchange(events_, {});
  }

  template <class Work>
  std::invoke_result_t<Work> locked(Work work) {
    const std::lock_guard lock(mutex_);
    return work();
  }

  const std::shared_ptr<ManualClock> clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Error> open_error_;
  std::optional<Error> list_error_;
  std::vector<Board> listed_;
  std::map<std::string, Result<DeviceSample>> answers_;
  Duration takes_{};
  bool hung_ = false;
  std::string hung_uuid_;
  bool list_hung_ = false;
  std::atomic<bool> has_events_ = false;
  std::vector<Event> events_;
  int hanging_ = 0;
  std::uint64_t unread_ = 0;
  int opens_ = 0;
  int closes_ = 0;
};

}  // namespace gpuvigil::testing
