// SPDX-License-Identifier: Apache-2.0
#include "exporters/frame_metrics.h"

#include <algorithm>

#include "base/text.h"
#include "base/version.h"

namespace gpuvigil {
namespace {

using Heads = std::vector<FamilyHead>;

constexpr auto kCounter = FamilyKind::kCounter;

constexpr std::array<std::string_view, 3> kQuantiles = {"0.5", "0.95", "0.99"};

std::string cut(std::string_view text) {
  return std::string(truncate_utf8(text, MetricLimits::kMaxLabelBytes));
}

Heads process_heads() {
  return {{.name = "gpuvigil_process_memory_used_bytes",
           .unit = "bytes",
           .help = "Device memory that a process holds."},
          {.name = "gpuvigil_process_sm_utilization_ratio",
           .unit = "ratio",
           .help = "Share of the driver's last sampling period in which kernels of it ran."},
          {.name = "gpuvigil_process_kernel_calls",
           .kind = kCounter,
           .help = "Kernels that its agent has counted since it attached."},
          {.name = "gpuvigil_process_kernel_seconds",
           .kind = kCounter,
           .unit = "seconds",
           .help = "The sum of their durations."}};
}

Heads backend_heads() {
  return {
      {.name = "gpuvigil_backend_up", .help = "Whether the driver behind it answers: 1, else 0."},
      {.name = "gpuvigil_backend_calls_failed",
       .kind = kCounter,
       .help = "Calls of the driver that returned an error."}};
}

Heads frame_heads() {
  return {
      {.name = "gpuvigil_gpus", .help = "Devices, partitions included."},
      {.name = "gpuvigil_kernel_names", .help = "Kernel names that are kept apart."},
      {.name = "gpuvigil_alerts_today", .help = "Alerts that began to fire since midnight, UTC."},
      {.name = "gpuvigil_frame_timestamp_seconds",
       .unit = "seconds",
       .help = "The edge up to which all of this tells, in seconds since 1970."}};
}

MetricValue seconds_of(Timestamp at) {
  return MetricValue::seconds(
      static_cast<std::uint64_t>(std::max<std::int64_t>(to_unix_ns(at), 0)));
}

MetricValue ratio_of(const Reading<Percent>& reading) {
  return reading ? MetricValue::ratio(reading->count()) : MetricValue();
}

template <class T>
MetricValue count_of(const std::optional<T>& value) {
  return value ? MetricValue::count(*value) : MetricValue();
}

MetricValue memory_of(const ProcessUse& use) {
  if (use.told && use.told->memory) return MetricValue::count(use.told->memory->count());
  if (use.memory) return MetricValue::count(use.memory->allocated.count());
  return {};
}

/// A process on a device, for the order in which they are shown.
struct Use {
  const ProcessRow* process;
  const ProcessUse* use;
  double memory;
};

Labels process_labels(const Frame& frame, const Use& one) {
  const DeviceRow& device = frame.devices[one.use->device];
  const ProcessInfo nobody;
  const ProcessInfo& who = one.process->who ? *one.process->who : nobody;
  return {{"pid", std::to_string(one.process->pid)},
          {"process", cut(who.name)},
          {"user", cut(who.user)},
          {"container", cut(who.place.pod_container)},
          {"namespace", cut(who.place.pod_namespace)},
          {"pod", cut(who.place.pod_name)},
          {"slurm_job", cut(who.place.slurm_job)},
          {"gpu", std::to_string(device.index)},
          {"uuid", device.info->uuid}};
}

}  // namespace

FrameMetrics::FrameMetrics(const MetricLimits& limits, std::string host)
    : limits_(limits),
      devices_(own_device_families(), own_device_labels, std::move(host)),
      board_(limits.top_kernels),
      processes_(process_heads()),
      alert_counts_(Heads{{.name = "gpuvigil_alerts_firing", .help = "Alerts that fire now."}}),
      alerts_(Heads{{.name = "gpuvigil_alert_firing", .help = "An alert that fires now: 1."}}),
      events_(Heads{{.name = "gpuvigil_gpu_events",
                     .kind = kCounter,
                     .help = "Events of a device by kind; of an XID by its number."},
                    {.name = "gpuvigil_gpu_event_last_timestamp_seconds",
                     .unit = "seconds",
                     .help = "When the last of them came, in seconds since 1970."}}),
      losses_(Heads{{.name = "gpuvigil_losses",
                     .kind = kCounter,
                     .help = "What happened and is not, or not in full, in what is shown."}}),
      backends_(backend_heads()),
      frames_(frame_heads()),
      build_(Heads{
          {.name = "gpuvigil_build", .kind = FamilyKind::kInfo, .help = "The version that runs."}}),
      left_out_(Heads{{.name = "gpuvigil_metrics_left_out",
                       .help = "Rows of that section for which this answer has no room."}}) {
  kernels_[0].head = {.name = "gpuvigil_kernel_calls",
                      .kind = kCounter,
                      .help = "Executions of a kernel, copy or set; __other__: of all not listed."};
  kernels_[1].head = {.name = "gpuvigil_kernel_seconds",
                      .kind = kCounter,
                      .unit = "seconds",
                      .help = "The sum of their durations."};
  kernels_[2].head = {.name = "gpuvigil_kernel_duration_quantile_seconds",
                      .unit = "seconds",
                      .help = "Durations since counting began, within 2 %."};
}

void FrameMetrics::prepare_kernels() {
  board_generation_ = board_.generation();
  kernel_labels_.clear();
  for (MetricFamily& family : kernels_) {
    ++family.generation;
    family.series.clear();
    family.values.clear();
  }
  for (const KernelBoard::Entry& entry : board_.entries()) {
    kernel_labels_.push_back({{"kernel", cut(entry.name->name)},
                              {"id", format_kernel_id(entry.name->id)},
                              {"kind", std::string(to_string(entry.kind))}});
    const Labels* labels = &kernel_labels_.back();
    kernels_[0].series.push_back({.labels = labels});
    kernels_[1].series.push_back({.labels = labels});
    for (const std::string_view quantile : kQuantiles) {
      kernels_[2].series.push_back(
          {.labels = labels, .own_name = "quantile", .own_value = quantile});
    }
  }
  for (std::size_t kind = 0; kind < kKernelKinds; ++kind) {
    if (!board_.others()[kind].is_there) continue;
    kernel_labels_.push_back({{"kernel", std::string(kOtherName)},
                              {"id", ""},
                              {"kind", std::string(to_string(static_cast<KernelKind>(kind)))}});
    kernels_[0].series.push_back({.labels = &kernel_labels_.back()});
    kernels_[1].series.push_back({.labels = &kernel_labels_.back()});
  }
  for (MetricFamily& family : kernels_) family.values.resize(family.series.size());
}

void FrameMetrics::update_kernels(const Frame& frame) {
  board_.update(frame);
  if (board_.generation() != board_generation_) prepare_kernels();
  std::size_t at = 0;
  std::size_t quantile = 0;
  for (const KernelBoard::Entry& entry : board_.entries()) {
    kernels_[0].values[at] = MetricValue::count(entry.calls);
    kernels_[1].values[at++] = MetricValue::seconds(entry.sum_ns);
    kernels_[2].values[quantile++] = MetricValue::seconds(entry.percentiles.p50_ns);
    kernels_[2].values[quantile++] = MetricValue::seconds(entry.percentiles.p95_ns);
    kernels_[2].values[quantile++] = MetricValue::seconds(entry.percentiles.p99_ns);
  }
  for (const KernelBoard::Total& total : board_.others()) {
    if (!total.is_there) continue;
    kernels_[0].values[at] = MetricValue::count(total.calls);
    kernels_[1].values[at++] = MetricValue::seconds(total.sum_ns);
  }
}

void FrameMetrics::update_processes(const Frame& frame) {
  std::vector<Use> uses;
  for (const ProcessRow& process : frame.processes) {
    for (const ProcessUse& use : process.uses) {
      if (use.device >= frame.devices.size()) continue;
      uses.push_back({&process, &use, memory_of(use).to_double()});
    }
  }
  processes_left_out_ = uses.size() - std::min(uses.size(), limits_.processes);
  if (processes_left_out_ > 0) {
    std::ranges::stable_sort(uses, std::greater(), &Use::memory);
    uses.resize(limits_.processes);
  }
  processes_.begin();
  for (const Use& one : uses) {
    processes_.add(
        process_labels(frame, one),
        {memory_of(*one.use),
         one.use->told ? ratio_of(one.use->told->sm_utilization) : MetricValue(),
         count_of(one.use->calls),
         one.use->kernel_ns ? MetricValue::seconds(*one.use->kernel_ns) : MetricValue()});
  }
  processes_.end();
}

void FrameMetrics::update_alerts(const Frame& frame) {
  std::array<std::uint64_t, 2> firing{};
  std::size_t shown = 0;
  alerts_.begin();
  for (const Alert& alert : frame.alerts) {
    if (alert.state != AlertState::kFiring) continue;
    ++firing[alert.severity == Severity::kCritical ? 1 : 0];
    if (shown == limits_.alerts) continue;
    ++shown;
    alerts_.add({{"rule", cut(alert.rule)},
                 {"severity", std::string(to_string(alert.severity))},
                 {"metric", cut(alert.metric)},
                 {"gpu", std::to_string(alert.device)},
                 {"uuid", alert.uuid}},
                {MetricValue::count(1)});
  }
  alerts_.end();
  alerts_left_out_ = firing[0] + firing[1] - shown;
  alert_counts_.begin();
  alert_counts_.add({{"severity", "warning"}}, {MetricValue::count(firing[0])});
  alert_counts_.add({{"severity", "critical"}}, {MetricValue::count(firing[1])});
  alert_counts_.end();
}

void FrameMetrics::update_events(const Frame& frame) {
  const auto& counts = frame.events->counts;
  events_left_out_ = counts.size() - std::min(counts.size(), limits_.events);
  events_.begin();
  for (const EventCount& row : std::span(counts).first(counts.size() - events_left_out_)) {
    events_.add({{"uuid", row.uuid},
                 {"kind", cut(row.kind)},
                 {"code", row.code ? std::to_string(*row.code) : ""}},
                {MetricValue::count(row.count), seconds_of(row.last)});
  }
  events_.end();
}

void FrameMetrics::update_rest(const Frame& frame) {
  losses_.begin();
  for (const LossInfo& info : kLosses) {
    losses_.add({{"kind", std::string(info.name)}}, {MetricValue::count(frame.losses[info.loss])});
  }
  losses_.end();
  backends_.begin();
  for (const BackendStatus& backend : frame.backends) {
    backends_.add({{"backend", backend.name}},
                  {MetricValue::count(backend.state == BackendState::kOk ? 1 : 0),
                   MetricValue::count(backend.calls_failed)});
  }
  backends_.end();
  frames_.begin();
  frames_.add({},
              {MetricValue::count(frame.devices.size()), MetricValue::count(frame.kernels.size()),
               MetricValue::count(frame.alerts_today), seconds_of(frame.edge)});
  frames_.end();
  build_.begin();
  build_.add({{"version", std::string(version())}}, {MetricValue::count(1)});
  build_.end();
  left_out_.begin();
  const auto add = [&](const char* section, std::size_t count) {
    left_out_.add({{"section", section}}, {MetricValue::count(count)});
  };
  add("devices", devices_.left_out());
  add("kernels", board_.left_out());
  add("processes", processes_left_out_);
  add("alerts", alerts_left_out_);
  add("events", events_left_out_);
  left_out_.end();
}

void FrameMetrics::update(const Frame& frame) {
  devices_.update(frame);
  update_kernels(frame);
  update_processes(frame);
  update_alerts(frame);
  update_events(frame);
  update_rest(frame);
}

std::vector<const MetricFamily*> FrameMetrics::families() const {
  std::vector<const MetricFamily*> all;
  for (const MetricFamily& family : devices_.families()) all.push_back(&family);
  const auto others = families_without_devices();
  all.insert(all.end(), others.begin(), others.end());
  return all;
}

std::vector<const MetricFamily*> FrameMetrics::families_without_devices() const {
  std::vector<const MetricFamily*> all;
  const auto add = [&](std::span<const MetricFamily> families) {
    for (const MetricFamily& family : families) all.push_back(&family);
  };
  add(kernels_);
  for (const MetricRows* rows : {&processes_, &alert_counts_, &alerts_, &events_, &losses_,
                                 &backends_, &frames_, &build_, &left_out_}) {
    add(rows->families());
  }
  return all;
}

}  // namespace gpuvigil
