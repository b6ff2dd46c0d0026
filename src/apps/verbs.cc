// SPDX-License-Identifier: Apache-2.0
#include "apps/verbs.h"

#include <cstdio>

#include <fmt/format.h>

#include "api/parameters.h"
#include "apps/client.h"
#include "apps/config.h"
#include "apps/exit_codes.h"
#include "apps/offline.h"
#include "apps/output.h"
#include "apps/tables.h"
#include "base/json_reader.h"
#include "base/version.h"
#include "views/html_view.h"
#include "views/json_views.h"
#include "views/text_view.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxAnswerBytes = 64 * 1024 * 1024;

using TableOf = std::string (*)(const JsonValue& answer);

/// Prints a JSON answer as it is, or as the table of it.
int show(const std::string& answer, bool as_json, TableOf table) {
  if (as_json) {
    const auto done = print(answer + "\n");
    return done ? kExitOk : complain(done.error());
  }
  const auto value = parse_json(answer, kMaxAnswerBytes);
  if (!value) return complain({Errc::kInternal, "the server's answer: " + value.error().message});
  const auto done = print(table(*value));
  return done ? kExitOk : complain(done.error());
}

int ask_and_show(const ClientOptions& client, std::string_view path,
                 const ApiParameters& parameters, TableOf table) {
  const auto answer = ask(client, path, parameters);
  if (!answer) return complain(answer.error());
  return show(*answer, client.json, table);
}

/// What was wrong with the parameters, as the API would say it.
Error parameter_error(const std::vector<ParameterError>& errors) {
  std::string text;
  for (const ParameterError& error : errors) {
    if (!text.empty()) text += "; ";
    text += fmt::format("{}: {}", error.parameter, error.reason);
  }
  return {Errc::kInvalidArgument, std::move(text)};
}

/// After the data: what could not be read. Partial data is told by the exit code too.
int tell_damage(const Offline& offline) {
  for (const std::string& damage : offline.damages()) complain({Errc::kCorrupt, damage});
  return offline.damages().empty() ? kExitOk : kExitPartial;
}

int kernels_of_traces(const KernelsOptions& options) {
  const auto offline = Offline::read(options.traces);
  if (!offline) return complain(offline.error());
  HttpRequest request;
  request.query = options.parameters;
  ParameterReader in(request, offline->frame());
  KernelQuery query = read_kernel_query(in);
  if (options.all_rows) query.limit = 0;
  if (const auto errors = in.finish(); !errors.empty()) return complain(parameter_error(errors));
  const std::string answer = kernels_json(offline->frame(), offline->kernels(query));
  const int code = show(answer, options.client.json, kernels_table);
  return code == kExitOk ? tell_damage(*offline) : code;
}

int report_of_traces(const ReportOptions& options) {
  const auto offline = Offline::read(options.traces);
  if (!offline) return complain(offline.error());
  const KernelList top = offline->kernels(top_ten());
  std::string text;
  if (options.client.json || options.format == "json") {
    text = report_json(offline->frame(), top) + "\n";
  } else if (options.format == "html") {
    text = report_html(offline->frame(), top);
  } else {
    text = report_text(offline->frame(), top);
  }
  if (const auto done = print(text); !done) return complain(done.error());
  return tell_damage(*offline);
}

}  // namespace

int run_kernels(const KernelsOptions& options) {
  if (!options.traces.empty()) return kernels_of_traces(options);
  if (options.all_rows) {
    return complain({Errc::kInvalidArgument,
                     "--limit 0 needs --trace; a server gives 1 to 1000 rows, and more with "
                     "--offset"});
  }
  return ask_and_show(options.client, "/api/v1/gpu/kernels", options.parameters, kernels_table);
}

int run_report(const ReportOptions& options) {
  if (!options.traces.empty()) return report_of_traces(options);
  std::string format = options.format.empty() ? "text" : options.format;
  if (options.client.json) format = "json";
  const auto answer = ask(options.client, "/api/v1/gpu/report", {{"format", format}});
  if (!answer) return complain(answer.error());
  const auto done = print(format == "json" ? *answer + "\n" : *answer);
  return done ? kExitOk : complain(done.error());
}

int run_status(const ListOptions& options) {
  return ask_and_show(options.client, "/api/v1/gpu/status", options.parameters, status_table);
}

int run_alerts(const ListOptions& options) {
  return ask_and_show(options.client, "/api/v1/gpu/alerts", options.parameters, alerts_table);
}

int run_ps(const ListOptions& options) {
  return ask_and_show(options.client, "/api/v1/gpu/processes", options.parameters, processes_table);
}

int run_ls(const ListOptions& options) {
  return ask_and_show(options.client, "/api/v1/gpu/devices", options.parameters, devices_table);
}

int run_events(const ListOptions& options) {
  return ask_and_show(options.client, "/api/v1/gpu/events", options.parameters, events_table);
}

int run_topo(const ListOptions& options) {
  return ask_and_show(options.client, "/api/v1/gpu/topology", options.parameters, topology_table);
}

int run_watch(const WatchOptions& options) {
  std::size_t shown = 0;
  const auto watched =
      watch(options.client, options.parameters, [&](const std::string& text) -> Result<bool> {
        if (options.client.json) {
          GPUVIGIL_CHECK(print(text + "\n"));
        } else {
          GPUVIGIL_TRY(const JsonValue message, parse_json(text, kMaxAnswerBytes));
          GPUVIGIL_CHECK(print(stream_line(message)));
        }
        return options.count == 0 || ++shown < options.count;
      });
  return watched ? kExitOk : complain(watched.error());
}

int run_config_print(const std::string& path) {
  const auto config = load_config(path);
  if (!config) return complain(config.error());
  const auto done = print(format_config(*config));
  return done ? kExitOk : complain(done.error());
}

int run_config_validate(const std::string& path) {
  const auto config = load_config(path);
  return config ? kExitOk : complain(config.error());
}

int run_version(bool json) {
  const std::string text =
      json ? fmt::format("{{\"name\":\"gpuvigil\",\"version\":\"{}\",\"compiler\":\"{}\"}}\n",
                         version(), compiler())
           : fmt::format("gpuvigil {} ({})\n", version(), compiler());
  const auto done = print(text);
  return done ? kExitOk : complain(done.error());
}

}  // namespace gpuvigil
