// SPDX-License-Identifier: Apache-2.0
#include "api/self_metrics.h"

#include <algorithm>
#include <array>

namespace gpuvigil {
namespace {

constexpr auto kGauge = FamilyKind::kGauge;
constexpr auto kCounter = FamilyKind::kCounter;

MetricValue span(Duration time) {
  return MetricValue::seconds(static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0)));
}

template <class T>
MetricValue count(const Result<T>& value) {
  return value ? MetricValue::count(*value) : MetricValue();
}

/// One number of the report.
struct Total {
  std::string_view name;  ///< Without "gpuvigil_".
  FamilyKind kind;
  std::string_view unit;
  std::string_view help;
  MetricValue (*read)(const SystemReport&);
};

constexpr std::array kTotals = {
    Total{"server_uptime_seconds", kGauge, "seconds", "How long this server has run.",
          [](const SystemReport& r) { return span(r.uptime); }},
    Total{"server_cpu_seconds", kCounter, "seconds", "CPU time of this process.",
          [](const SystemReport& r) {
            if (!r.process.user_time || !r.process.system_time) return MetricValue();
            return span(*r.process.user_time + *r.process.system_time);
          }},
    Total{"server_resident_bytes", kGauge, "bytes", "Memory of this process.",
          [](const SystemReport& r) { return count(r.process.resident_bytes); }},
    Total{"server_threads", kGauge, "", "Threads of this process.",
          [](const SystemReport& r) { return count(r.process.threads); }},
    Total{"server_open_files", kGauge, "", "Open files of this process.",
          [](const SystemReport& r) { return count(r.process.open_files); }},
    Total{"http_connections", kGauge, "", "Open connections, streams included.",
          [](const SystemReport& r) { return MetricValue::count(r.http.connections); }},
    Total{"http_streams", kGauge, "", "Open streams.",
          [](const SystemReport& r) { return MetricValue::count(r.http.streams); }},
    Total{"http_accepted", kCounter, "", "Connections that were accepted.",
          [](const SystemReport& r) { return MetricValue::count(r.http.accepted); }},
    Total{"http_refused_connections", kCounter, "", "Connections beyond the limits.",
          [](const SystemReport& r) { return MetricValue::count(r.http.refused_connections); }},
    Total{"http_refused_requests", kCounter, "", "Requests that were no good HTTP.",
          [](const SystemReport& r) { return MetricValue::count(r.http.refused_requests); }},
    Total{"http_timeouts", kCounter, "", "Connections closed for being too slow.",
          [](const SystemReport& r) { return MetricValue::count(r.http.timeouts); }},
    Total{"http_denied", kCounter, "", "Requests without good credentials.",
          [](const SystemReport& r) { return MetricValue::count(r.access.counters().denied); }},
    Total{"http_rate_limited", kCounter, "", "Requests of callers who asked too often.",
          [](const SystemReport& r) { return MetricValue::count(r.access.counters().limited); }},
    Total{"http_received_bytes", kCounter, "bytes", "Received from clients.",
          [](const SystemReport& r) { return MetricValue::count(r.http.bytes_in); }},
    Total{"http_sent_bytes", kCounter, "bytes", "Sent to clients.",
          [](const SystemReport& r) { return MetricValue::count(r.http.bytes_out); }},
    Total{"stream_messages_dropped", kCounter, "", "Messages that slow readers have missed.",
          [](const SystemReport& r) { return MetricValue::count(r.http.messages_dropped); }},
    Total{"frames", kCounter, "", "Frames that were closed.",
          [](const SystemReport& r) { return MetricValue::count(r.engine.edges); }},
    Total{"frame_last_build_seconds", kGauge, "seconds", "What closing the last frame took.",
          [](const SystemReport& r) { return span(r.engine.last_build); }},
    Total{"frame_longest_build_seconds", kGauge, "seconds", "What closing the slowest one took.",
          [](const SystemReport& r) { return span(r.engine.longest_build); }},
    Total{"samples_dropped", kCounter, "", "Samples of programs that came too fast.",
          [](const SystemReport& r) { return MetricValue::count(r.engine.samples_dropped); }},
    Total{"log_lines_lost", kCounter, "", "Lines of the log that nobody took.",
          [](const SystemReport& r) { return MetricValue::count(r.log.lost); }},
};

std::vector<FamilyHead> total_heads() {
  std::vector<FamilyHead> heads;
  for (const Total& total : kTotals) {
    heads.push_back({.name = "gpuvigil_" + std::string(total.name),
                     .kind = total.kind,
                     .unit = total.unit,
                     .help = total.help});
  }
  return heads;
}

std::vector<FamilyHead> route_heads() {
  return {{.name = "gpuvigil_http_requests", .kind = kCounter, .help = "Requests by route."},
          {.name = "gpuvigil_http_client_errors",
           .kind = kCounter,
           .help = "Of them, those answered with 4xx."},
          {.name = "gpuvigil_http_server_errors",
           .kind = kCounter,
           .help = "Of them, those answered with 5xx."}};
}

std::vector<FamilyHead> export_heads() {
  return {
      {.name = "gpuvigil_export_up", .help = "Whether the last request was taken or refused: 1."},
      {.name = "gpuvigil_export_samples_sent", .kind = kCounter, .help = "That were taken."},
      {.name = "gpuvigil_export_samples_refused",
       .kind = kCounter,
       .help = "That the receiver will never take."},
      {.name = "gpuvigil_export_requests_failed",
       .kind = kCounter,
       .help = "Requests that are tried again."},
      {.name = "gpuvigil_export_batches_dropped",
       .kind = kCounter,
       .help = "Batches for which there was no room."},
      {.name = "gpuvigil_export_batches_waiting", .help = "Batches that wait on disk."},
      {.name = "gpuvigil_export_waiting_bytes", .unit = "bytes", .help = "What they take there."}};
}

std::vector<FamilyHead> fleet_heads() {
  return {{.name = "gpuvigil_fleet_up",
           .help = "Whether the server of time series answered the last question: 1, else 0."},
          {.name = "gpuvigil_fleet_queries",
           .kind = kCounter,
           .help = "Questions that it was to answer."},
          {.name = "gpuvigil_fleet_queries_failed",
           .kind = kCounter,
           .help = "Of them, those that it did not."},
          {.name = "gpuvigil_fleet_queries_refused",
           .kind = kCounter,
           .help = "Questions beyond those that may wait."}};
}

}  // namespace

SelfMetrics::SelfMetrics()
    : totals_(total_heads()),
      routes_(route_heads()),
      exports_(export_heads()),
      fleet_(fleet_heads()) {}

void SelfMetrics::update(const SystemReport& report) {
  std::array<MetricValue, kTotals.size()> values;
  for (std::size_t i = 0; i < kTotals.size(); ++i) values[i] = kTotals[i].read(report);
  totals_.begin();
  totals_.add({}, values);
  totals_.end();
  routes_.begin();
  for (std::size_t i = 0; i < report.routes.size(); ++i) {
    const RequestStats& stats = report.requests[i];
    if (stats.requests == 0) continue;
    routes_.add(
        {{"method", std::string(method_name(report.routes[i].method))},
         {"path", std::string(report.routes[i].pattern)}},
        std::array{MetricValue::count(stats.requests), MetricValue::count(stats.client_errors),
                   MetricValue::count(stats.server_errors)});
  }
  routes_.end();
  exports_.begin();
  for (const ExportStats& stats : report.exports) {
    exports_.add(
        {{"export", stats.name}},
        {MetricValue::count(stats.is_up ? 1 : 0), MetricValue::count(stats.samples_sent),
         MetricValue::count(stats.samples_refused), MetricValue::count(stats.requests_failed),
         MetricValue::count(stats.batches_dropped), MetricValue::count(stats.batches_waiting),
         MetricValue::count(stats.bytes_waiting)});
  }
  exports_.end();
  fleet_.begin();
  if (const Fleet* fleet = report.history.fleet) {
    const FleetStatus status = fleet->status();
    fleet_.add({}, {MetricValue::count(status.is_up ? 1 : 0), MetricValue::count(status.queries),
                    MetricValue::count(status.queries_failed),
                    MetricValue::count(status.queries_refused)});
  }
  fleet_.end();
}

std::vector<const MetricFamily*> SelfMetrics::families() const {
  std::vector<const MetricFamily*> all;
  for (const MetricRows* rows : {&totals_, &routes_, &exports_, &fleet_}) {
    for (const MetricFamily& family : rows->families()) all.push_back(&family);
  }
  return all;
}

}  // namespace gpuvigil
