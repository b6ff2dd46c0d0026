// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "collect/nvml_functions.h"
#include "model/device.h"

namespace gpuvigil {

// Where each reading of an NVIDIA device comes from: two tables, of calls and of fields. A reading
// more is a row more.

/// A place for a number: a metric of the catalogue, or a reading that DeviceSample has by name.
enum class NvmlPlace : std::uint8_t {
  kGpuUtilization = static_cast<std::uint8_t>(MetricId::kCount),
  kMemoryUsed,
  kMemoryTotal,
  kTemperature,
  kPower,
  kPowerLimit,
  kSmClock,
  kMemoryClock,
  kClockReasons,
  kRecoveryAction,  ///< What the driver asks for; see DeviceInventory.
  kCount,
};
inline constexpr std::size_t kNvmlPlaces = static_cast<std::size_t>(NvmlPlace::kCount);

/// A metric of the catalogue as a place.
[[nodiscard]] constexpr NvmlPlace place_of(MetricId id) {
  return static_cast<NvmlPlace>(static_cast<std::uint8_t>(id));
}

/// The newest number for each place, in the unit of its metric, or why there is none.
class NvmlReadings {
 public:
  NvmlReadings() { values_.fill(missing(Missing::kNotSampled)); }
  [[nodiscard]] Reading<double>& operator[](NvmlPlace place) {
    return values_[static_cast<std::size_t>(place)];
  }
  [[nodiscard]] const Reading<double>& operator[](NvmlPlace place) const {
    return values_[static_cast<std::size_t>(place)];
  }

 private:
  std::array<Reading<double>, kNvmlPlaces> values_;
};

/// How often something is worth asking.
enum class Pace : std::uint8_t {
  kEveryRound,
  kSlow,  ///< Every half minute: limits and settings, which people change.
};

inline constexpr std::size_t kMaxAnswers = 4;

/// One call, which gives up to four numbers.
struct NvmlQuestion {
  std::string_view function;
  Pace pace;
  double scale;  ///< From the library's unit to ours.
  std::array<NvmlPlace, kMaxAnswers> places;
  std::size_t answers;  ///< How many of `places` count.
  /// Fills `values`; what this driver does not tell stays NaN. All bits set is infinity.
  NvmlCode (*ask)(const NvmlFunctions& call, NvmlDevice device, double* values);
};

/// One value of nvmlDeviceGetFieldValues.
struct NvmlFieldRow {
  std::uint32_t id;
  std::uint32_t scope;
  Pace pace;
  NvmlPlace place;
  double scale;
  bool adds;  ///< To what the row before put there, instead of replacing it.
};

/// One value of the performance monitor, in percent.
struct NvmlGpmRow {
  std::uint32_t id;
  MetricId metric;
};

[[nodiscard]] std::span<const NvmlQuestion> nvml_questions();
[[nodiscard]] std::span<const NvmlFieldRow> nvml_fields();
[[nodiscard]] std::span<const NvmlGpmRow> nvml_gpm_rows();

/// The number in a field, whatever its type; infinity when all its bits are set, or it is NaN.
[[nodiscard]] double number_in(const NvmlField& field);

}  // namespace gpuvigil
