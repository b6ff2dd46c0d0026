// SPDX-License-Identifier: Apache-2.0
#include "base/failpoint.h"

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <map>
#include <string>

#include "base/mutex.h"

namespace gpuvigil {
namespace {

struct Registry {
  Mutex mutex;
  std::map<std::string, std::uint64_t, std::less<>> skips GPUVIGIL_GUARDED_BY(mutex);
  std::atomic<bool> any{false};  ///< So that an unarmed build pays one load.

  Registry() {
    const char* text = std::getenv("GPUVIGIL_FAILPOINT");
    std::string_view rest = text == nullptr ? "" : text;
    while (!rest.empty()) {
      const auto comma = rest.find(',');
      std::string_view one = rest.substr(0, comma);
      rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
      const auto colon = one.find(':');
      std::uint64_t skip = 0;
      if (colon != std::string_view::npos) {
        std::from_chars(one.data() + colon + 1, one.data() + one.size(), skip);
      }
      arm(one.substr(0, colon), skip);
    }
  }

  void arm(std::string_view name, std::uint64_t skip) {
    MutexLock lock(mutex);
    skips.insert_or_assign(std::string(name), skip);
    any = true;
  }
};

Registry& registry() {
  static Registry instance;
  return instance;
}

}  // namespace

#if defined(GPUVIGIL_FAILPOINTS)
bool failpoint(std::string_view name) {
  Registry& points = registry();
  if (!points.any.load(std::memory_order_relaxed)) return false;
  MutexLock lock(points.mutex);
  const auto found = points.skips.find(name);
  if (found == points.skips.end()) return false;
  if (found->second == 0) return true;
  --found->second;
  return false;
}
#endif

FailpointArmed::FailpointArmed(std::string_view name, std::uint64_t skip) : name_(name) {
  registry().arm(name, skip);
}

FailpointArmed::~FailpointArmed() {
  Registry& points = registry();
  MutexLock lock(points.mutex);
  if (const auto found = points.skips.find(name_); found != points.skips.end()) {
    points.skips.erase(found);
  }
  points.any = !points.skips.empty();
}

}  // namespace gpuvigil
