// SPDX-License-Identifier: Apache-2.0
#include "collect/drm_readings.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "collect/sysfs.h"

namespace gpuvigil::detail {
namespace {

constexpr int kMaxSensors = 16;

/// A number of a file, in thousandths or millionths of the unit that we tell.
Reading<double> scaled(const Reading<std::int64_t>& raw, double divisor) {
  if (!raw) return missing(raw.error());
  return static_cast<double>(*raw) / divisor;
}

/// What must not be below zero.
Reading<std::uint64_t> unsigned_reading(const Reading<std::int64_t>& raw) {
  if (!raw) return missing(raw.error());
  if (*raw < 0) return missing(Missing::kDriverError);
  return static_cast<std::uint64_t>(*raw);
}

Reading<Bytes> bytes(const std::string& path) {
  const auto raw = unsigned_reading(read_sysfs_number(path));
  if (!raw) return missing(raw.error());
  return Bytes(*raw);
}

template <class Unit>
Reading<Unit> as(const Reading<double>& value) {
  if (!value) return missing(value.error());
  return Unit(*value);
}

Reading<Megahertz> as_megahertz(const Reading<double>& value) {
  if (!value) return missing(value.error());
  if (*value < 0 || *value > 1e9) return missing(Missing::kDriverError);
  return Megahertz(static_cast<std::uint32_t>(*value));
}

/// The sensors of one card: files such as "temp2_input" beside "temp2_label".
class Sensors {
 public:
  explicit Sensors(const DrmCard& card) : folder_(card.hwmon) {}

  [[nodiscard]] Reading<std::int64_t> number(const std::string& name) const {
    if (folder_.empty()) return missing(Missing::kUnsupported);
    return read_sysfs_number(folder_ + "/" + name);
  }

  /// The one of `kind` whose label is `label`: "temp2". Empty: there is none.
  [[nodiscard]] std::string labelled(std::string_view kind, std::string_view label) const {
    if (folder_.empty()) return {};
    for (int i = 1; i <= kMaxSensors; ++i) {
      const std::string sensor = fmt::format("{}{}", kind, i);
      if (read_sysfs_line(fmt::format("{}/{}_label", folder_, sensor)) == label) return sensor;
    }
    return {};
  }

  [[nodiscard]] Reading<double> degrees(const std::string& sensor, const char* what) const {
    if (sensor.empty()) return missing(Missing::kUnsupported);
    return scaled(number(fmt::format("{}_{}", sensor, what)), 1e3);
  }

  [[nodiscard]] Reading<double> watts(const char* name) const { return scaled(number(name), 1e6); }

 private:
  std::string folder_;
};

/// `first`, or where it is not there, `second`.
template <class T>
Reading<T> either(const Reading<T>& first, const Reading<T>& second) {
  return first ? first : second;
}

void read_amd_heat(const Sensors& sensors, DeviceSample& sample, MetricSet& metrics) {
  const std::string edge = sensors.labelled("temp", "edge");
  const std::string junction = sensors.labelled("temp", "junction");
  const auto hottest = sensors.degrees(junction, "input");
  metrics[MetricId::kHotspotTemperature] = hottest;
  metrics[MetricId::kMemoryTemperature] = sensors.degrees(sensors.labelled("temp", "mem"), "input");
  // Accelerators of the data centre have no sensor at the edge.
  sample.temperature = as<Celsius>(either(sensors.degrees(edge, "input"), hottest));
  const std::string& limits = edge.empty() ? junction : edge;
  metrics[MetricId::kSlowdownTemperature] = sensors.degrees(limits, "crit");
  metrics[MetricId::kShutdownTemperature] = sensors.degrees(limits, "emergency");
  const auto pulse = sensors.number("pwm1");
  const auto most = sensors.number("pwm1_max");
  metrics[MetricId::kFanSpeed] =
      scaled(pulse, most.value_or(255) > 0 ? static_cast<double>(most.value_or(255)) / 100 : 2.55);
}

void read_amd_power(const Sensors& sensors, DeviceSample& sample, MetricSet& metrics) {
  const auto average = sensors.watts("power1_average");
  const auto instant = sensors.watts("power1_input");
  metrics[MetricId::kPowerAverage] = average;
  metrics[MetricId::kPowerInstant] = instant;
  sample.power = as<Watts>(either(average, instant));
  const auto cap = sensors.watts("power1_cap");
  sample.power_limit = as<Watts>(cap);
  metrics[MetricId::kPowerLimitEnforced] = cap;
  metrics[MetricId::kPowerLimitDefault] = sensors.watts("power1_cap_default");
  metrics[MetricId::kPowerLimitMin] = sensors.watts("power1_cap_min");
  metrics[MetricId::kPowerLimitMax] = sensors.watts("power1_cap_max");
}

/// The clock of a sensor, or of the table of levels in `table_file`; and the table's highest.
std::pair<Reading<double>, Reading<double>> amd_clock(const DrmCard& card, const Sensors& sensors,
                                                      std::string_view label,
                                                      const char* table_file) {
  const auto table = read_sysfs(card.device + "/" + table_file);
  const auto as_reading = [&](std::optional<std::uint32_t> value) -> Reading<double> {
    if (!table) return missing(table.error());
    if (!value) return missing(Missing::kUnsupported);
    return static_cast<double>(*value);
  };
  const auto now = as_reading(table ? current_dpm_megahertz(*table) : std::nullopt);
  const auto most = as_reading(table ? highest_dpm_megahertz(*table) : std::nullopt);
  const std::string sensor = sensors.labelled("freq", label);
  if (sensor.empty()) return {now, most};
  return {either(scaled(sensors.number(sensor + "_input"), 1e6), now), most};
}

void read_amd_clocks(const DrmCard& card, const Sensors& sensors, DeviceSample& sample,
                     MetricSet& metrics) {
  const auto [shader, shader_max] = amd_clock(card, sensors, "sclk", "pp_dpm_sclk");
  const auto [memory, memory_max] = amd_clock(card, sensors, "mclk", "pp_dpm_mclk");
  sample.sm_clock = as_megahertz(shader);
  sample.memory_clock = as_megahertz(memory);
  metrics[MetricId::kGraphicsClock] = shader;
  metrics[MetricId::kGraphicsClockMax] = shader_max;
  metrics[MetricId::kSmClockMax] = shader_max;
  metrics[MetricId::kMemoryClockMax] = memory_max;
}

/// Memory errors of "ue: 1\nce: 22\n".
void read_amd_errors(const DrmCard& card, MetricSet& metrics) {
  const auto text = read_sysfs(card.device + "/ras/umc_err_count");
  for (const auto& [key, id] : {std::pair{"ue", MetricId::kEccUncorrectedVolatile},
                                std::pair{"ce", MetricId::kEccCorrectedVolatile}}) {
    metrics[id] = missing(text ? Missing::kDriverError : text.error());
    if (!text) continue;
    const std::size_t at = text->find(fmt::format("{}: ", key));
    if (at == std::string::npos) continue;
    const auto count = text->substr(at + 4, text->find('\n', at) - at - 4);
    const bool is_number = !count.empty() && count.size() < 16 &&
                           std::ranges::all_of(count, [](char c) { return c >= '0' && c <= '9'; });
    if (is_number) metrics[id] = static_cast<double>(std::stoull(count));
  }
}

/// One of several files that drivers of different age call differently.
Reading<std::int64_t> first_number(std::initializer_list<std::string> paths) {
  Reading<std::int64_t> found = missing(Missing::kUnsupported);
  for (const std::string& path : paths) {
    found = read_sysfs_number(path);
    if (found || found.error() != Missing::kUnsupported) break;
  }
  return found;
}

}  // namespace

void read_amdgpu(const DrmCard& card, DeviceSample& sample, MetricSet& metrics) {
  const Sensors sensors(card);
  sample.gpu_utilization =
      as<Percent>(scaled(read_sysfs_number(card.device + "/gpu_busy_percent"), 1));
  sample.memory_total = bytes(card.device + "/mem_info_vram_total");
  sample.memory_used = bytes(card.device + "/mem_info_vram_used");
  metrics[MetricId::kMemoryCopyUtilization] =
      scaled(read_sysfs_number(card.device + "/mem_busy_percent"), 1);
  if (sample.memory_total && sample.memory_used && *sample.memory_used <= *sample.memory_total) {
    metrics[MetricId::kMemoryFree] =
        static_cast<double>(sample.memory_total->count() - sample.memory_used->count());
  }
  read_amd_heat(sensors, sample, metrics);
  read_amd_power(sensors, sample, metrics);
  read_amd_clocks(card, sensors, sample, metrics);
  read_amd_errors(card, metrics);
  metrics[MetricId::kPcieReplays] =
      scaled(read_sysfs_number(card.device + "/pcie_replay_count"), 1);
}

void read_intel(const DrmCard& card, Timestamp now, std::optional<EnergyReading>& energy,
                DeviceSample& sample, MetricSet& metrics) {
  const Sensors sensors(card);
  const std::string xe = card.device + "/tile0/gt0/freq0";
  const auto clock = scaled(first_number({xe + "/act_freq", card.path + "/gt/gt0/rps_act_freq_mhz",
                                          card.path + "/gt_act_freq_mhz"}),
                            1);
  const auto clock_max =
      scaled(first_number({xe + "/rp0_freq", card.path + "/gt/gt0/rps_RP0_freq_mhz",
                           card.path + "/gt_RP0_freq_mhz"}),
             1);
  sample.sm_clock = as_megahertz(clock);
  metrics[MetricId::kGraphicsClock] = clock;
  metrics[MetricId::kGraphicsClockMax] = clock_max;
  metrics[MetricId::kSmClockMax] = clock_max;
  sample.memory_total = bytes(card.device + "/tile0/physical_vram_size_bytes");

  const std::string package = sensors.labelled("temp", "pkg");
  sample.temperature = as<Celsius>(sensors.degrees(package.empty() ? "temp1" : package, "input"));
  metrics[MetricId::kMemoryTemperature] =
      sensors.degrees(sensors.labelled("temp", "vram"), "input");
  sample.power_limit = as<Watts>(either(sensors.watts("power1_max"), sensors.watts("power1_cap")));
  metrics[MetricId::kPowerLimitEnforced] = sample.power_limit
                                               ? Reading<double>(sample.power_limit->count())
                                               : missing(sample.power_limit.error());
  metrics[MetricId::kPowerLimitDefault] = sensors.watts("power1_rated_max");

  const auto used = sensors.number("energy1_input");
  metrics[MetricId::kEnergy] = scaled(used, 1e6);
  const auto before = std::exchange(energy, std::nullopt);
  if (!used) {
    sample.power = missing(used.error());
    return;
  }
  energy = EnergyReading{.microjoules = *used, .at = now};
  sample.power = missing(Missing::kNotSampled);  // until there are two; and where it began again
  if (before && now > before->at && *used >= before->microjoules) {
    const double seconds = static_cast<double>((now - before->at).count()) / 1e9;
    sample.power = Watts(static_cast<double>(*used - before->microjoules) / 1e6 / seconds);
  }
}

void read_pcie(const DrmCard& card, MetricSet& metrics) {
  const auto generation = [&](const char* name) -> Reading<double> {
    const auto found = pcie_generation(read_sysfs_line(card.device + "/" + name));
    if (!found) return missing(Missing::kUnsupported);
    return static_cast<double>(*found);
  };
  metrics[MetricId::kPcieGeneration] = generation("current_link_speed");
  metrics[MetricId::kPcieGenerationMax] = generation("max_link_speed");
  metrics[MetricId::kPcieWidth] = scaled(read_sysfs_number(card.device + "/current_link_width"), 1);
  metrics[MetricId::kPcieWidthMax] = scaled(read_sysfs_number(card.device + "/max_link_width"), 1);
}

}  // namespace gpuvigil::detail
