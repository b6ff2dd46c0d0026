// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/zstd.h"
#include "model/device.h"
#include "model/window.h"
#include "store/kernel_file.h"
#include "store/kernel_sums.h"

namespace gpuvigil {

/// What may be kept of kernels.
struct KernelLimits {
  /// Series of a step, by tier; the rest is summed under __other__.
  std::array<std::size_t, kTiers> series = {256, 512, 1024};
  std::size_t names = 16'384;                       ///< Those that ran least lately go.
  std::size_t name_bytes = std::size_t{32} << 20U;  ///< Of all of them.
  std::size_t devices = 1024;                       ///< More are one without a name.
  std::size_t waiting_steps = 512;                  ///< While the file cannot be written.
};

/// Sums up what kernels did, and hands it to the file: second by second at first, so that a crash
/// loses no more, then in steps of ten seconds, minutes and hours, each made of whole sketches.
///
///     deltas ─▶ second ─▶ a row of the file ──┐ (go when their step is whole)
///        └────▶ ten seconds ─▶ minute ─▶ hour ┴▶ a row each
///
/// Threading: one thread at a time.
class KernelWriter {
 public:
  explicit KernelWriter(const KernelLimits& limits = {});

  /// What the last life left; counts what is damaged. Errors: as SqliteDatabase::execute().
  [[nodiscard]] Result<void> load(KernelFile file, std::uint64_t& damaged);

  /// What came between two edges; `devices` are those that its keys mean.
  void add(const WindowDelta& delta, std::span<const std::shared_ptr<const DeviceInfo>> devices);

  /// What was added is to be in the next commit.
  void end_second();

  /// Writes what waits, inside of a transaction; written() says that it was committed.
  [[nodiscard]] Result<void> write(KernelFile file);
  void written();

  /// The file is a new one: what was in the old one is not there.
  void begin_anew();

  /// What is not in the file yet, oldest first, and the names that only it needs.
  [[nodiscard]] std::vector<KernelStep> waiting() const;
  [[nodiscard]] const std::vector<StoredKernel>& new_names() const { return new_names_; }
  [[nodiscard]] const std::vector<std::string>& devices() const { return devices_; }

  [[nodiscard]] std::size_t names() const { return numbers_.size(); }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  struct Name {
    std::uint64_t number = 0;
    std::int64_t used_ns = 0;
    std::size_t bytes = 0;
    bool is_touched = false;  ///< Its use is not in the file yet.
  };

  [[nodiscard]] std::uint32_t device_number(const std::string& uuid);
  [[nodiscard]] std::optional<std::uint64_t> number_of(std::uint64_t id, const KernelSum& sum);
  void make_room_for_names();
  [[nodiscard]] Result<void> load_sums(KernelFile& file, TierId tier, std::int64_t from_ns,
                                       std::int64_t to_ns, KernelSums& into,
                                       std::uint64_t& damaged);
  [[nodiscard]] KernelStep step_of(TierId tier, KernelSums& sums);
  void close(TierId tier);
  KernelSums& running(TierId tier) { return running_[static_cast<std::size_t>(tier)]; }

  const KernelLimits limits_;
  std::array<KernelSums, kTiers> running_;  ///< The steps that are not whole yet.
  KernelSums second_;
  ZstdCodec zstd_;

  std::unordered_map<std::uint64_t, Name> numbers_;  ///< By KernelName::id.
  std::uint64_t next_number_ = 1;
  std::size_t name_bytes_ = 0;
  std::vector<std::string> devices_;  ///< By number; the first stands for those without room.
  std::map<std::string, std::uint32_t, std::less<>> device_numbers_;

  // What is not in the file yet.
  std::deque<KernelStep> seconds_;  ///< Of the running step.
  std::deque<KernelStep> steps_;
  std::vector<StoredKernel> new_names_;
  std::vector<std::uint64_t> old_names_;
  std::size_t devices_in_file_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace gpuvigil
