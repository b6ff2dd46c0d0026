// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string_view>

namespace gpuvigil {

/// Why a reading is not there. Zero is a legitimate reading, so absence must never look like it.
enum class Missing {
  kNotSampled,      ///< Nobody has asked the device yet.
  kUnsupported,     ///< This device or driver does not give it.
  kNotRecorded,     ///< The recording does not hold it.
  kNoPermission,    ///< The driver refused.
  kDriverError,     ///< The driver failed or gave nonsense.
  kStale,           ///< The last answer is too old to be shown as now.
  kLost,            ///< The device is gone from the bus.
  kRecordingEnded,  ///< The recording is over: there is no now.
};

/// As it stands in `reasons` of the API.
[[nodiscard]] constexpr std::string_view to_string(Missing why) {
  switch (why) {
    case Missing::kNotSampled:
      return "not sampled yet";
    case Missing::kUnsupported:
      return "unsupported";
    case Missing::kNotRecorded:
      return "not in the recording";
    case Missing::kNoPermission:
      return "permission";
    case Missing::kDriverError:
      return "driver error";
    case Missing::kStale:
      return "stale";
    case Missing::kLost:
      return "lost";
    case Missing::kRecordingEnded:
      return "recording ended";
  }
  return "unknown";
}

template <class T>
using Reading = std::expected<T, Missing>;

[[nodiscard]] constexpr std::unexpected<Missing> missing(Missing why) {
  return std::unexpected(why);
}

}  // namespace gpuvigil
