// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

namespace gpuvigil {

/// Makes a counter of a driver, which may wrap at 32 bits or begin again, one that only grows.
class GrowingCounter {
 public:
  /// What it stands at now that the driver says `raw`: a finite number, at least 0. The first
  /// answer is taken as it is. A number below the last one is a wrap when the last one was in the
  /// upper half of 32 bits and the new one is in the lower half; otherwise the driver began again,
  /// and `raw` is what was added since.
  double advance(double raw) {
    constexpr double kWrap = 4294967296.0;
    if (!last_) {
      total_ = raw;
    } else if (raw >= *last_) {
      total_ += raw - *last_;
    } else if (*last_ < kWrap && *last_ >= kWrap / 2 && raw < kWrap / 2) {
      total_ += raw + kWrap - *last_;
    } else {
      total_ += raw;
    }
    last_ = raw;
    return total_;
  }

 private:
  std::optional<double> last_;
  double total_ = 0;
};

}  // namespace gpuvigil
