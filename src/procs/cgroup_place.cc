// SPDX-License-Identifier: Apache-2.0
#include "procs/cgroup_place.h"

#include <algorithm>
#include <array>
#include <optional>

#include "procs/process_text.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kIdDigits = 64;
constexpr std::size_t kMaxUnitBytes = 256;

/// How runtimes call a container's group before its id: "docker-ID.scope", "SLICE:crio:ID".
struct RuntimePrefix {
  std::string_view prefix;
  std::string_view runtime;
};
constexpr std::array kRuntimePrefixes = {
    RuntimePrefix{"docker", "docker"},
    RuntimePrefix{"cri-containerd", "containerd"},
    RuntimePrefix{"containerd", "containerd"},
    RuntimePrefix{"nerdctl", "containerd"},
    RuntimePrefix{"crio", "crio"},
    RuntimePrefix{"libpod", "podman"},
    RuntimePrefix{"libpod-payload", "podman"},
};

/// In which group runtimes put those that they call by the id alone: "/docker/ID".
constexpr std::array kRuntimeParents = {
    RuntimePrefix{"docker", "docker"},
    RuntimePrefix{"k8s.io", "containerd"},
    RuntimePrefix{"libpod_parent", "podman"},
};

bool is_lower_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool is_container_id(std::string_view text) {
  return text.size() == kIdDigits && std::ranges::all_of(text, is_lower_hex);
}

template <std::size_t N>
std::string_view runtime_of(const std::array<RuntimePrefix, N>& table, std::string_view name) {
  const auto found = std::ranges::find(table, name, &RuntimePrefix::prefix);
  return found == table.end() ? std::string_view() : found->runtime;
}

struct ContainerName {
  std::string_view id;
  std::string_view runtime;  ///< Empty: the name does not say it.
};

/// The container that a group is of, if it is of one. What watches one ("crio-conmon-ID") is not in
/// it.
std::optional<ContainerName> container_of(std::string_view parent, std::string_view group) {
  if (group.ends_with(".scope")) group.remove_suffix(6);
  if (is_container_id(group)) {
    return ContainerName{.id = group, .runtime = runtime_of(kRuntimeParents, parent)};
  }
  if (group.size() <= kIdDigits + 1) return std::nullopt;
  const std::string_view id = group.substr(group.size() - kIdDigits);
  const char joint = group[group.size() - kIdDigits - 1];
  std::string_view before = group.substr(0, group.size() - kIdDigits - 1);
  // A runtime that was told to use systemd's driver and does not: "SLICE:PREFIX:ID".
  if (joint == ':') before.remove_prefix(before.rfind(':') + 1);
  if ((joint != '-' && joint != ':') || !is_container_id(id)) return std::nullopt;
  const std::string_view runtime = runtime_of(kRuntimePrefixes, before);
  if (runtime.empty()) return std::nullopt;
  return ContainerName{.id = id, .runtime = runtime};
}

/// A UUID, or the hash of 32 digits by which the kubelet knows pods of its own files.
bool is_pod_uid(std::string_view text) {
  const auto is_part = [](char c) { return is_lower_hex(c) || c == '-'; };
  return (text.size() == 36 || text.size() == 32) && std::ranges::all_of(text, is_part);
}

/// "kubepods-burstable-pod1234_5678.slice" or "pod1234-5678"; empty when it is no pod.
std::string pod_uid_of(std::string_view group) {
  std::string_view uid;
  const std::size_t slice = group.find(".slice");
  if (slice != std::string_view::npos && group.substr(0, slice).contains("kubepods")) {
    const std::string_view name = group.substr(0, slice);
    const std::size_t at = name.rfind("-pod");
    if (at == std::string_view::npos) return {};
    uid = name.substr(at + 4);
  } else if (group.starts_with("pod")) {
    uid = group.substr(3);
  }
  std::string text(uid);
  std::ranges::replace(text, '_', '-');  // systemd takes a dash for a step in its tree
  return is_pod_uid(text) ? text : std::string();
}

/// Slurm calls its steps by number, and some by name.
bool is_step(std::string_view text) {
  return whole_number(text) || text == "batch" || text == "extern" || text == "interactive";
}

/// One path of one hierarchy, group by group from the outside to the inside.
class PathWalk {
 public:
  explicit PathWalk(bool in_kubepods) : in_kubepods_(in_kubepods) {}

  void enter(std::string_view group) {
    if (const auto container = container_of(parent_, group)) {
      found_.place.container_id = container->id;
      found_.place.container_runtime = container->runtime;
      if (!found_.place.pod_uid.empty() && found_.pod_container_id.empty()) {
        found_.pod_container_id = container->id;
      }
    } else {
      enter_other(group);
    }
    if (std::string uid = pod_uid_of(group); in_kubepods_ && !uid.empty()) {
      found_.place.pod_uid = std::move(uid);
      // "SLICE:PREFIX:ID" is both at once.
      found_.pod_container_id = group.contains(':') ? found_.place.container_id : "";
    }
    parent_ = group;
  }

  [[nodiscard]] CgroupPlace found() && { return std::move(found_); }

 private:
  void enter_other(std::string_view group) {
    in_slurm_ = in_slurm_ || group.starts_with("slurm") || group.ends_with("slurmstepd.scope");
    if (in_slurm_ && group.starts_with("job_") && whole_number(group.substr(4))) {
      found_.place.slurm_job = group.substr(4);
      found_.place.slurm_step.clear();
    } else if (!found_.place.slurm_job.empty() && group.starts_with("step_") &&
               is_step(group.substr(5))) {
      found_.place.slurm_step = group.substr(5);
    } else if (group.ends_with(".service") || group.ends_with(".scope")) {
      found_.place.unit = bounded_name(group, kMaxUnitBytes);
    }
  }

  const bool in_kubepods_;
  std::string_view parent_;
  bool in_slurm_ = false;
  CgroupPlace found_;
};

CgroupPlace place_of(std::string_view path) {
  PathWalk walk(path.contains("kubepods"));
  while (!path.empty()) {
    const std::string_view group = take_until(path, '/');
    if (!group.empty()) walk.enter(group);
  }
  return std::move(walk).found();
}

/// What one hierarchy does not say another may: Slurm limits memory and devices, not systemd's.
void fill(std::string& into, std::string&& from) {
  if (into.empty()) into = std::move(from);
}

void merge(CgroupPlace& into, CgroupPlace&& from) {
  if (into.place.container_id.empty()) {
    into.place.container_id = std::move(from.place.container_id);
    into.place.container_runtime = std::move(from.place.container_runtime);
  }
  fill(into.place.pod_uid, std::move(from.place.pod_uid));
  fill(into.pod_container_id, std::move(from.pod_container_id));
  if (into.place.slurm_job.empty() ||
      (into.place.slurm_job == from.place.slurm_job && into.place.slurm_step.empty())) {
    into.place.slurm_job = std::move(from.place.slurm_job);
    into.place.slurm_step = std::move(from.place.slurm_step);
  }
  fill(into.place.unit, std::move(from.place.unit));
}

}  // namespace

CgroupPlace parse_cgroups(std::string_view text) {
  CgroupPlace found;
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    static_cast<void>(take_until(line, ':'));  // the number of the hierarchy
    static_cast<void>(take_until(line, ':'));  // its controllers
    merge(found, place_of(line));
  }
  return found;
}

}  // namespace gpuvigil
