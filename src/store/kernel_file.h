// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/sqlite_database.h"
#include "store/tier.h"

namespace gpuvigil {

/// What all kernels did in one step: KernelBlobReader reads its bytes.
struct KernelStep {
  TierId tier = TierId::kRaw;
  std::int64_t from_ns = 0;
  std::int64_t to_ns =
      0;  ///< It belongs to the step of its tier in which its last nanosecond lies.
  std::string bytes;
};

/// A name and the number by which records mean it.
struct StoredKernel {
  std::uint64_t number = 0;
  std::uint64_t id = 0;      ///< KernelName::id.
  std::int64_t used_ns = 0;  ///< When it last ran, to about an hour.
  std::size_t bytes = 0;     ///< Of the name.
  std::string name;          ///< Only where it is asked for, or new.
};

/// From when to when a tier has steps of kernels.
struct KernelSpan {
  std::int64_t oldest_ns = 0;  ///< Where the first step begins to tell.
  std::int64_t newest_ns = 0;  ///< Where the last one ends.
};

/// How long a step of a tier is: ten seconds, a minute, an hour.
[[nodiscard]] constexpr std::int64_t kernel_step_ns(TierId tier) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  if (tier == TierId::kHour) return 3600 * kSecond;
  return (tier == TierId::kMinute ? 60 : 10) * kSecond;
}

/// When the step begins that ends at `to_ns`, or after it.
[[nodiscard]] constexpr std::int64_t kernel_step_of(TierId tier, std::int64_t to_ns) {
  const std::int64_t width = kernel_step_ns(tier);
  const std::int64_t rest = (to_ns - 1) % width;
  return to_ns - 1 - (rest < 0 ? rest + width : rest);
}

/// The statements about kernels in a file of history. Errors: as SqliteDatabase::execute().
///
/// Threading: as its database, which must outlive it.
class KernelFile {
 public:
  explicit KernelFile(SqliteDatabase& db) : db_(db) {}

  [[nodiscard]] Result<void> add_kernel(const StoredKernel& kernel);
  [[nodiscard]] Result<void> touch_kernel(std::uint64_t number, std::int64_t used_ns);
  [[nodiscard]] Result<void> drop_kernel(std::uint64_t number);
  [[nodiscard]] Result<void> add_device(std::uint32_t number, const std::string& uuid);
  [[nodiscard]] Result<void> add_step(const KernelStep& step);
  /// Those of a tier with from < to_ns <= to.
  [[nodiscard]] Result<void> drop_steps(TierId tier, std::int64_t from_ns, std::int64_t to_ns);
  /// The oldest ones; how many went.
  [[nodiscard]] Result<std::size_t> drop_oldest_steps(TierId tier, std::size_t limit);

  /// Without the names themselves.
  [[nodiscard]] Result<std::vector<StoredKernel>> load_kernels();
  [[nodiscard]] Result<std::vector<std::string>> load_devices();
  [[nodiscard]] Result<std::optional<StoredKernel>> find_kernel(std::uint64_t id);
  [[nodiscard]] Result<std::optional<std::string>> name_of(std::uint64_t number);
  [[nodiscard]] Result<std::optional<KernelSpan>> span_of(TierId tier);

  /// Calls `visit` for each step of a tier with from < to_ns <= to, oldest first; the bytes are
  /// valid during the call.
  using Visit =
      std::function<void(std::int64_t from_ns, std::int64_t to_ns, std::string_view bytes)>;
  [[nodiscard]] Result<void> each_step(TierId tier, std::int64_t from_ns, std::int64_t to_ns,
                                       const Visit& visit);

 private:
  SqliteDatabase& db_;
};

}  // namespace gpuvigil
