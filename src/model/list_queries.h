// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/frame.h"

namespace gpuvigil {

enum class ProcessSort { kMemory, kKernelTime, kUtilization, kPid };

/// Which processes, in which order.
struct ProcessQuery {
  ProcessSort sort_by = ProcessSort::kMemory;  ///< Largest first; pids smallest first.
  std::size_t limit = 100;
  std::size_t offset = 0;
  std::optional<std::uint32_t> pid;
  std::string user;  ///< Empty: any.
  std::optional<std::vector<std::uint32_t>> devices;
};

struct ProcessList {
  std::vector<const ProcessRow*> rows;  ///< Of the frame, which must outlive them.
  std::size_t total = 0;                ///< That match, before offset and limit.
};

[[nodiscard]] ProcessList select_processes(const Frame& frame, const ProcessQuery& query);

/// Which events; the newest come first.
struct EventQuery {
  EventSeverity least = EventSeverity::kInfo;
  std::string kind;  ///< Empty: any.
  std::size_t limit = 100;
  std::optional<std::vector<std::uint32_t>> devices;
  std::optional<Timestamp> since;
};

[[nodiscard]] std::vector<const Event*> select_events(const Frame& frame, const EventQuery& query);

}  // namespace gpuvigil
