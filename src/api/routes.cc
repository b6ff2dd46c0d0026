// SPDX-License-Identifier: Apache-2.0
#include "api/routes.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "api/alert_routes.h"
#include "api/fleet_routes.h"
#include "api/history_routes.h"
#include "api/static_files.h"
#include "api/trace_route.h"
#include "api/write_routes.h"
#include "base/json_writer.h"
#include "base/version.h"
#include "views/html_view.h"
#include "views/json_views.h"
#include "views/text_view.h"

namespace gpuvigil {
namespace {

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
constexpr std::string_view kPage = "text/html; charset=utf-8";

std::optional<HttpResponse> get_status(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  const auto devices = in.devices("device");
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  return reply(status_json(context.frame, devices));
}

std::optional<HttpResponse> get_devices(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  const auto devices = in.devices("device");
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  return reply(devices_json(context.frame, devices));
}

std::optional<HttpResponse> get_device(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  const auto device = find_device(context.frame, context.path_parameter);
  if (!device) return problem(404, "no such device: give an index, a UUID or a PCI bus id");
  return reply(device_json(context.frame, context.frame.devices[*device]));
}

std::optional<HttpResponse> get_topology(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  return reply(topology_json(context.frame));
}

std::optional<HttpResponse> get_processes(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  const ProcessQuery query = read_process_query(in);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  return reply(processes_json(context.frame, select_processes(context.frame, query)));
}

std::optional<HttpResponse> get_events(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  const EventQuery query = read_event_query(in);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  return reply(events_json(context.frame, select_events(context.frame, query)));
}

/// Why nothing is known of the kernels of a process.
std::string why_empty(const Frame& frame, std::uint32_t pid) {
  const auto row = std::ranges::lower_bound(frame.processes, pid, {}, &ProcessRow::pid);
  if (row == frame.processes.end() || row->pid != pid) {
    return "no process of that pid uses a GPU or reports itself";
  }
  std::string why = why_no_kernels(*row);
  return why.empty() ? "it has run no kernel that matches" : why;
}

std::optional<HttpResponse> get_kernels(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  const KernelQuery query = read_kernel_query(in);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  if (answer_kernels_from_history(context, query)) return std::nullopt;
  KernelList list = context.engine.kernels(context.frame, query);
  if (query.pid && list.rows.empty()) list.reason = why_empty(context.frame, *query.pid);
  return reply(kernels_json(context.frame, list));
}

/// The row with the most time, where a name is there in several kinds.
const KernelRow* find_kernel(const Frame& frame, std::uint64_t id) {
  const KernelRow* found = nullptr;
  for (const KernelRow& row : frame.kernels) {
    if (row.name->id != id || row.counters.calls == 0) continue;
    if (found == nullptr || row.counters.sum_ns > found->counters.sum_ns) found = &row;
  }
  return found;
}

std::optional<HttpResponse> get_kernel(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  const auto id = parse_kernel_id(context.path_parameter);
  if (!id) return bad_parameters({{"id", "must be 16 hex digits, as in /api/v1/gpu/kernels"}});
  const KernelRow* row = find_kernel(context.frame, *id);
  if (row == nullptr) return problem(404, "no kernel with this id has run");

  KernelDetail detail;
  const auto series = context.frame.series_of(*row);
  detail.devices.assign(series.begin(), series.end());
  detail.window = {.from = context.frame.since, .to = context.frame.edge};
  detail.stats = {.name = row->name,
                  .kind = row->kind,
                  .counters = row->counters,
                  .percentiles = row->percentiles,
                  .last_end = row->last_end,
                  .last_duration_ns = row->last_duration_ns};
  std::uint64_t all_time = 0;
  for (const KernelRow& other : context.frame.kernels) {
    if (is_kernel(other.kind) == is_kernel(row->kind)) all_time += other.counters.sum_ns;
  }
  if (all_time > 0) {
    detail.stats.share_percent =
        100.0 * static_cast<double>(row->counters.sum_ns) / static_cast<double>(all_time);
  }
  for (const SeriesRow& one : detail.devices) detail.stats.devices.push_back(one.device);
  detail.shapes = context.engine.shapes(*id, row->kind);
  detail.processes = context.engine.shares(*id, row->kind);
  detail.sketch = context.engine.sketch(*id, row->kind, detail.stats.devices);
  return reply(kernel_detail_json(context.frame, detail));
}

std::optional<HttpResponse> get_alerts(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  const AlertQuery query = read_alert_query(in);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  return reply(alerts_json(context.frame, select_alerts(context.frame, query)));
}

std::optional<HttpResponse> get_report(RouteContext& context) {
  enum class Format { kJson, kText, kHtml };
  static constexpr std::array<Choice<Format>, 3> kFormats = {
      {{"json", Format::kJson}, {"text", Format::kText}, {"html", Format::kHtml}}};
  ParameterReader in(context.request, context.frame);
  const auto format = in.choice<Format>("format", kFormats, Format::kJson);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  const KernelList top = context.engine.kernels(context.frame, top_ten());
  switch (format) {
    case Format::kJson:
      return reply(report_json(context.frame, top));
    case Format::kText:
      return reply(report_text(context.frame, top), kPlainText);
    case Format::kHtml:
      break;
  }
  HttpResponse page = reply(report_html(context.frame, top), kPage);
  page.headers.emplace_back("Content-Security-Policy", kReportHtmlPolicy);
  return page;
}

std::optional<HttpResponse> get_system(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  return reply(context.describe_system());
}

constexpr std::array kMetricNameChoices = {
    Choice<std::optional<MetricNames>>{to_string(MetricNames::kOwn), MetricNames::kOwn},
    Choice<std::optional<MetricNames>>{to_string(MetricNames::kDcgm), MetricNames::kDcgm},
    Choice<std::optional<MetricNames>>{to_string(MetricNames::kAll), MetricNames::kAll},
};

std::optional<HttpResponse> get_metrics(RouteContext& context) {
  using Names = std::optional<MetricNames>;
  static constexpr std::array<Choice<Names>, 3> kNames = {
      {{"own", MetricNames::kOwn}, {"dcgm", MetricNames::kDcgm}, {"all", MetricNames::kAll}}};
  ParameterReader in(context.request, context.frame);
  const auto names = in.choice<Names>("names", kNames, std::nullopt);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  return context.metrics(context.request, names);
}

std::optional<HttpResponse> get_healthz(RouteContext&) {
  return reply("ok\n", kPlainText);
}

std::optional<HttpResponse> get_readyz(RouteContext& context) {
  if (context.draining) return problem(503, "shutting down");
  // Whoever routes requests must not turn away from a server that still watches and alerts.
  if (context.history.is_failing()) {
    return reply("degraded: history is not written; /api/v1/system says why\n", kPlainText);
  }
  return reply("ready\n", kPlainText);
}

std::optional<HttpResponse> get_version(RouteContext&) {
  std::string body;
  {
    JsonWriter json(body);
    json.begin_object();
    json.key("name");
    json.string("gpuvigil");
    json.key("version");
    json.string(version());
    json.key("api");
    json.string("v1");
    json.end_object();
  }
  return reply(std::move(body));
}

/// A built-in file; the routes name exactly those that there may be.
std::optional<HttpResponse> get_file(RouteContext& context) {
  auto file = static_file(context.request.path, context.request.header("accept-encoding"));
  return file ? *std::move(file) : problem(404, "this build has no such page");
}

/// The dashboard, which reads from its address what to show.
std::optional<HttpResponse> get_page(RouteContext& context) {
  auto file = static_file("/", context.request.header("accept-encoding"));
  return file ? *std::move(file) : problem(404, "this build has no dashboard");
}

std::optional<HttpResponse> needs_upgrade(RouteContext&) {
  HttpResponse response = problem(426, "this is a WebSocket: connect with ws://");
  response.headers.emplace_back("Upgrade", "websocket");
  return response;
}

constexpr auto kPublic = RouteAccess::kPublic;
constexpr auto kCaller = RouteAccess::kCaller;
constexpr auto kRead = RouteAccess::kRead;
constexpr auto kIngest = RouteAccess::kIngest;
constexpr auto kWrite = RouteAccess::kWrite;
constexpr auto kAdmin = RouteAccess::kAdmin;

constexpr std::array kRoutes = {
    Route{Method::kGet, "/api/v1/gpu/status", kRead, get_status, true, "Devices and what they do."},
    Route{Method::kGet, "/api/v1/gpu/kernels", kRead, get_kernels, true, "Kernels, by any order."},
    Route{Method::kGet, "/api/v1/gpu/kernels/{id}", kRead, get_kernel, true, "One kernel in full."},
    Route{Method::kGet, "/api/v1/gpu/kernels/{id}/history", kRead, get_kernel_history, false,
          "What one kernel did."},
    Route{Method::kGet, "/api/v1/gpu/devices", kRead, get_devices, true, "Devices in full."},
    Route{Method::kGet, "/api/v1/gpu/devices/{ref}", kRead, get_device, true, "One of them."},
    Route{Method::kGet, "/api/v1/gpu/processes", kRead, get_processes, true, "Who uses them."},
    Route{Method::kGet, "/api/v1/gpu/topology", kRead, get_topology, true, "How they are joined."},
    Route{Method::kGet, "/api/v1/gpu/events", kRead, get_events, true, "What happened to them."},
    Route{Method::kGet, "/api/v1/gpu/history", kRead, get_history, false, "What devices did."},
    Route{Method::kGet, "/api/v1/gpu/fleet", kRead, get_fleet, false, "Machines and their GPUs."},
    Route{Method::kGet, "/api/v1/gpu/fleet/history", kRead, get_fleet_history, false,
          "What machines did."},
    Route{Method::kGet, "/api/v1/gpu/alerts", kRead, get_alerts, true, "Alerts, firing or over."},
    Route{Method::kPost, "/api/v1/gpu/alerts/{id}/ack", kWrite, post_alert_ack, false,
          "Somebody sees to an alert."},
    Route{Method::kGet, "/api/v1/gpu/rules", kRead, get_rules, false, "When alerts are raised."},
    Route{Method::kPost, "/api/v1/gpu/rules", kWrite, post_rule, false, "Make or change a rule."},
    Route{Method::kDelete, "/api/v1/gpu/rules/{id}", kWrite, delete_rule, false, "End a rule."},
    Route{Method::kGet, "/api/v1/gpu/silences", kRead, get_silences, false,
          "What calls nobody for a time."},
    Route{Method::kPost, "/api/v1/gpu/silences", kWrite, post_silence, false, "Silence alerts."},
    Route{Method::kDelete, "/api/v1/gpu/silences/{id}", kWrite, delete_silence, false,
          "End a silence."},
    Route{Method::kGet, "/api/v1/gpu/channels", kAdmin, get_channels, false,
          "Where people are told."},
    Route{Method::kPost, "/api/v1/gpu/channels", kAdmin, post_channel, false,
          "Make or change a channel."},
    Route{Method::kDelete, "/api/v1/gpu/channels/{id}", kAdmin, delete_channel, false,
          "End a channel."},
    Route{Method::kPost, "/api/v1/gpu/channels/{id}/test", kAdmin, post_channel_test, false,
          "Send a test through a channel."},
    Route{Method::kGet, "/api/v1/gpu/report", kRead, get_report, true, "Everything on one page."},
    Route{Method::kGet, "/api/v1/gpu/stream", kRead, needs_upgrade, false, "The live stream."},
    Route{Method::kPost, "/api/v1/gpu/executions", kIngest, post_executions, false,
          "Executions that a program tells of."},
    Route{Method::kPost, "/api/v1/gpu/samples", kIngest, post_samples, false,
          "Readings of devices that a program tells of."},
    Route{Method::kPost, "/api/v1/gpu/traces", kWrite, post_traces, false,
          "Single executions of a process for some seconds."},
    Route{Method::kGet, "/api/v1/system", kRead, get_system, false, "What this server costs."},
    Route{Method::kGet, "/metrics", kRead, get_metrics, false, "All of it for Prometheus."},
    Route{Method::kGet, "/api/v1/session", kCaller, get_session, false, "Who asks, and may what?"},
    Route{Method::kPost, "/api/v1/session", kCaller, post_session, false, "Log a browser in."},
    Route{Method::kDelete, "/api/v1/session", kCaller, delete_session, false, "Log it out."},
    Route{Method::kGet, "/healthz", kPublic, get_healthz, false, "Is the process alive?"},
    Route{Method::kGet, "/readyz", kPublic, get_readyz, false, "Is there a frame to tell of?"},
    Route{Method::kGet, "/version", kPublic, get_version, false, "Version of program and API."},
    Route{Method::kGet, "/", kPublic, get_page, false, "The dashboard."},
    Route{Method::kGet, "/devices", kPublic, get_page, false, "Its page of devices."},
    Route{Method::kGet, "/devices/{ref}", kPublic, get_page, false, "One device."},
    Route{Method::kGet, "/kernels", kPublic, get_page, false, "Kernels."},
    Route{Method::kGet, "/processes", kPublic, get_page, false, "Processes."},
    Route{Method::kGet, "/alerts", kPublic, get_page, false, "Alerts."},
    Route{Method::kGet, "/explore", kPublic, get_page, false, "Any metric over time."},
    Route{Method::kGet, "/timeline", kPublic, get_page, false, "Single executions."},
    Route{Method::kGet, "/system", kPublic, get_page, false, "The server itself."},
    Route{Method::kGet, "/login", kPublic, get_page, false, "Where a browser shows a token."},
    Route{Method::kGet, "/assets/app.js", kPublic, get_file, false, "The dashboard's script."},
    Route{Method::kGet, "/assets/more.js", kPublic, get_file, false, "Pages that come later."},
    Route{Method::kGet, "/assets/app.css", kPublic, get_file, false, "Its style."},
    Route{Method::kGet, "/assets/inter.woff2", kPublic, get_file, false, "Its font."},
    Route{Method::kGet, "/api/v1/openapi.json", kPublic, get_file, false, "The contract."},
    Route{Method::kGet, "/docs", kPublic, get_file, false, "A page to read and try it."},
    Route{Method::kGet, "/docs/docs.js", kPublic, get_file, false, "Its script."},
    Route{Method::kGet, "/docs/docs.css", kPublic, get_file, false, "Its style."},
    Route{Method::kGet, "/docs/swagger-ui-bundle.js", kPublic, get_file, false, "Swagger UI."},
    Route{Method::kGet, "/docs/swagger-ui.css", kPublic, get_file, false, "Its style."},
};

/// What stands for the `{name}` of a pattern, or an empty text for an equal path.
std::optional<std::string_view> match_path(std::string_view pattern, std::string_view path) {
  const auto brace = pattern.find('{');
  if (brace == std::string_view::npos) {
    return pattern == path ? std::optional<std::string_view>("") : std::nullopt;
  }
  const std::string_view prefix = pattern.substr(0, brace);
  if (!path.starts_with(prefix)) return std::nullopt;
  std::string_view rest = path.substr(prefix.size());
  const std::string_view suffix = pattern.substr(pattern.find('}') + 1);
  if (!rest.ends_with(suffix)) return std::nullopt;
  rest.remove_suffix(suffix.size());
  if (rest.empty() || rest.find('/') != std::string_view::npos) return std::nullopt;
  return rest;
}

}  // namespace

HttpResponse reply(std::string body, std::string_view content_type) {
  return {.status = 200,
          .content_type = content_type,
          .body = std::make_shared<const std::string>(std::move(body)),
          .headers = {}};
}

HttpResponse bad_parameters(const std::vector<ParameterError>& errors) {
  return problem(400, "some parameters are not understood", errors);
}

std::optional<MetricNames> parse_metric_names(std::string_view text) {
  for (const auto& [word, names] : kMetricNameChoices) {
    if (word == text) return names;
  }
  return std::nullopt;
}

std::string_view method_name(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kHead:
      return "HEAD";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kPatch:
      return "PATCH";
    case Method::kDelete:
      return "DELETE";
    case Method::kOptions:
      return "OPTIONS";
    case Method::kOther:
      break;
  }
  return "OTHER";
}

std::span<const Route> routes() {
  return kRoutes;
}

RouteMatch match_route(Method method, std::string_view path) {
  const Method wanted = method == Method::kHead ? Method::kGet : method;
  RouteMatch match;
  for (const Route& route : kRoutes) {
    const auto parameter = match_path(route.pattern, path);
    if (!parameter) continue;
    if (route.method == wanted) {
      match.route = &route;
      match.path_parameter = *parameter;
      return match;
    }
    match.allowed.push_back(route.method);
  }
  return match;
}

}  // namespace gpuvigil
