// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "apps/completion.h"
#include "apps/db.h"
#include "apps/exit_codes.h"
#include "apps/verbs.h"
#include "base/version.h"

namespace gpuvigil {
namespace {

/// The command line as a tree of verbs; `run` is what the chosen one does.
struct CommandLine {
  CLI::App app{"gpuvigil: what every GPU of this machine is doing, and which kernels do it"};
  std::function<int()> run;

  ServeOptions serve;
  KernelsOptions kernels;
  ReportOptions report;
  ListOptions status;
  ListOptions alerts;
  AlertOptions alert;
  ListOptions ps;
  ListOptions ls;
  ListOptions events;
  ListOptions topo;
  WatchOptions watch;
  TopOptions top;
  TraceOptions trace;
  RunOptions program;
  TokenOptions token;
  DbOptions db;
  DoctorOptions doctor;
  std::string config_path;
  std::string shell;
  bool version_json = false;
};

/// Whom to ask, and as whom.
void add_server(CLI::App& verb, ClientOptions& options) {
  verb.add_option("--server", options.server, "Server to ask")
      ->envname("GPUVIGIL_SERVER")
      ->capture_default_str();
  verb.add_option("--token-file", options.token_file,
                  "File with the token to send (else $GPUVIGIL_TOKEN, or this user's own)")
      ->type_name("FILE");
  verb.add_option("--cacert", options.ca_file, "Authorities to trust with https (PEM)")
      ->envname("GPUVIGIL_CACERT")
      ->type_name("FILE");
}

void add_client(CLI::App& verb, ClientOptions& options) {
  add_server(verb, options);
  verb.add_flag("-j,--json", options.json, "Print the API's JSON");
}

/// An option that is passed on to the API as it is; repeatable.
void pass_on(CLI::App& verb, ApiParameters& into, const std::string& flag,
             const std::string& parameter, const std::string& help) {
  verb.add_option_function<std::vector<std::string>>(
          flag,
          [&into, parameter](const std::vector<std::string>& values) {
            for (const auto& value : values) into.emplace_back(parameter, value);
          },
          help)
      ->take_all()
      ->expected(1, CLI::detail::expected_max_vector_size)
      ->allow_extra_args(false);
}

void add_serve(CommandLine& line) {
  CLI::App* verb = line.app.add_subcommand("serve", "Watch, and serve the API and the page");
  ServeOptions& o = line.serve;
  verb->add_option("--listen", o.listen, "ADDRESS:PORT to listen on (default 127.0.0.1:8080)");
  verb->add_option("--socket", o.socket,
                   "Where programs report themselves: a path, auto (default) or off")
      ->type_name("PATH");
  verb->add_option("--auth", o.auth,
                   "Who may call: local (default; this user may read), token, or off");
  verb->add_option("--rate-limit", o.rate_limit,
                   "Requests of a client: RATE[:BURST] a second and at once, or off")
      ->type_name("RATE");
  verb->add_option("--host", o.hosts, "Name that it answers to, beside its own; repeatable")
      ->type_name("NAME");
  verb->add_option("--state-dir", o.state_directory, "Where its tokens are kept")
      ->type_name("DIRECTORY");
  verb->add_option("--tls-cert", o.tls_certificate, "Serve https with this certificate (PEM)")
      ->type_name("FILE");
  verb->add_option("--tls-key", o.tls_key, "and with this key (PEM)")->type_name("FILE");
  verb->add_option("--db", o.history, "Where history is kept: a file, auto (default) or memory")
      ->type_name("PATH");
  verb->add_flag_callback("--no-history", [&o] { o.history = "off"; }, "Keep no history");
  verb->add_option("--store", o.store, "Who answers history and fleet: prometheus:URL")
      ->type_name("STORE");
  verb->add_option("--node-name", o.node_name, "What this machine is called in metrics")
      ->type_name("NAME");
  verb->add_option("--replay", o.replay, "Replay recordings of GPUs, each file as its devices")
      ->type_name("FILE");
  verb->add_flag("--demo", o.demo, "Show a simulated machine of four GPUs");
  verb->add_option("--speed", o.speed, "Replay that many times as fast")
      ->check(CLI::Range(0.01, 10000.0))
      ->capture_default_str();
  verb->add_flag("--loop", o.loop, "Begin again when the recordings end");
  verb->add_option_function<std::string>(
          "--align", [&o](const std::string& how) { o.align_wall = how == "wall"; },
          "Replay several files from their starts, or as their clocks say")
      ->check(CLI::IsMember({"start", "wall"}));
  verb->add_option("--config", o.config, "Configuration file (TOML)")->type_name("FILE");
  verb->add_option("--log-level", o.log_level, "debug, info (default), warn or error")
      ->envname("GPUVIGIL_LOG_LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  verb->add_option("--log-format", o.log_format, "logfmt (default) or json")
      ->envname("GPUVIGIL_LOG_FORMAT")
      ->check(CLI::IsMember({"logfmt", "json"}));
  verb->callback([&line] { line.run = [&line] { return run_serve(line.serve); }; });
}

void add_kernels(CommandLine& line) {
  CLI::App* verb = line.app.add_subcommand("kernels", "Kernels, of a server or of recordings");
  KernelsOptions& o = line.kernels;
  add_client(*verb, o.client);
  verb->add_option("--trace", o.traces, "Read recordings instead of asking a server")
      ->type_name("FILE");
  pass_on(*verb, o.parameters, "--sort-by", "sort_by",
          "avg_time, total_time, calls, max_time, p50_time, p95_time, p99_time, last_execution, "
          "avg_memory or name");
  pass_on(*verb, o.parameters, "--order", "order", "desc or asc");
  verb->add_option_function<std::string>(
      "-n,--limit",
      [&o](const std::string& limit) {
        o.all_rows = limit == "0";
        if (!o.all_rows) o.parameters.emplace_back("limit", limit);
      },
      "Rows, 1 to 1000 (default 20); 0 with --trace: all");
  pass_on(*verb, o.parameters, "--offset", "offset", "Rows to leave out at the front");
  pass_on(*verb, o.parameters, "--min-calls", "min_calls", "Only kernels with that many calls");
  pass_on(*verb, o.parameters, "--kind", "kind",
          "kernel (default), compute, collective, memcpy, memset or all");
  pass_on(*verb, o.parameters, "--name", "name", "Only names that match this glob; repeatable");
  pass_on(*verb, o.parameters, "--device", "device", "Index, UUID or PCI bus id; repeatable");
  pass_on(*verb, o.parameters, "--since", "since", "A time, or a span such as 15m");
  verb->callback([&line] { line.run = [&line] { return run_kernels(line.kernels); }; });
}

void add_report(CommandLine& line) {
  CLI::App* verb = line.app.add_subcommand("report", "A report, of a server or of recordings");
  ReportOptions& o = line.report;
  add_client(*verb, o.client);
  verb->add_option("--trace", o.traces, "Read recordings instead of asking a server")
      ->type_name("FILE");
  verb->add_option("--format", o.format, "text (default), html or json")
      ->check(CLI::IsMember({"text", "html", "json"}));
  verb->callback([&line] { line.run = [&line] { return run_report(line.report); }; });
}

/// What is done about alerts: `gpuvigil alerts ack`, `silence`, `rules`, `channels`.
void add_alert_verbs(CommandLine& line, CLI::App& alerts) {
  AlertOptions& o = line.alert;
  const auto add = [&line](CLI::App& parent, const char* name, const char* help,
                           int (*action)(const AlertOptions&)) {
    CLI::App* made = parent.add_subcommand(name, help);
    made->callback([&line, action] { line.run = [&line, action] { return action(line.alert); }; });
    return made;
  };
  CLI::App* ack = add(alerts, "ack", "Tell that somebody sees to an alert", run_alerts_ack);
  add_client(*ack, o.client);
  ack->add_option("id", o.id, "As gpuvigil alerts --json shows it")->required();
  CLI::App* silence = add(alerts, "silence", "Let matching alerts call nobody", run_alerts_silence);
  add_client(*silence, o.client);
  silence->add_option("matchers", o.matchers, "LABEL=GLOB or LABEL!=GLOB; all must match")
      ->required();
  silence->add_option("--for", o.span, "For how long: 30m, 2h, 7d")->required();
  silence->add_option("--comment", o.comment, "Why");
  CLI::App* unsilence = add(alerts, "unsilence", "End a silence", run_alerts_unsilence);
  add_client(*unsilence, o.client);
  unsilence->add_option("id", o.id, "As gpuvigil alerts silences shows it")->required();
  add_client(*add(alerts, "silences", "The silences there are", run_alerts_silences), o.client);

  CLI::App* rules = alerts.add_subcommand("rules", "When alerts are raised");
  rules->require_subcommand(1);
  add_client(*add(*rules, "list", "The rules of a server", run_rules_list), o.client);
  CLI::App* lint = add(*rules, "lint", "Report every mistake of a file's rules", run_rules_lint);
  lint->add_option("file", o.file, "Configuration file (TOML)")->required();
  CLI::App* test =
      add(*rules, "test", "Tell what a file's rules would have raised", run_rules_test);
  test->add_option("file", o.file, "Configuration file (TOML)")->required();
  add_server(*test, o.client);
  CLI::Option* since = test->add_option(
      "--since", o.since, "In a server's history since a time, or for a span such as 6h");
  since->capture_default_str();
  test->add_option("--trace", o.traces, "In this recording instead")
      ->type_name("FILE")
      ->excludes(since);

  CLI::App* channels = alerts.add_subcommand("channels", "Where people are told");
  channels->require_subcommand(1);
  add_client(*add(*channels, "list", "The channels of a server", run_channels_list), o.client);
  CLI::App* try_one = add(*channels, "test", "Send a test through a channel", run_channels_test);
  add_client(*try_one, o.client);
  try_one->add_option("name", o.id, "Its name")->required();
}

void add_lists(CommandLine& line) {
  CLI::App* status = line.app.add_subcommand("status", "Devices and what they do");
  add_client(*status, line.status.client);
  pass_on(*status, line.status.parameters, "--device", "device", "Index, UUID or PCI bus id");
  status->callback([&line] { line.run = [&line] { return run_status(line.status); }; });

  CLI::App* alerts = line.app.add_subcommand("alerts", "Alerts that fire, or fired");
  add_client(*alerts, line.alerts.client);
  ApiParameters& parameters = line.alerts.parameters;
  pass_on(*alerts, parameters, "--severity", "severity", "warning, critical or all (default)");
  pass_on(*alerts, parameters, "--state", "state", "active (default), pending, resolved or all");
  pass_on(*alerts, parameters, "--device", "device", "Index, UUID or PCI bus id; repeatable");
  pass_on(*alerts, parameters, "--since", "since", "A time, or a span such as 15m");
  pass_on(*alerts, parameters, "-n,--limit", "limit", "At most that many, 1 to 1000");
  alerts->callback([&line, alerts] {
    if (alerts->get_subcommands().empty()) {
      line.run = [&line] { return run_alerts(line.alerts); };
    }
  });
  add_alert_verbs(line, *alerts);
}

/// A verb that asks one route and shows the answer.
CLI::App& add_list(CommandLine& line, const char* name, const char* help, ListOptions& options,
                   int (*action)(const ListOptions&)) {
  CLI::App* verb = line.app.add_subcommand(name, help);
  add_client(*verb, options.client);
  verb->callback(
      [&line, &options, action] { line.run = [&options, action] { return action(options); }; });
  return *verb;
}

void add_machine(CommandLine& line) {
  CLI::App& ps = add_list(line, "ps", "Processes that use devices", line.ps, run_ps);
  pass_on(ps, line.ps.parameters, "--sort-by", "sort_by",
          "memory (default), kernel_time, utilization or pid");
  pass_on(ps, line.ps.parameters, "--user", "user", "Only those of this user");
  pass_on(ps, line.ps.parameters, "--pid", "pid", "Only this one");
  pass_on(ps, line.ps.parameters, "--device", "device", "Index, UUID or PCI bus id; repeatable");
  pass_on(ps, line.ps.parameters, "-n,--limit", "limit", "At most that many, 1 to 1000");
  pass_on(ps, line.ps.parameters, "--offset", "offset", "Processes to leave out at the front");

  CLI::App& ls = add_list(line, "ls", "Devices, and how well they are", line.ls, run_ls);
  pass_on(ls, line.ls.parameters, "--device", "device", "Index, UUID or PCI bus id; repeatable");

  CLI::App& events =
      add_list(line, "events", "What happened to devices, newest first", line.events, run_events);
  ApiParameters& parameters = line.events.parameters;
  pass_on(events, parameters, "--severity", "severity",
          "The least: info (default), warning, critical");
  pass_on(events, parameters, "--kind", "kind", "Only this kind, such as xid");
  pass_on(events, parameters, "--device", "device", "Index, UUID or PCI bus id; repeatable");
  pass_on(events, parameters, "--since", "since", "A time, or a span such as 15m");
  pass_on(events, parameters, "-n,--limit", "limit", "At most that many, 1 to 1000");

  add_list(line, "topo", "How devices are joined", line.topo, run_topo);
}

void add_run(CommandLine& line) {
  CLI::App* verb =
      line.app.add_subcommand("run", "Run a program, and tell which kernels it launched");
  RunOptions& o = line.program;
  verb->add_flag("-j,--json", o.json, "The report as JSON");
  verb->add_option("-o,--output", o.output, "Where the report goes (else standard error)")
      ->type_name("FILE");
  verb->add_option("--trace-out", o.trace_out, "Write a Chrome trace of its executions")
      ->type_name("FILE");
  verb->add_option("--socket", o.socket, "Where it reports (else in a directory of its own)")
      ->type_name("PATH");
  pass_on(*verb, o.parameters, "--sort-by", "sort_by",
          "total_time (default), avg_time, calls, max_time, p50_time, p95_time, p99_time, "
          "last_execution, avg_memory or name");
  pass_on(*verb, o.parameters, "--order", "order", "desc or asc");
  verb->add_option_function<std::string>(
      "-n,--limit",
      [&o](const std::string& limit) {
        o.all_rows = limit == "0";
        if (!o.all_rows) o.parameters.emplace_back("limit", limit);
      },
      "Rows, 1 to 1000 (default 20); 0: all");
  pass_on(*verb, o.parameters, "--min-calls", "min_calls", "Only kernels with that many calls");
  pass_on(*verb, o.parameters, "--kind", "kind",
          "kernel (default), compute, collective, memcpy, memset or all");
  pass_on(*verb, o.parameters, "--name", "name", "Only names that match this glob; repeatable");
  verb->add_option("command", o.command, "The program and its arguments, after --")
      ->type_name("-- COMMAND");
  verb->callback([&line] { line.run = [&line] { return run_program(line.program); }; });
}

void add_watch(CommandLine& line) {
  CLI::App* verb = line.app.add_subcommand("watch", "The live stream, a line a message");
  WatchOptions& o = line.watch;
  add_client(*verb, o.client);
  pass_on(*verb, o.parameters, "--kernels", "kernels", "Only kernels that match this glob");
  pass_on(*verb, o.parameters, "--device", "devices", "Index, UUID or PCI bus id; repeatable");
  pass_on(*verb, o.parameters, "--interval-ms", "interval_ms", "100 to 60000 (default 1000)");
  pass_on(*verb, o.parameters, "--recent", "recent", "Kernels in a message, 0 to 100 (default 5)");
  verb->add_option("-n,--count", o.count, "End after that many messages");
  verb->callback([&line] { line.run = [&line] { return run_watch(line.watch); }; });
}

void add_top(CommandLine& line) {
  CLI::App* verb = line.app.add_subcommand("top", "Devices, kernels and processes, live");
  TopOptions& o = line.top;
  add_client(*verb, o.client);
  verb->add_option("--trace", o.traces, "Play recordings instead of asking a server")
      ->type_name("FILE");
  verb->add_option("--speed", o.speed, "Play recordings that many times as fast")
      ->check(CLI::Range(0.01, 10000.0))
      ->capture_default_str();
  verb->add_flag("--loop", o.loop, "Begin again when the recordings end");
  verb->add_flag("--demo", o.demo, "A simulated machine of four GPUs");
  verb->add_flag("-1,--once", o.once, "Print it once as text (so it is where no terminal is)");
  verb->add_option("-n,--count", o.count, "With --json: end after that many");
  verb->add_option("--interval-ms", o.interval_ms, "How often to ask, 200 to 60000")
      ->check(CLI::Range(200, 60'000))
      ->capture_default_str();
  verb->add_flag("-U,--ascii", o.ascii, "Draw with ASCII alone");
  verb->add_option("--color", o.colour, "auto (default; NO_COLOR counts), always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  verb->add_option("--theme", o.theme, "auto (default), dark or light")
      ->check(CLI::IsMember({"auto", "dark", "light"}));
  verb->callback([&line] { line.run = [&line] { return run_top(line.top); }; });
}

void add_trace(CommandLine& line) {
  CLI::App* verb =
      line.app.add_subcommand("trace", "Single executions of a running program, for Perfetto");
  TraceOptions& o = line.trace;
  add_server(*verb, o.client);
  verb->add_option("-p,--pid", o.pid, "Which process; an agent must be in it")
      ->required()
      ->check(CLI::Range(1, 4'194'304));
  verb->add_option("-d,--duration", o.duration, "How long, 100ms to 60s")->capture_default_str();
  verb->add_option("-o,--output", o.output, "Where the trace goes; - is standard output")
      ->type_name("FILE")
      ->capture_default_str();
  verb->add_option("--max-events", o.max_events, "Executions to keep at most (default 100000)")
      ->check(CLI::Range(1, 250'000));
  verb->callback([&line] { line.run = [&line] { return run_trace(line.trace); }; });
}

void add_token(CommandLine& line) {
  CLI::App* verb = line.app.add_subcommand("token", "Make, list and revoke tokens of the API");
  verb->require_subcommand(1);
  TokenOptions& o = line.token;
  const auto add = [&](const char* name, const char* help, int (*action)(const TokenOptions&)) {
    CLI::App* made = verb->add_subcommand(name, help);
    made->add_option("--state-dir", o.state_directory, "Where the server keeps its tokens")
        ->type_name("DIRECTORY");
    made->callback([&line, action] { line.run = [&line, action] { return action(line.token); }; });
    return made;
  };
  CLI::App* create = add("create", "Make a token and print it, this once", run_token_create);
  create->add_option("--scope", o.scopes, "read, write, admin or ingest; several with commas")
      ->required()
      ->type_name("SCOPE");
  create->add_option("--name", o.name, "What it is for")->capture_default_str();
  create->add_option("--expires-in", o.lifetime, "A time such as 90d; else it never expires");
  create->add_flag("-j,--json", o.json, "Print JSON: {\"token\": ...}");
  CLI::App* list =
      add("list", "The tokens there are, without the tokens themselves", run_token_list);
  list->add_flag("-j,--json", o.json, "Print JSON");
  CLI::App* revoke = add("revoke", "End a token, and what is open by it", run_token_revoke);
  revoke->add_option("id", o.id, "As gpuvigil token list shows it")->required();
}

void add_db(CommandLine& line) {
  CLI::App* verb = line.app.add_subcommand("db", "Look after the file of history");
  verb->require_subcommand(1);
  DbOptions& o = line.db;
  const auto add = [&](const char* name, const char* help, int (*action)(const DbOptions&)) {
    CLI::App* made = verb->add_subcommand(name, help);
    made->add_option("--db", o.path, "The file (else that of the server's configuration)")
        ->type_name("PATH");
    made->add_option("--config", o.config, "Configuration file (TOML)")->type_name("FILE");
    made->callback([&line, action] { line.run = [&line, action] { return action(line.db); }; });
    return made;
  };
  CLI::App* stats = add("stats", "What is in it, and from when", run_db_stats);
  stats->add_flag("-j,--json", o.json, "Print JSON");
  add("check", "Read every page and every segment", run_db_check);
  CLI::App* backup = add("backup", "Copy it, while a server writes", run_db_backup);
  backup->add_option("file", o.target, "The copy, which must not be there yet")->required();
  add("vacuum", "Give free pages back; no server may write it meanwhile", run_db_vacuum);
}

void add_config(CommandLine& line) {
  CLI::App* verb = line.app.add_subcommand("config", "Show or check the configuration");
  verb->require_subcommand(1);
  CLI::App* print = verb->add_subcommand("print", "The configuration that applies, as TOML");
  print->add_option("file", line.config_path, "Configuration file (TOML)");
  print->callback([&line] { line.run = [&line] { return run_config_print(line.config_path); }; });
  CLI::App* validate = verb->add_subcommand("validate", "Report every mistake with its line");
  validate->add_option("file", line.config_path, "Configuration file (TOML)");
  validate->callback(
      [&line] { line.run = [&line] { return run_config_validate(line.config_path); }; });
}

void add_others(CommandLine& line) {
  CLI::App* doctor = line.app.add_subcommand("doctor", "What of this machine helps or hinders it");
  doctor->add_option("--config", line.doctor.config, "Configuration file (TOML)")
      ->type_name("FILE");
  doctor->add_flag("-j,--json", line.doctor.json, "Print JSON");
  CLI::Option* const bundle =
      doctor
          ->add_option("--bundle", line.doctor.bundle,
                       "Write an archive for whoever helps, without secrets, instead of printing")
          ->type_name("FILE.tar.gz");
  doctor->add_option("--log", line.doctor.log, "With --bundle: a file with the log")
      ->type_name("FILE")
      ->needs(bundle);
  doctor->callback([&line] { line.run = [&line] { return run_doctor(line.doctor); }; });

  CLI::App* version = line.app.add_subcommand("version", "Version and build");
  version->add_flag("-j,--json", line.version_json, "Print JSON");
  version->callback([&line] { line.run = [&line] { return run_version(line.version_json); }; });

  CLI::App* completion = line.app.add_subcommand("completion", "Completion script for a shell");
  completion->add_option("shell", line.shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->callback([&line] {
    line.run = [&line] {
      std::fputs(completion_script(line.app, line.shell).c_str(), stdout);
      return static_cast<int>(kExitOk);
    };
  });
}

int run(int argc, char** argv) {
  CommandLine line;
  line.app.require_subcommand(1);
  line.app.set_version_flag("-V,--version", fmt::format("gpuvigil {}", version()));
  add_serve(line);
  add_lists(line);
  add_machine(line);
  add_run(line);
  add_kernels(line);
  add_report(line);
  add_watch(line);
  add_top(line);
  add_trace(line);
  add_token(line);
  add_db(line);
  add_config(line);
  add_others(line);
  try {  // CLI11 reports by exceptions
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return line.app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return line.run();
}

}  // namespace
}  // namespace gpuvigil

int main(int argc, char** argv) {
  try {
    return gpuvigil::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gpuvigil: internal error: %s\n", error.what());
    return gpuvigil::kExitInternal;
  }
}
