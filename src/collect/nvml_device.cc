// SPDX-License-Identifier: Apache-2.0
#include "collect/nvml_device.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

namespace gpuvigil {
namespace {

/// Beyond it a number does not fit the type that it is shown in.
constexpr double kMostInteger = 9.0e15;

/// Counters that the library may wrap at 32 bits.
constexpr bool may_wrap(NvmlPlace place) {
  return place == place_of(MetricId::kPcieSent) || place == place_of(MetricId::kPcieReceived) ||
         place == place_of(MetricId::kNvlinkSent) || place == place_of(MetricId::kNvlinkReceived);
}

/// After this answer nothing more is asked of the device in this round.
bool ends_round(NvmlCode code) {
  return is_nvml_gone(code) || code == kNvmlGpuIsLost || code == kNvmlResetRequired;
}

/// A reading with a type; a number that the type cannot hold is a driver error, as nonsense is.
template <class Quantity>
Reading<Quantity> whole(const Reading<double>& reading) {
  if (!reading) return missing(reading.error());
  if (!(*reading >= 0 && *reading <= kMostInteger)) return missing(Missing::kDriverError);
  using Rep = decltype(Quantity().count());
  if (*reading > static_cast<double>(std::numeric_limits<Rep>::max())) {
    return missing(Missing::kDriverError);
  }
  return Quantity(static_cast<Rep>(*reading));
}

template <class Quantity>
Reading<Quantity> real(const Reading<double>& reading) {
  if (!reading) return missing(reading.error());
  return Quantity(*reading);
}

Reading<std::uint32_t> bits(const Reading<double>& reading) {
  if (!reading) return missing(reading.error());
  if (!(*reading >= 0 && *reading <= 4294967295.0)) return UINT32_MAX;  // refused as nonsense
  return static_cast<std::uint32_t>(*reading);
}

/// Numbers that cannot be stay what they are where a double shows them, so that they are refused
/// and counted in one place, for all backends. Where they do not fit they become the largest
/// number, for the same end.
Reading<Bytes> bytes(const Reading<double>& reading) {
  if (reading && !(*reading >= 0 && *reading <= kMostInteger)) return Bytes(UINT64_MAX);
  return whole<Bytes>(reading);
}

Reading<Megahertz> megahertz(const Reading<double>& reading) {
  if (reading && !(*reading >= 0 && *reading < 4294967295.0)) return Megahertz(UINT32_MAX);
  return whole<Megahertz>(reading);
}

}  // namespace

NvmlDeviceReader::NvmlDeviceReader(std::shared_ptr<const NvmlLibrary> library,
                                   NvmlIdentity identity, NvmlVersions versions)
    : library_(std::move(library)),
      identity_(std::move(identity)),
      versions_(std::move(versions)),
      rests_(nvml_questions().size() + nvml_fields().size()),
      counters_(kNvmlPlaces),
      gpm_(library_, identity_.board, identity_.gpu_instance) {}

void NvmlDeviceReader::store(NvmlPlace place, double raw, double scale) {
  if (std::isnan(raw)) {
    readings_[place] = missing(Missing::kUnsupported);
    return;
  }
  const bool is_sense = std::isfinite(raw) && raw >= 0 && raw <= detail::kMaxMoved;
  if (is_sense && may_wrap(place)) {
    raw = counters_[static_cast<std::size_t>(place)].advance(raw);
  }
  readings_[place] = raw * scale;
}

Result<void> NvmlDeviceReader::ask_questions(Timestamp now, bool is_slow) {
  const auto questions = nvml_questions();
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const NvmlQuestion& question = questions[i];
    if (question.pace == Pace::kSlow && !is_slow) continue;
    if (!rests_.is_worth_asking(i, now)) continue;
    std::array<double, kMaxAnswers> values;
    values.fill(std::nan(""));
    const NvmlCode code = question.ask(library_->call(), identity_.handle, values.data());
    if (ends_round(code)) return std::unexpected(nvml_error(code, question.function));
    if (is_nvml_unsupported(code)) {
      rests_.refused(i, now);
    } else {
      rests_.answered(i);
    }
    for (std::size_t answer = 0; answer < question.answers; ++answer) {
      if (code == kNvmlOk) {
        store(question.places[answer], values[answer], question.scale);
      } else {
        readings_[question.places[answer]] = missing(nvml_missing(code));
      }
    }
  }
  return {};
}

Result<void> NvmlDeviceReader::ask_fields(Timestamp now, bool is_slow) {
  const auto rows = nvml_fields();
  const std::size_t first = nvml_questions().size();
  std::vector<std::size_t> asked;
  std::vector<NvmlField> fields;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].pace == Pace::kSlow && !is_slow) continue;
    if (!rests_.is_worth_asking(first + i, now)) continue;
    asked.push_back(i);
    fields.push_back({.id = rows[i].id, .scope = rows[i].scope});
  }
  if (fields.empty()) return {};
  const NvmlCode all =
      library_->call().fields(identity_.handle, static_cast<int>(fields.size()), fields.data());
  if (ends_round(all)) return std::unexpected(nvml_error(all, "GetFieldValues"));
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const NvmlFieldRow& row = rows[asked[i]];
    const NvmlCode code = all == kNvmlOk ? fields[i].code : all;
    if (is_nvml_unsupported(code)) {
      rests_.refused(first + asked[i], now);
    } else {
      rests_.answered(first + asked[i]);
    }
    if (code != kNvmlOk) {
      if (!row.adds) readings_[row.place] = missing(nvml_missing(code));
    } else if (row.adds && readings_[row.place]) {
      *readings_[row.place] += number_in(fields[i]) * row.scale;
    } else {
      store(row.place, number_in(fields[i]), row.scale);
    }
  }
  return {};
}

void NvmlDeviceReader::refresh_inventory(Timestamp now) {
  if (inventory_at_ && now - *inventory_at_ < kInventoryPace) return;
  inventory_at_ = now;
  auto inventory = read_inventory(library_->call(), identity_, versions_);
  if (const auto action = bits(readings_[NvmlPlace::kRecoveryAction])) {
    inventory.recovery_action = recovery_action_name(*action);
  }
  // The same object while nothing changed, so that nobody compares or copies it for nothing.
  if (!inventory_ || *inventory_ != inventory) {
    inventory_ = std::make_shared<const DeviceInventory>(std::move(inventory));
  }
}

Result<DeviceSample> NvmlDeviceReader::sample(Timestamp now, std::span<const RecentXid> xids) {
  const bool is_slow = !slow_at_ || now - *slow_at_ >= kSlowPace;
  GPUVIGIL_CHECK(ask_questions(now, is_slow));
  GPUVIGIL_CHECK(ask_fields(now, is_slow));
  if (is_slow) slow_at_ = now;
  refresh_inventory(now);

  DeviceSample sample;
  sample.at = now;
  sample.gpu_utilization = real<Percent>(readings_[NvmlPlace::kGpuUtilization]);
  sample.memory_used = bytes(readings_[NvmlPlace::kMemoryUsed]);
  sample.memory_total = bytes(readings_[NvmlPlace::kMemoryTotal]);
  sample.temperature = real<Celsius>(readings_[NvmlPlace::kTemperature]);
  sample.power = real<Watts>(readings_[NvmlPlace::kPower]);
  sample.power_limit = real<Watts>(readings_[NvmlPlace::kPowerLimit]);
  sample.sm_clock = megahertz(readings_[NvmlPlace::kSmClock]);
  sample.memory_clock = megahertz(readings_[NvmlPlace::kMemoryClock]);
  sample.throttle_reasons = bits(readings_[NvmlPlace::kClockReasons]);
  sample.inventory = inventory_;

  auto details = std::make_shared<DeviceDetails>();
  for (const DeviceMetric& metric : kDeviceMetrics) {
    const Reading<double>& reading = readings_[place_of(metric.id)];
    // What no table asks for stays unsupported.
    if (reading || reading.error() != Missing::kNotSampled) details->metrics[metric.id] = reading;
  }
  details->metrics[MetricId::kPowerLimitEnforced] = readings_[NvmlPlace::kPowerLimit];
  gpm_.read(now, details->metrics);
  details->processes = processes_.read(library_->call(), identity_.handle, now);
  if (details->processes) {
    sample.processes = static_cast<std::uint32_t>(details->processes->size());
  } else {
    sample.processes = missing(details->processes.error());
  }
  auto verdict = judge_health({.metrics = details->metrics,
                               .temperature = sample.temperature,
                               .throttle_reasons = sample.throttle_reasons,
                               .xids = xids,
                               .recovery_action = bits(readings_[NvmlPlace::kRecoveryAction])});
  sample.health = verdict.health;
  details->findings = std::move(verdict.findings);
  sample.details = std::move(details);
  return sample;
}

}  // namespace gpuvigil
