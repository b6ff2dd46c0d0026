// SPDX-License-Identifier: Apache-2.0
// What devices are, what happened to them, how they are joined, and who uses them.
#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "apps/cells.h"
#include "apps/tables.h"
#include "base/text.h"
#include "views/human.h"
#include "views/text_table.h"

namespace gpuvigil {

using namespace detail;

namespace {

constexpr std::size_t kMostInMatrix = 64;
constexpr std::size_t kWhereWidth = 24;

/// Where a process runs, by the word that people look for: the pod before its container.
std::string where(const JsonValue& process) {
  const JsonValue& pod = process["pod"];
  std::string found;
  if (pod["name"].as_string() != nullptr) {
    found = fmt::format("{}/{}", text(pod["namespace"]), text(pod["name"]));
  } else if (process["slurm"]["job"].as_string() != nullptr) {
    found = fmt::format("job {}", text(process["slurm"]["job"]));
  } else if (const auto id = process["container"]["id"].string_or(""); !id.empty()) {
    found = clean_text(truncate_utf8(clean_text(id), 12));
  } else {
    found = text(process["unit"]);
  }
  return fold_middle(found, kWhereWidth);
}

std::string captured_by(const JsonValue& process) {
  std::string out;
  for (const JsonValue& capture : elements(process["captures"])) {
    if (!out.empty()) out += ",";
    out += text(capture["by"]);
    if (capture["blind"].as_string() != nullptr) {
      out += "(blind)";
    } else if (const std::string detail = text(capture["detail"]); detail != "full") {
      out += fmt::format("({})", detail);
    }
  }
  return out.empty() ? "-" : out;
}

std::string command_of(const JsonValue& process) {
  const JsonValue& command = process["command"];
  return text(command.as_string() != nullptr ? command : process["name"]);
}

/// One line for each reason, with the processes that it is true of.
std::string unseen(const std::map<std::string, std::string>& pids_by_reason) {
  std::string out;
  for (const auto& [reason, pids] : pids_by_reason) {
    out += fmt::format("kernels are not seen of {}: {}\n", pids, reason);
  }
  return out;
}

/// "71.2/80.0 GiB": both in one unit, for there are many columns.
std::string short_memory(const JsonValue& value) {
  constexpr double kMebibytesPerGibibyte = 1024;
  const JsonValue& used = value["used_mb"];
  const JsonValue& total = value["total_mb"];
  const auto gibibytes = [](const JsonValue& mb) {
    return is_number(mb) ? fmt::format("{:.1f}", mb.number_or(0) / kMebibytesPerGibibyte) : "-";
  };
  if (!is_number(used) && !is_number(total)) return "-";
  return fmt::format("{}/{} GiB", gibibytes(used), gibibytes(total));
}

std::string findings_of(const JsonValue& device) {
  std::string out;
  for (const JsonValue& finding : elements(device["findings"])) {
    out += fmt::format("GPU {}: {}: {}", number(device["index"], 0), text(finding["code"]),
                       text(finding["detail"]));
    if (finding["advice"].as_string() != nullptr) {
      out += fmt::format("; {}", text(finding["advice"]));
    }
    out += '\n';
  }
  return out;
}

std::string kind_of(const JsonValue& event) {
  const std::string kind = text(event["kind"]);
  return is_number(event["code"]) ? fmt::format("{} {}", kind, number(event["code"], 0)) : kind;
}

/// A way from one device to another: as the API calls it, in a cell, and what it means.
struct PathWord {
  std::string_view path;
  std::string_view word;
  std::string_view meaning;
};

constexpr std::array kPathWords = {
    PathWord{"nvlink", "nv", "NVLink, with that many links"},
    PathWord{"internal", "board", "both are on one board"},
    PathWord{"single", "switch", "over one PCIe switch"},
    PathWord{"multiple", "switches", "over several PCIe switches, not through the CPU"},
    PathWord{"hostbridge", "bridge", "through a PCIe host bridge of the CPU"},
    PathWord{"node", "node", "between host bridges of one NUMA node"},
    PathWord{"system", "system", "between NUMA nodes, over the link of the CPUs"},
};

const PathWord* path_word(const JsonValue& link) {
  const auto found = std::ranges::find(kPathWords, link["path"].string_or(""), &PathWord::path);
  return found == kPathWords.end() ? nullptr : &*found;
}

std::string path_cell(const JsonValue& link) {
  const PathWord* const word = path_word(link);
  if (word == nullptr) return fold_middle(text(link["path"]), kWhereWidth);
  if (word->path != "nvlink") return std::string(word->word);
  return fmt::format("{}{}", word->word, number(link["nvlinks"], 0));
}

std::string legend(const JsonValue::Array& links) {
  std::string out;
  for (const PathWord& word : kPathWords) {
    const bool occurs =
        std::ranges::any_of(links, [&](const JsonValue& link) { return path_word(link) == &word; });
    if (!occurs) continue;
    const std::string name = word.path == "nvlink" ? "nvN" : std::string(word.word);
    out += fmt::format("  {:8}  {}\n", name, word.meaning);
  }
  return out;
}

/// Pairs of device numbers and how they are joined, in both directions.
using Paths = std::map<std::pair<std::int64_t, std::int64_t>, std::string>;

Paths paths_of(const JsonValue::Array& links) {
  Paths paths;
  for (const JsonValue& link : links) {
    const std::int64_t* const from = link["from"].as_int();
    const std::int64_t* const to = link["to"].as_int();
    if (from == nullptr || to == nullptr) continue;
    paths[{*from, *to}] = paths[{*to, *from}] = path_cell(link);
  }
  return paths;
}

std::int64_t index_of(const JsonValue& device) {
  const std::int64_t* const index = device["index"].as_int();
  return index != nullptr ? *index : -1;
}

std::string matrix(std::span<const JsonValue> devices, const Paths& paths) {
  std::vector<std::string> titles;
  for (const JsonValue& device : devices) titles.push_back("GPU " + number(device["index"], 0));
  std::vector<TextTable::Column> columns = {{"", Align::kLeft}};
  for (const std::string& title : titles) columns.push_back({title});
  columns.insert(columns.end(), {{"NUMA"}, {"CPUs", Align::kLeft}});
  TextTable table(std::move(columns));
  for (std::size_t row = 0; row < devices.size(); ++row) {
    std::vector<std::string> cells = {titles[row]};
    for (const JsonValue& other : devices) {
      const auto path = paths.find({index_of(devices[row]), index_of(other)});
      const bool is_itself = &other == &devices[row];
      cells.push_back(is_itself ? "." : path != paths.end() ? path->second : "-");
    }
    cells.push_back(number(devices[row]["numa_node"], 0));
    cells.push_back(text(devices[row]["cpu_affinity"]));
    table.add_row(std::move(cells));
  }
  std::string out;
  table.append_to(out);
  return out;
}

std::string no_device(const JsonValue& answer) {
  return fmt::format("no device: {}\n", text(answer["reason"]));
}

}  // namespace

std::string processes_table(const JsonValue& answer) {
  TextTable table({{"PID"},
                   {"User", Align::kLeft},
                   {"GPU"},
                   {"Memory"},
                   {"SM"},
                   {"Calls"},
                   {"Kernel time"},
                   {"Seen by", Align::kLeft},
                   {"Where", Align::kLeft},
                   {"Command", Align::kLeft, true}});
  std::map<std::string, std::string> pids_by_reason;
  for (const JsonValue& process : elements(answer["processes"])) {
    const std::string pid = number(process["pid"], 0);
    for (const JsonValue& use : elements(process["devices"])) {
      table.add_row({pid, text(process["user"]), number(use["device"], 0),
                     mebibytes(use["memory_mb"]), percent(use["sm_utilization_percent"]),
                     count(use["total_calls"]), milliseconds(use["kernel_time_ms"]),
                     captured_by(process), where(process), command_of(process)});
    }
    if (process["no_kernels_reason"].as_string() != nullptr) {
      std::string& pids = pids_by_reason[text(process["no_kernels_reason"])];
      pids += pids.empty() ? pid : ", " + pid;
    }
  }
  std::string out = banner(answer);
  if (table.empty()) {
    out += "no process uses a device, as far as can be seen\n";
  } else {
    table.append_to(out);
  }
  return out + unseen(pids_by_reason) +
         fmt::format("{} of {} processes\n", elements(answer["processes"]).size(),
                     count(answer["total_processes"]));
}

std::string devices_table(const JsonValue& answer) {
  TextTable table({{"GPU"},
                   {"Util"},
                   {"Memory"},
                   {"°C"},
                   {"W"},
                   {"Health", Align::kLeft},
                   {"Name", Align::kLeft, true},
                   {"UUID", Align::kLeft}});
  std::string notes;
  for (const JsonValue& device : elements(answer["devices"])) {
    table.add_row({number(device["index"], 0), number(device["gpu_utilization"], 0, "%"),
                   short_memory(device["memory"]), number(device["temperature_celsius"], 0),
                   number(device["power_watts"], 0), text(device["health"]), text(device["name"]),
                   text(device["uuid"])});
    notes += findings_of(device);
  }
  std::string out = banner(answer);
  if (table.empty()) return out + no_device(answer);
  table.append_to(out);
  return out + notes;
}

std::string events_table(const JsonValue& answer) {
  TextTable table({{"Time", Align::kLeft},
                   {"GPU"},
                   {"Severity", Align::kLeft},
                   {"Kind", Align::kLeft},
                   {"Message", Align::kLeft, true}});
  std::map<std::string, std::string> advice;  // by kind: said once
  for (const JsonValue& event : elements(answer["events"])) {
    table.add_row({text(event["timestamp"]), number(event["device"], 0), text(event["severity"]),
                   kind_of(event), text(event["message"])});
    if (event["advice"].as_string() != nullptr) advice[kind_of(event)] = text(event["advice"]);
  }
  std::string out = banner(answer);
  if (table.empty()) {
    out += "no events\n";
  } else {
    table.append_to(out);
  }
  for (const auto& [kind, what] : advice) out += fmt::format("{}: {}\n", kind, what);
  return out + fmt::format("{} shown, {} happened\n", elements(answer["events"]).size(),
                           count(answer["total_events"]));
}

std::string topology_table(const JsonValue& answer) {
  const JsonValue::Array& devices = elements(answer["devices"]);
  const JsonValue::Array& links = elements(answer["links"]);
  std::string out = banner(answer);
  if (devices.empty()) return out + no_device(answer);
  const std::size_t shown = std::min(devices.size(), kMostInMatrix);
  out += matrix(std::span(devices).first(shown), paths_of(links));
  out += legend(links);
  if (links.empty() && devices.size() > 1) out += "how they are joined is not known\n";
  if (shown < devices.size()) {
    out += fmt::format("and {} devices more: see --json\n", devices.size() - shown);
  }
  return out;
}

}  // namespace gpuvigil
