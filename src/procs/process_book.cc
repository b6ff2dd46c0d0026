// SPDX-License-Identifier: Apache-2.0
#include "procs/process_book.h"

#include <unordered_set>
#include <utility>

#include <unistd.h>

#include "procs/cgroup_place.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxCommand = 1'024;
// A line of stat has some 400 bytes, status some 1,500; more is not as proc(5) has it.
constexpr std::size_t kMaxStat = 4'096;
constexpr std::size_t kMaxStatus = 16'384;
constexpr std::size_t kMaxCgroups = 65'536;
constexpr std::size_t kMaxEnvironment = 1U << 20U;

Duration ticks(std::uint64_t count) {
  const auto per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return std::chrono::seconds(count / per_second) +
         Duration(count % per_second * 1'000'000'000 / per_second);
}

std::optional<StatLine> read_stat(const ProcessFiles& files) {
  const auto line = files.read("stat", kMaxStat);
  if (!line || !line->is_whole) return std::nullopt;
  return parse_stat(line->bytes);
}

void read_environment(const ProcessFiles& files, ProcessInfo& info) {
  const auto environment = files.read("environ", kMaxEnvironment);
  if (!environment) return;
  EnvironmentFacts facts = parse_environment(environment->bytes);
  // Of one that was cut only what was found is sure.
  if (environment->is_whole || facts.has_agent) info.has_agent_set_up = facts.has_agent;
  if (!info.place.slurm_job.empty()) return;
  info.place.slurm_job = std::move(facts.slurm_job);
  if (!info.place.slurm_job.empty()) info.place.slurm_step = std::move(facts.slurm_step);
}

}  // namespace

ProcessFacts read_process(const ProcessFiles& files, std::uint32_t pid, const StatLine& stat,
                          Timestamp booted) {
  ProcessFacts facts;
  ProcessInfo& info = facts.info;
  info.key = {.pid = pid, .start_ticks = stat.start_ticks};
  info.started = booted + ticks(stat.start_ticks);
  if (stat.parent != 0) info.parent = stat.parent;  // 0: the first one of its namespace
  const auto name = files.read("comm", kMaxName);
  info.name = bounded_name(name ? name->bytes : stat.name, kMaxName);
  if (const auto status = files.read("status", kMaxStatus)) {
    info.uid = parse_uid(status->bytes);
    info.is_set_user_id = has_others_rights(status->bytes);
  }
  if (const auto command = files.read("cmdline", kMaxCommand + 4)) {
    info.command = command_line(command->bytes, kMaxCommand);
  }
  if (const auto groups = files.read("cgroup", kMaxCgroups)) {
    CgroupPlace found = parse_cgroups(groups->bytes);
    info.place = std::move(found.place);
    facts.pod_container_id = std::move(found.pod_container_id);
  }
  read_environment(files, info);
  return facts;
}

ProcessBook::ProcessBook(ProcessPaths paths, UserNames::Ask ask)
    : paths_(std::move(paths)), users_(std::move(ask)), pods_(paths_.container_logs) {}

bool ProcessBook::refresh(std::span<const std::uint32_t> pids, Round round, Timestamp now,
                          Timestamp booted) {
  const std::unordered_set<std::uint32_t> wanted(pids.begin(), pids.end());
  bool is_changed =
      std::erase_if(entries_, [&](const auto& entry) { return !wanted.contains(entry.first); }) > 0;
  for (const std::uint32_t pid : wanted) {
    const auto known = entries_.find(pid);
    if (known == entries_.end()) {
      if (auto entry = look(pid, nullptr, now, booted)) {
        entries_.emplace(pid, *std::move(entry));
        is_changed = true;
      }
    } else if (round == Round::kAll) {
      auto entry = look(pid, &known->second, now, booted);
      is_changed = is_changed || !entry || entry->info != known->second.info;
      if (entry) {
        known->second = *std::move(entry);
      } else {
        entries_.erase(known);
      }
    }
  }
  return is_changed;
}

/// One process, as it is now; nothing when it is gone. `known` may be of another process that had
/// the same number.
std::optional<ProcessBook::Entry> ProcessBook::look(std::uint32_t pid, const Entry* known,
                                                    Timestamp now, Timestamp booted) {
  const auto files = ProcessFiles::open(paths_.proc, pid);
  if (!files) return std::nullopt;
  const auto stat = read_stat(*files);
  if (!stat) return std::nullopt;
  const bool is_same = known != nullptr && known->info->key.start_ticks == stat->start_ticks;
  const std::uint32_t rounds = is_same ? known->rounds + 1 : 0;
  // One that has ended and waits for its parent shows nothing more of itself.
  const bool is_over = stat->state == 'Z' || stat->state == 'X';
  const bool is_settled = rounds >= kWholeRounds && rounds % kWholeRounds != 0 &&
                          stat->name == known->stat_name &&
                          stat->parent == known->info->parent.value_or(0);
  if (is_same && (is_over || is_settled)) {
    return Entry{.info = known->info, .stat_name = known->stat_name, .rounds = rounds};
  }
  ProcessFacts facts = read_process(*files, pid, *stat, booted);
  // The wall clock may have been set since; the process began when it began.
  if (is_same) facts.info.started = known->info->started;
  name_user(facts.info, is_same ? known->info.get() : nullptr);
  name_pod(facts, now);
  if (is_same && facts.info == *known->info) {
    return Entry{.info = known->info, .stat_name = stat->name, .rounds = rounds};
  }
  return Entry{.info = std::make_shared<const ProcessInfo>(std::move(facts.info)),
               .stat_name = stat->name,
               .rounds = rounds};
}

void ProcessBook::name_user(ProcessInfo& info, const ProcessInfo* known) {
  if (!info.uid) return;
  if (auto name = users_.find(*info.uid)) {
    info.user = *std::move(name);
  } else if (known != nullptr && known->uid == info.uid) {
    info.user = known->user;  // forgotten, and about to be asked for again
  }
}

void ProcessBook::name_pod(ProcessFacts& facts, Timestamp now) {
  if (facts.pod_container_id.empty()) return;
  auto name = pods_.find(facts.pod_container_id, now);
  if (!name) return;
  facts.info.place.pod_namespace = std::move(name->pod_namespace);
  facts.info.place.pod_name = std::move(name->pod);
  facts.info.place.pod_container = std::move(name->container);
}

bool ProcessBook::name_users(Timestamp now) {
  if (!users_.ask_for_missing(now)) return false;
  bool is_changed = false;
  for (auto& [pid, entry] : entries_) {
    ProcessInfo info = *entry.info;
    name_user(info, nullptr);
    if (info == *entry.info) continue;
    entry.info = std::make_shared<const ProcessInfo>(std::move(info));
    is_changed = true;
  }
  return is_changed;
}

std::shared_ptr<const ProcessInfos> ProcessBook::infos() const {
  auto infos = std::make_shared<ProcessInfos>();
  infos->reserve(entries_.size());
  for (const auto& [pid, entry] : entries_) infos->emplace(pid, entry.info);
  return infos;
}

}  // namespace gpuvigil
