// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gpuvigil {

enum class BackendState {
  kStarting,  ///< Nobody has asked it, or one of its devices, yet.
  kOk,
  kFailing,  ///< It cannot be opened or does not list its devices; tried again later.
  kHung,     ///< A call does not come back.
};

[[nodiscard]] constexpr std::string_view to_string(BackendState state) {
  switch (state) {
    case BackendState::kStarting:
      return "starting";
    case BackendState::kOk:
      return "ok";
    case BackendState::kFailing:
      return "failing";
    case BackendState::kHung:
      return "hung";
  }
  return "failing";
}

/// How it stands with one family of devices behind one driver API.
struct BackendStatus {
  std::string name;
  BackendState state = BackendState::kStarting;
  std::string problem;        ///< In one line; empty when there is none.
  std::uint64_t devices = 0;  ///< That were ever there.

  // Since it began:
  std::uint64_t calls_failed = 0;     ///< Driver calls that returned an error.
  std::uint64_t devices_refused = 0;  ///< Listed without a usable UUID, twice, or beyond the limit.
};

}  // namespace gpuvigil
