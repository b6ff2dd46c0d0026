// SPDX-License-Identifier: Apache-2.0
// What the book compares: the numbers of devices, events and kernels.
#include <algorithm>
#include <limits>
#include <utility>

#include "alert/alert_book.h"
#include "alert/rule_metric.h"

namespace gpuvigil {
namespace {

bool looks_back(const Rule& rule) {
  return rule.measure == Measure::kRate || rule.measure == Measure::kIncrease ||
         rule.measure == Measure::kChange || rule.measure == Measure::kRelativeChange ||
         rule.measure == Measure::kGrowth;
}

/// Events of that device in the window, newest first in the log.
double count_events(const Rule& rule, const EventLog& log, std::string_view uuid, Timestamp now) {
  double count = 0;
  for (const Event& event : log.events) {
    if (event.at <= now - rule.over) break;
    if (event.uuid != uuid || event.kind != rule.event_kind) continue;
    const bool is_meant =
        rule.event_codes.empty() ||
        (event.code && std::ranges::find(rule.event_codes, *event.code) != rule.event_codes.end());
    if (is_meant) ++count;
  }
  return count;
}

Reading<double> given(std::optional<double> value) {
  if (!value) return missing(Missing::kNotSampled);
  return *value;
}

double stat_of(const Rule& rule, const KernelLookback::Sum& sum) {
  const auto ms = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e6; };
  const double seconds = std::chrono::duration<double>(rule.over).count();
  switch (rule.stat) {
    case KernelStat::kP50:
      return ms(sum.percentiles.p50_ns);
    case KernelStat::kP95:
      return ms(sum.percentiles.p95_ns);
    case KernelStat::kP99:
      return ms(sum.percentiles.p99_ns);
    case KernelStat::kMax:
      return ms(sum.counters.max_ns);
    case KernelStat::kAverage:
      return sum.counters.calls == 0
                 ? 0
                 : ms(sum.counters.sum_ns) / static_cast<double>(sum.counters.calls);
    case KernelStat::kCalls:
      return static_cast<double>(sum.counters.calls) / seconds;
    case KernelStat::kTime:
      return static_cast<double>(sum.counters.sum_ns) / 1e9 / seconds * 100;
    case KernelStat::kNone:
      break;
  }
  return 0;
}

}  // namespace

/// Takes in what the newest steps of the ladder tell of the kernels that the rule means.
void AlertBook::feed_kernels(const Rule& rule, KernelWatches& kernels, const Frame& frame) {
  if (!frame.windows) return;
  const auto& steps = frame.windows->steps;
  auto first = steps.end();
  while (first != steps.begin() && (*std::prev(first))->from >= kernels.fed_to) --first;
  for (auto step = first; step != steps.end(); ++step) {
    for (const SeriesDelta& series : (*step)->series) {
      if (!is_kernel(series.key->kind) || series.key->device >= frame.devices.size()) continue;
      const KernelName& name = *series.key->name;
      if (kernels.known.size() > 100'000) kernels.known.clear();  // only a memory of answers
      const auto [meant, is_new] = kernels.known.try_emplace(name.id, false);
      if (is_new) meant->second = kernels.names->matches(name.name);
      const DeviceRow& row = frame.devices[series.key->device];
      if (!meant->second || !row.info) continue;
      KernelKey key{row.info->uuid, name.name};
      if (kernels.watches.size() >= kMaxKernels && !kernels.watches.contains(key)) {
        ++kernels_unwatched_;
        continue;
      }
      Watch& watch = kernels.watches[std::move(key)];
      if (!watch.kernel_past) watch.kernel_past = std::make_unique<KernelLookback>(rule.over);
      watch.kernel_past->add((*step)->to, series.counters, (*step)->buckets_of(series));
    }
    kernels.fed_to = (*step)->to;
  }
}

void AlertBook::look_at_kernels(std::size_t index, const Frame& frame,
                                std::vector<Alert>& changes) {
  const Rule& rule = rules_[index];
  KernelWatches& kernels = kernels_[index];
  feed_kernels(rule, kernels, frame);
  // The parts of a window end with the last step, which may be older than the edge.
  const Timestamp now = frame.edge;
  for (auto at = kernels.watches.begin(); at != kernels.watches.end();) {
    auto& [key, watch] = *at;
    const auto row = std::ranges::find_if(frame.devices, [&key = key](const DeviceRow& one) {
      return one.info && one.info->uuid == key.first;
    });
    if (row != frame.devices.end()) {
      const Look look{.frame = frame, .row = *row, .now = now, .kernel = key.second};
      judge(rule, watch, {measure_kernel(rule, watch, now), rule.threshold}, look, changes);
    }
    const bool is_idle = !watch.kernel_past || watch.kernel_past->is_idle(now);
    at = is_idle && watch.progress.phase == AlertPhase::kIdle ? kernels.watches.erase(at)
                                                              : std::next(at);
  }
}

Reading<double> AlertBook::measure_kernel(const Rule& rule, const Watch& watch, Timestamp now) {
  const bool has_times = rule.stat != KernelStat::kCalls && rule.stat != KernelStat::kTime;
  const bool changes = rule.measure == Measure::kChange || rule.measure == Measure::kRelativeChange;
  // A kernel that does not run any more is neither slow nor fast: whatever held is over.
  const double over = rule.comparison == Comparison::kAbove ? std::min(0.0, rule.threshold)
                                                            : std::numeric_limits<double>::max();
  if (!watch.kernel_past) return has_times || changes ? over : 0.0;
  const auto last = watch.kernel_past->sum(now, false, has_times);
  if (last.counters.calls == 0 && has_times) return over;
  if (!changes) return stat_of(rule, last);
  const auto before = watch.kernel_past->sum(now, true, has_times);
  if (before.counters.calls == 0) return missing(Missing::kNotSampled);
  const double difference = stat_of(rule, last) - stat_of(rule, before);
  if (rule.measure == Measure::kChange) return difference;
  return 100 * difference / stat_of(rule, before);
}

AlertBook::Measured AlertBook::measure(const Rule& rule, Watch& watch, const Look& look) {
  double threshold = rule.threshold;
  if (!rule.limit_metric.empty()) {
    const auto limit = read_rule_metric(rule.limit_metric, look.frame, look.row);
    if (!limit) return {missing(limit.error()), threshold};
    threshold += *limit * rule.limit_factor;
  }
  if (rule.measure == Measure::kEvents) {
    return {count_events(rule, *look.frame.events, look.row.info->uuid, look.now), threshold};
  }
  if (rule.metric == kDataAgeMetric) {
    return {std::chrono::duration<double>(look.data_age).count(), threshold};
  }
  Reading<double> value = read_rule_metric(rule.metric, look.frame, look.row);
  if (rule.measure == Measure::kAge) {
    // What a device never gives is not missed.
    if (value || !watch.last_reading) {
      if (value) watch.last_reading = look.now;
      return {value ? Reading<double>(0.0) : missing(value.error()), threshold};
    }
    return {std::chrono::duration<double>(look.now - *watch.last_reading).count(), threshold};
  }
  if (!looks_back(rule)) return {value, threshold};
  if (!watch.past) watch.past = std::make_unique<Lookback>(rule.over);
  if (value) watch.past->add(look.now, *value);
  if (!value) return {value, threshold};
  switch (rule.measure) {
    case Measure::kRate:
      return {given(watch.past->rate(look.now)), threshold};
    case Measure::kIncrease:
      return {given(watch.past->increase(look.now)), threshold};
    case Measure::kGrowth:
      return {given(watch.past->growth(look.now)), threshold};
    default:
      return {given(watch.past->change(look.now, rule.measure == Measure::kRelativeChange)),
              threshold};
  }
}

}  // namespace gpuvigil
