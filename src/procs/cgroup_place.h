// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "model/process.h"

namespace gpuvigil {

/// Where a process runs, as the names of its control groups tell it.
struct CgroupPlace {
  ProcessPlace place;
  /// The container that the kubelet knows; another than place.container_id where a program runs
  /// containers of its own within a pod. Empty outside of pods.
  std::string pod_container_id;

  friend bool operator==(const CgroupPlace&, const CgroupPlace&) = default;
};

/// Reads /proc/PID/cgroup, of version 1, 2 or both. The names are made by Docker, containerd,
/// CRI-O, Podman, the kubelet, Slurm and systemd, by their systemd and their plain drivers; other
/// names say nothing. Of containers within containers the innermost counts.
[[nodiscard]] CgroupPlace parse_cgroups(std::string_view text);

}  // namespace gpuvigil
