// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace gpuvigil {

/// Places in the code that a test can make fail: `if (failpoint("inflate.read")) return fail(...)`.
/// Compiled to `false` unless the build has GPUVIGIL_FAILPOINTS (every development build).
///
/// Armed by a test with FailpointArmed, or from outside by the environment variable
/// GPUVIGIL_FAILPOINT=name[:skip][,name...]: fails from the (skip+1)-th time on.
///
/// Threading: safe from any thread.
#if defined(GPUVIGIL_FAILPOINTS)
[[nodiscard]] bool failpoint(std::string_view name);
#else
[[nodiscard]] constexpr bool failpoint(std::string_view) {
  return false;
}
#endif

/// Arms one failpoint for the life of this object.
class FailpointArmed {
 public:
  explicit FailpointArmed(std::string_view name, std::uint64_t skip = 0);
  ~FailpointArmed();
  FailpointArmed(const FailpointArmed&) = delete;
  FailpointArmed& operator=(const FailpointArmed&) = delete;

 private:
  std::string_view name_;
};

}  // namespace gpuvigil
