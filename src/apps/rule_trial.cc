// SPDX-License-Identifier: Apache-2.0
#include "apps/rule_trial.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "alert/alert_book.h"
#include "api/parameters.h"
#include "apps/cells.h"
#include "apps/client.h"
#include "base/text.h"
#include "model/metric.h"
#include "monitor/monitor.h"
#include "trace/player.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxAnswerBytes = std::size_t{64} << 20U;
constexpr std::string_view kNothing = "nothing would have been raised\n";

std::string line_of(std::string_view when, const Alert& alert) {
  return fmt::format("{}  {:8}  {:8}  {}  {}\n", when, to_string(alert.state),
                     to_string(alert.severity), alert.rule, clean_text(alert.message));
}

/// What history kept of one device at one time, as it was read then.
struct Reader {
  std::string_view metric;
  void (*put)(DeviceRow& row, double value);
};

Bytes bytes(double value) {
  return Bytes(static_cast<std::uint64_t>(std::max(value, 0.0)));
}

Megahertz megahertz(double value) {
  return Megahertz(static_cast<std::uint32_t>(std::clamp(value, 0.0, 1e6)));
}

/// In this order: what comes later goes by what came before.
constexpr std::array kReaders = {
    Reader{"gpu_utilization",
           [](DeviceRow& row, double value) { row.sample.gpu_utilization = Percent(value); }},
    Reader{"kernel_busy", [](DeviceRow& row, double value) { row.kernel_busy = Percent(value); }},
    Reader{"memory_used",
           [](DeviceRow& row, double value) { row.sample.memory_used = bytes(value); }},
    Reader{"memory_usage",
           [](DeviceRow& row, double value) {
             // History keeps the share and not the total; any total that gives this share will do.
             constexpr double kAnyTotal = 1e15;
             const auto used = row.sample.memory_used;
             const bool tells = used && used->count() > 0 && value > 0;
             const double total =
                 tells ? static_cast<double>(used->count()) * 100 / value : kAnyTotal;
             if (!tells) row.sample.memory_used = bytes(kAnyTotal * value / 100);
             row.sample.memory_total = bytes(total);
           }},
    Reader{"temperature",
           [](DeviceRow& row, double value) { row.sample.temperature = Celsius(value); }},
    Reader{"power", [](DeviceRow& row, double value) { row.sample.power = Watts(value); }},
    Reader{"sm_clock",
           [](DeviceRow& row, double value) { row.sample.sm_clock = megahertz(value); }},
    Reader{"memory_clock",
           [](DeviceRow& row, double value) { row.sample.memory_clock = megahertz(value); }},
    Reader{"device_healthy",
           [](DeviceRow& row, double value) {
             if (value < 1) row.sample.health = Health::kDegraded;
           }},
    Reader{"device_lost",
           [](DeviceRow& row, double value) {
             if (value > 0) row.sample.health = Health::kLost;
           }},
};

/// Puts one value where rules will read it.
void put(DeviceRow& row, DeviceDetails& details, std::string_view metric, double value) {
  const auto catalogued = std::ranges::find(kDeviceMetrics, metric, &DeviceMetric::name);
  if (catalogued != kDeviceMetrics.end()) details.metrics[catalogued->id] = value;
  const auto reader = std::ranges::find(kReaders, metric, &Reader::metric);
  if (reader != kReaders.end()) reader->put(row, value);
}

/// The values of one device by metric, in the order of kReaders, then the catalogue's.
struct Past {
  std::uint32_t index = 0;
  std::vector<std::pair<std::string, const JsonValue::Array*>> series;
};

std::size_t place_of(const std::string& metric) {
  return static_cast<std::size_t>(
      std::ranges::find(kReaders, std::string_view(metric), &Reader::metric) - kReaders.begin());
}

Result<std::map<std::string, Past>> read_past(const JsonValue& history) {
  std::map<std::string, Past> devices;
  for (const JsonValue& series : detail::elements(history["series"])) {
    const std::string uuid(series["uuid"].string_or(""));
    const JsonValue::Array* values = series["values"].as_array();
    if (uuid.empty() || values == nullptr) {
      return fail(Errc::kInternal, "the server's answer is no history");
    }
    const auto index = static_cast<std::uint32_t>(devices.size());
    Past& past = devices.try_emplace(uuid, Past{.index = index, .series = {}}).first->second;
    past.series.emplace_back(series["metric"].string_or(""), values);
  }
  for (auto& [uuid, past] : devices) {
    std::ranges::stable_sort(past.series, {}, [](const auto& one) { return place_of(one.first); });
  }
  return devices;
}

DeviceRow row_at(const std::string& uuid, const Past& past, std::size_t point, Timestamp at) {
  DeviceRow row;
  row.info = std::make_shared<DeviceInfo>(DeviceInfo{.uuid = uuid, .source = "history"});
  row.index = past.index;
  auto details = std::make_shared<DeviceDetails>();
  bool has_any = false;
  for (const auto& [metric, values] : past.series) {
    if (point >= values->size() || !detail::is_number((*values)[point])) continue;
    put(row, *details, metric, (*values)[point].number_or(0));
    has_any = true;
  }
  if (!has_any) return row;  // its sample says that nobody asked then
  row.sample.at = at;
  row.sample.details = std::shared_ptr<const DeviceDetails>(std::move(details));
  return row;
}

std::set<std::string> metrics_of(const std::vector<Rule>& rules) {
  std::set<std::string> metrics;
  for (const Rule& rule : rules) {
    if (rule.metric == kDataAgeMetric) {
      metrics.insert("gpu_utilization");  // what every device tells
    } else {
      metrics.insert(rule.metric);
    }
    if (!rule.limit_metric.empty()) metrics.insert(rule.limit_metric);
  }
  return metrics;
}

}  // namespace

bool is_in_history(const Rule& rule) {
  const auto is_kept = [](std::string_view metric) {
    return metric == kDataAgeMetric || find_metric(metric) != nullptr;
  };
  return rule.stat == KernelStat::kNone && rule.measure != Measure::kEvents &&
         is_kept(rule.metric) && (rule.limit_metric.empty() || is_kept(rule.limit_metric));
}

Result<std::string> try_on_recordings(const std::vector<Rule>& rules,
                                      const std::vector<std::string>& paths) {
  PlayerOptions options;
  options.paths = paths;
  GPUVIGIL_TRY(const auto player, Player::open(options));
  const Timestamp start = from_unix_ns(0);
  Monitor monitor(MonitorLimits(), start);
  AlertBook book(rules);
  std::string out;
  for (Timestamp now = start; now <= start + player->length() + 1s; now += 1s) {
    player->feed(now, monitor);
    const auto frame = monitor.build(now, true);
    for (const Alert& alert : book.update(*frame)) {
      const double seconds = std::chrono::duration<double>(now - start).count();
      out += line_of(fmt::format("{:>8.0f} s", seconds), alert);
    }
  }
  return out.empty() ? std::string(kNothing) : out;
}

Result<std::string> try_on_series(const std::vector<Rule>& rules, const JsonValue& history) {
  GPUVIGIL_TRY(const auto devices, read_past(history));
  const double step_ms = history["step_ms"].number_or(0);
  const auto& series = detail::elements(history["series"]);
  if (series.empty()) return std::string("history has nothing of that time\n");
  const auto& times = detail::elements(series.front()["times"]);
  const auto first = times.empty() ? std::nullopt : parse_rfc3339(times.front().string_or(""));
  if (!(step_ms >= 1) || step_ms > 1e12 || !first) {
    return fail(Errc::kInternal, "the server's answer is no history");
  }
  const auto step = std::chrono::milliseconds(static_cast<std::int64_t>(step_ms));
  AlertBook book(rules);
  std::string out;
  for (std::size_t point = 0; point < times.size(); ++point) {
    Frame frame;
    frame.is_edge = true;
    frame.edge = *first + static_cast<std::int64_t>(point) * step;
    for (const auto& [uuid, past] : devices) {
      frame.devices.push_back(row_at(uuid, past, point, frame.edge));
    }
    for (const Alert& alert : book.update(frame)) {
      out += line_of(fmt::format("{:%Y-%m-%d %H:%M:%S}Z",
                                 std::chrono::floor<std::chrono::seconds>(frame.edge)),
                     alert);
    }
  }
  return out.empty() ? std::string(kNothing) : out;
}

Result<std::string> try_on_history(const std::vector<Rule>& rules, const ClientOptions& client,
                                   const std::string& since) {
  std::string out;
  std::vector<Rule> known;
  for (const Rule& rule : rules) {
    if (is_in_history(rule)) {
      known.push_back(rule);
    } else {
      out += fmt::format("{}: left out, history does not tell of it; try --trace\n", rule.name);
    }
  }
  if (known.empty()) return out + "no rule is left to try\n";
  ApiParameters parameters = {{"from", since}, {"agg", "last"}, {"step", "1s"}};
  for (const std::string& metric : metrics_of(known)) parameters.emplace_back("metric", metric);
  GPUVIGIL_TRY(const std::string answer, ask(client, "/api/v1/gpu/history", parameters));
  GPUVIGIL_TRY(const JsonValue history, parse_json(answer, kMaxAnswerBytes));
  GPUVIGIL_TRY(const std::string raised, try_on_series(known, history));
  return out + raised;
}

}  // namespace gpuvigil
