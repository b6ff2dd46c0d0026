// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "model/frame.h"
#include "model/kernel_query.h"
#include "model/process.h"
#include "model/source.h"
#include "monitor/kernel_table.h"

namespace gpuvigil {

/// Which process ran what: a table of kernels for each that reports itself.
///
/// It holds what the table of the machine holds, split; a process that ended is kept for those who
/// ask about it, until the newest 64 that ended do not include it or its room is needed. Several
/// owners with one pid that live at the same time are one process (one with two agents).
///
/// Threading: one thread.
class ProcessKernels {
 public:
  static constexpr std::size_t kMostEnded = 64;

  /// `max_series`: over all processes.
  explicit ProcessKernels(std::size_t max_series) : max_series_(max_series) {}

  void tell(OwnerId owner, std::uint32_t pid, const CaptureState& state);

  /// Books for the owner's process what the machine's series `key` was told; nothing for an owner
  /// that is none. Gives how many executions found no room.
  [[nodiscard]] std::uint64_t add(OwnerId owner, const SeriesKey& key, const Aggregate& aggregate);

  void close(OwnerId owner);

  /// The living ones, by pid, with what they counted of kernels. `who` and what drivers say is
  /// the engine's to fill in.
  [[nodiscard]] std::vector<ProcessRow> rows() const;

  /// Its kernels, as a frame shows those of the machine; false for a pid that reported nothing.
  /// Of several processes that had the pid: the newest.
  bool write_kernels(std::uint32_t pid, Frame& frame);

  /// As KernelTable::sketch_of, of that process.
  [[nodiscard]] std::optional<KernelTable::SketchAndExtremes> sketch_of(
      std::uint32_t pid, std::uint64_t kernel_id, KernelKind kind,
      std::span<const std::uint32_t> devices) const;

  /// Which processes ran a kernel: the one with the most time first.
  [[nodiscard]] std::vector<ProcessShare> shares(std::uint64_t kernel_id, KernelKind kind);

 private:
  struct Work {
    std::uint64_t calls = 0;
    std::uint64_t kernel_ns = 0;
  };
  struct Process {
    explicit Process(std::uint32_t id) : pid(id) {}
    std::uint32_t pid;
    KernelTable table{TableLimits{}};
    OwnerId own = table.open_owner();
    std::set<SeriesSlot> slots;              ///< Those that count against max_series.
    std::map<std::uint32_t, Work> devices;   ///< By index.
    std::map<OwnerId, CaptureState> owners;  ///< Empty: it has ended.
  };

  [[nodiscard]] std::shared_ptr<Process> newest(std::uint32_t pid) const;
  void forget_oldest();

  const std::size_t max_series_;
  std::size_t series_ = 0;
  std::map<std::uint32_t, std::shared_ptr<Process>> living_;  ///< By pid.
  std::map<OwnerId, std::shared_ptr<Process>> by_owner_;
  std::deque<std::shared_ptr<Process>> ended_;  ///< Newest last.
};

}  // namespace gpuvigil
