// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "model/process.h"
#include "procs/pod_names.h"
#include "procs/process_files.h"
#include "procs/process_text.h"
#include "procs/user_names.h"

namespace gpuvigil {

/// Where the book reads; the defaults are the machine's.
struct ProcessPaths {
  std::string proc = "/proc";
  std::string container_logs = "/var/log/containers";
  std::string kubelet_socket = "/var/lib/kubelet/pod-resources/kubelet.sock";
};

/// All of a process that its files tell; neither the name of its user nor of its pod.
struct ProcessFacts {
  ProcessInfo info;
  std::string pod_container_id;  ///< Of CgroupPlace.
};

/// Reads them; what cannot be read is absent. `booted`: when the machine was, by the wall clock.
[[nodiscard]] ProcessFacts read_process(const ProcessFiles& files, std::uint32_t pid,
                                        const StatLine& stat, Timestamp booted);

/// What is known of the processes that somebody asked for: reads each one often while it is young,
/// because programs change their name and arguments while they start, and seldom afterwards.
///
/// Threading: one thread at a time; reads files of /proc and may ask who a user is.
class ProcessBook {
 public:
  /// For so many rounds a process is read whole, then once in so many rounds.
  static constexpr std::uint32_t kWholeRounds = 10;

  explicit ProcessBook(ProcessPaths paths, UserNames::Ask ask = user_name_of);

  enum class Round {
    kAll,  ///< Looks at all of them again.
    kNew,  ///< Looks only at those that are not known.
  };

  /// Forgets all but `pids`, and reads as `round` says. True when anything changed.
  bool refresh(std::span<const std::uint32_t> pids, Round round, Timestamp now, Timestamp booted);

  /// Asks for the names of users that are not known yet, which may wait. True when any came.
  bool name_users(Timestamp now);

  /// What is known now; never null.
  [[nodiscard]] std::shared_ptr<const ProcessInfos> infos() const;

  [[nodiscard]] const PodNames& pod_names() const { return pods_; }

 private:
  struct Entry {
    std::shared_ptr<const ProcessInfo> info;
    std::string stat_name;  ///< By this a process is seen to have become another program.
    std::uint32_t rounds = 0;
  };

  [[nodiscard]] std::optional<Entry> look(std::uint32_t pid, const Entry* known, Timestamp now,
                                          Timestamp booted);
  void name_pod(ProcessFacts& facts, Timestamp now);
  void name_user(ProcessInfo& info, const ProcessInfo* known);

  ProcessPaths paths_;
  UserNames users_;
  PodNames pods_;
  std::unordered_map<std::uint32_t, Entry> entries_;
};

}  // namespace gpuvigil
