// SPDX-License-Identifier: Apache-2.0
#include "api/system_json.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <unistd.h>

#include "base/json_writer.h"
#include "base/version.h"
#include "views/json_parts.h"

namespace gpuvigil {
namespace {

using Count = std::pair<std::string_view, std::uint64_t>;

void write_counts(JsonWriter& json, std::initializer_list<Count> counts) {
  for (const auto& [name, count] : counts) {
    json.key(name);
    json.number(count);
  }
}

std::uint64_t to_ns(Duration span) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(span.count(), 0));
}

void write_process(JsonWriter& json, const ProcessStats& process) {
  std::vector<std::pair<std::string_view, std::string_view>> reasons;
  const auto write = [&](std::string_view name, const auto& value, auto write_value) {
    json.key(name);
    if (value) {
      write_value(*value);
    } else {
      json.null();
      reasons.emplace_back(name, value.error().message);
    }
  };
  const auto seconds = [&](Duration time) {
    json.decimal(std::chrono::duration<double>(time).count(), 3);
  };
  const auto number = [&](std::uint64_t value) { json.number(value); };
  json.begin_object();
  json.key("pid");
  json.number(static_cast<std::uint64_t>(::getpid()));
  write("user_cpu_seconds", process.user_time, seconds);
  write("system_cpu_seconds", process.system_time, seconds);
  write("resident_bytes", process.resident_bytes, number);
  write("threads", process.threads, number);
  write("open_files", process.open_files, number);
  if (!reasons.empty()) {
    json.key("reasons");
    json.begin_object();
    for (const auto& [name, why] : reasons) {
      json.key(name);
      json.string(why);
    }
    json.end_object();
  }
  json.end_object();
}

void write_server(JsonWriter& json, const SystemReport& report) {
  const HttpServerStats& http = report.http;
  json.begin_object();
  json.key("auth");
  json.string(to_string(report.access.options().mode));
  write_counts(json, {{"connections", http.connections},
                      {"streams", http.streams},
                      {"stream_groups", report.stream_groups},
                      {"sessions", report.access.sessions()},
                      {"accepted_total", http.accepted},
                      {"refused_connections_total", http.refused_connections},
                      {"requests_total", http.requests},
                      {"refused_requests_total", http.refused_requests},
                      {"denied_total", report.access.counters().denied},
                      {"rate_limited_total", report.access.counters().limited},
                      {"timeouts_total", http.timeouts},
                      {"received_bytes_total", http.bytes_in},
                      {"sent_bytes_total", http.bytes_out},
                      {"stream_messages_dropped_total", http.messages_dropped},
                      {"tasks_dropped_total", http.tasks_dropped}});
  json.end_object();
}

void write_route(JsonWriter& json, const Route& route, const RequestStats& stats) {
  const Percentiles took = percentiles(stats.latency, 0, stats.longest_ns);
  json.begin_object();
  json.key("method");
  json.string(method_name(route.method));
  json.key("path");
  json.string(route.pattern);
  write_counts(json, {{"requests_total", stats.requests},
                      {"client_errors_total", stats.client_errors},
                      {"server_errors_total", stats.server_errors}});
  for (const auto& [name, ns] : {Count{"p50_ms", took.p50_ns}, Count{"p95_ms", took.p95_ns},
                                 Count{"p99_ms", took.p99_ns}, Count{"max_ms", stats.longest_ns}}) {
    json.key(name);
    json.milliseconds(ns);
  }
  json.end_object();
}

void write_engine(JsonWriter& json, const SystemReport& report) {
  json.begin_object();
  json.key("frame_period_ms");
  json.milliseconds(to_ns(report.frame_period));
  json.key("last_build_ms");
  json.milliseconds(to_ns(report.engine.last_build));
  json.key("longest_build_ms");
  json.milliseconds(to_ns(report.engine.longest_build));
  write_counts(json, {{"frames_total", report.engine.edges},
                      {"peeks_total", report.engine.peeks},
                      {"devices", report.frame.devices.size()},
                      {"kernels", report.frame.kernels.size()},
                      {"series", report.frame.series.size()},
                      {"samples_dropped_total", report.engine.samples_dropped}});
  json.end_object();
}

void write_backend(JsonWriter& json, const BackendStatus& backend) {
  json.begin_object();
  json.key("name");
  json.string(backend.name);
  json.key("state");
  json.string(to_string(backend.state));
  json.key("problem");
  if (backend.problem.empty()) {
    json.null();
  } else {
    json.string(backend.problem);
  }
  write_counts(json, {{"devices", backend.devices},
                      {"calls_failed_total", backend.calls_failed},
                      {"devices_refused_total", backend.devices_refused}});
  json.end_object();
}

void write_export(JsonWriter& json, const ExportStats& stats) {
  json.begin_object();
  json.key("name");
  json.string(stats.name);
  json.key("url");
  json.string(stats.url);
  json.key("state");
  json.string(stats.is_up ? "ok" : "failing");
  json.key("problem");
  if (stats.problem.empty()) {
    json.null();
  } else {
    json.string(stats.problem);
  }
  write_counts(json, {{"samples_sent_total", stats.samples_sent},
                      {"samples_refused_total", stats.samples_refused},
                      {"requests_failed_total", stats.requests_failed},
                      {"batches_dropped_total", stats.batches_dropped},
                      {"batches_waiting", stats.batches_waiting},
                      {"bytes_waiting", stats.bytes_waiting}});
  json.key("last_sent");
  if (stats.last_sent) {
    json.timestamp(*stats.last_sent);
  } else {
    json.null();
  }
  json.end_object();
}

void write_fleet(JsonWriter& json, const FleetStatus& status) {
  json.begin_object();
  json.key("url");
  json.string(status.url);
  json.key("state");
  json.string(status.is_up ? "ok" : "failing");
  detail::write_text(json, "problem", status.problem);
  write_counts(json, {{"queries_total", status.queries},
                      {"queries_failed_total", status.queries_failed},
                      {"queries_refused_total", status.queries_refused}});
  json.end_object();
}

void write_history(JsonWriter& json, const HistoryDoor& history) {
  HistoryStatus status;
  if (history.store != nullptr) {
    status = history.store->status();
  } else {
    status.problem = history.why_not;
  }
  const auto time = [&](std::string_view key, const std::optional<Timestamp>& at) {
    json.key(key);
    at ? json.timestamp(*at) : json.null();
  };
  json.begin_object();
  json.key("recording");
  json.boolean(status.is_recording && status.problem.empty());
  detail::write_text(json, "problem", status.problem);
  detail::write_text(json, "place", status.place);
  time("oldest", status.oldest);
  time("newest", status.newest);
  write_counts(json, {{"series", status.series},
                      {"kernels", status.kernels},
                      {"kernel_steps_dropped_total", status.kernel_steps_dropped},
                      {"file_bytes", status.file_bytes},
                      {"rows_total", status.rows},
                      {"rows_dropped_total", status.rows_dropped},
                      {"rows_late_total", status.rows_late},
                      {"commits_failed_total", status.commits_failed},
                      {"damaged_total", status.segments_damaged},
                      {"queries_total", status.queries},
                      {"queries_refused_total", status.queries_refused}});
  json.end_object();
}

}  // namespace

std::string system_json(const SystemReport& report) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("timestamp");
  json.timestamp(report.now);
  json.key("version");
  json.string(version());
  json.key("uptime_seconds");
  json.decimal(std::chrono::duration<double>(report.uptime).count(), 0);
  json.key("process");
  write_process(json, report.process);
  json.key("server");
  write_server(json, report);
  json.key("routes");
  json.begin_array();
  for (std::size_t i = 0; i < report.routes.size(); ++i) {
    if (report.requests[i].requests > 0) write_route(json, report.routes[i], report.requests[i]);
  }
  json.end_array();
  json.key("engine");
  write_engine(json, report);
  json.key("backends");
  json.begin_array();
  for (const BackendStatus& backend : report.frame.backends) write_backend(json, backend);
  json.end_array();
  json.key("exports");
  json.begin_array();
  for (const ExportStats& stats : report.exports) write_export(json, stats);
  json.end_array();
  json.key("history");
  write_history(json, report.history);
  json.key("fleet");
  report.history.fleet == nullptr ? json.null() : write_fleet(json, report.history.fleet->status());
  json.key("losses");
  detail::write_losses(json, report.frame.losses);
  json.key("log");
  json.begin_object();
  write_counts(json, {{"lines_total", report.log.written},
                      {"repeated_total", report.log.repeated},
                      {"lost_total", report.log.lost}});
  json.end_object();
  json.end_object();
  json.finish();
  return out;
}

}  // namespace gpuvigil
