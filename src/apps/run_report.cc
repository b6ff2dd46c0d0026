// SPDX-License-Identifier: Apache-2.0
#include "apps/run_report.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/json_writer.h"
#include "base/text.h"
#include "views/human.h"
#include "views/json_views.h"
#include "views/summary.h"
#include "views/text_table.h"

namespace gpuvigil {
namespace {

std::uint64_t to_ns(Duration duration) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
}

void append_table(std::string& out, const KernelList& list) {
  TextTable table({{"Share"},
                   {"Total"},
                   {"Calls"},
                   {"Avg"},
                   {"Min"},
                   {"p50"},
                   {"p95"},
                   {"p99"},
                   {"Max"},
                   {"GPU"},
                   {"Kernel", Align::kLeft, true}});
  for (const KernelStats& row : list.rows) {
    const KernelCounters& c = row.counters;
    const auto time = [&](std::uint64_t ns) {
      return c.calls == 0 ? std::string("-") : human_time(ns);
    };
    table.add_row({human_percent(row.share_percent), human_time(c.sum_ns), human_count(c.calls),
                   time(c.calls == 0 ? 0 : rounded_mean(c.sum_ns, c.calls)), time(c.min_ns),
                   time(row.percentiles.p50_ns), time(row.percentiles.p95_ns),
                   time(row.percentiles.p99_ns), time(c.max_ns),
                   fmt::format("{}", fmt::join(row.devices, ",")),
                   clean_text(row.name->short_name)});
  }
  if (!table.empty()) table.append_to(out);
}

std::string how_it_ended(const RunFacts& facts) {
  const std::string program = clean_text(fold_middle(facts.command.front(), 40));
  const std::string wall = human_time(to_ns(facts.wall));
  if (facts.end.signal) {
    return fmt::format("{} was ended by signal {} after {}", program, *facts.end.signal, wall);
  }
  return fmt::format("{} ended with exit code {} after {}", program, facts.end.exit_code, wall);
}

void append_totals(std::string& out, const Frame& frame, const KernelList& list) {
  const KernelSummary kernels = summarize_kernels(frame);
  if (list.total_kernels > list.rows.size()) {
    out += fmt::format("{} of {} kernels; more with --limit\n", list.rows.size(),
                       human_count(list.total_kernels));
  }
  out += fmt::format("{} calls of kernels, {}; {} copies and sets\n", human_count(kernels.calls),
                     human_time(kernels.time_ns),
                     human_count(count_executions(frame) - kernels.calls));
  for (const DeviceRow& row : frame.devices) {
    out += fmt::format("GPU {}: {} ({}), kernels ran for {} of it\n", row.index,
                       clean_text(row.info->name), clean_text(row.info->uuid),
                       human_time(row.activity.kernel_busy_ns));
  }
  for (const LossInfo& info : kLosses) {
    if (frame.losses[info.loss] == 0 || info.loss == Loss::kExecutionsOverrun) continue;
    out += fmt::format("{} ({}): {}\n", info.name, human_count(frame.losses[info.loss]), info.help);
  }
}

void write_lines(JsonWriter& json, std::string_view key, const std::vector<std::string>& lines) {
  json.key(key);
  json.begin_array();
  for (const std::string& line : lines) json.string(line);
  json.end_array();
}

void write_devices(JsonWriter& json, const Frame& frame) {
  json.key("devices");
  json.begin_array();
  for (const DeviceRow& row : frame.devices) {
    json.begin_object();
    json.key("index");
    json.number(row.index);
    json.key("uuid");
    json.string(row.info->uuid);
    json.key("name");
    json.string(row.info->name);
    json.key("kernel_busy_ms");
    json.milliseconds(row.activity.kernel_busy_ns);
    json.end_object();
  }
  json.end_array();
}

std::string facts_json(const Frame& frame, const RunFacts& facts) {
  const KernelSummary kernels = summarize_kernels(frame);
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_lines(json, "command", facts.command);
  json.key("exit_code");
  json.number(static_cast<std::uint64_t>(facts.end.exit_code));
  json.key("signal");
  facts.end.signal ? json.number(static_cast<std::uint64_t>(*facts.end.signal)) : json.null();
  json.key("wall_ms");
  json.milliseconds(to_ns(facts.wall));
  json.key("programs");
  json.number(facts.programs.came);
  json.key("programs_still_running");
  json.number(facts.programs.inside);
  json.key("programs_refused");
  json.number(facts.programs.refused);
  json.key("kernel_calls");
  json.number(kernels.calls);
  json.key("kernel_time_ms");
  json.milliseconds(kernels.time_ns);
  json.key("executions");
  json.number(count_executions(frame));
  json.key("executions_in_trace");
  facts.trace ? json.number(facts.trace->in_file) : json.null();
  write_devices(json, frame);
  write_lines(json, "notes", facts.notes);
  write_lines(json, "no_kernels_reasons", why_no_kernels(frame, facts));
  json.end_object();
  json.finish();
  return out;
}

}  // namespace

std::uint64_t count_executions(const Frame& frame) {
  std::uint64_t count = 0;
  for (const KernelRow& row : frame.kernels) count += row.counters.calls;
  return count;
}

std::vector<std::string> why_no_kernels(const Frame& frame, const RunFacts& facts) {
  std::vector<std::string> why;
  if (summarize_kernels(frame).calls > 0) return why;
  std::set<std::string> blind;
  for (const CaptureState& state : facts.captures) {
    if (!state.blind.empty()) blind.insert(fmt::format("{}: {}", state.writer, state.blind));
  }
  why.insert(why.end(), blind.begin(), blind.end());
  if (facts.programs.refused > 0) {
    why.push_back(
        fmt::format("{} programs wanted to report and were refused", facts.programs.refused));
  }
  if (facts.programs.came == 0) {
    why.emplace_back(
        "no agent was loaded: nothing used CUDA or OpenCL, or it did so in a container, with "
        "another environment, or as another user (see docs/agents.md)");
    why.emplace_back("GPUVIGIL_AGENT_LOG=stderr gpuvigil run ... makes agents say what they do");
  } else if (why.empty()) {
    why.push_back(fmt::format("{} programs reported, and launched no kernel", facts.programs.came));
  }
  return why;
}

std::string run_text(const Frame& frame, const KernelList& list, const RunFacts& facts) {
  std::string out;
  append_table(out, list);
  const std::vector<std::string> why = why_no_kernels(frame, facts);
  if (!why.empty()) out += "no kernel was seen\n";
  for (const std::string& line : why) out += fmt::format("  {}\n", clean_text(line));
  if (count_executions(frame) > 0) append_totals(out, frame, list);
  out += fmt::format("{}; {} programs reported\n", how_it_ended(facts), facts.programs.came);
  if (facts.programs.inside > 0) {
    out += fmt::format("{} of them still run: what they do from now on is not counted\n",
                       facts.programs.inside);
  }
  if (facts.trace && facts.trace->in_file < facts.trace->total) {
    out += fmt::format("the trace holds {} of {} executions: the others are known only in sum\n",
                       human_count(facts.trace->in_file), human_count(facts.trace->total));
  }
  return out;
}

std::string run_json(const Frame& frame, const KernelList& list, const RunFacts& facts) {
  const std::string kernels = kernels_json(frame, list);
  return fmt::format("{{\"run\":{},{}", facts_json(frame, facts),
                     std::string_view(kernels).substr(1));
}

}  // namespace gpuvigil
