// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/query.h"
#include "model/frame.h"
#include "monitor/monitor.h"
#include "trace/trace_sink.h"

namespace gpuvigil {

/// What of a recording could not be read, in one line; empty when all of it could. `file` names it
/// where the reader did not.
[[nodiscard]] std::string describe_damage(const TraceSummary& summary, const std::string& file);

/// The rows that a query asks for, of a live state that no engine runs; `frame` is its newest.
[[nodiscard]] KernelList kernels_of(const Monitor& monitor, const Frame& frame,
                                    const KernelQuery& query);

/// What recordings add up to, read by this process without a server.
class Offline {
 public:
  /// Reads them all, with a progress bar where it takes long.
  /// Errors: those of read_trace() for the first file of which nothing can be used.
  [[nodiscard]] static Result<Offline> read(const std::vector<std::string>& paths);

  [[nodiscard]] const Frame& frame() const { return *frame_; }

  /// What of the files could not be read, one line each; empty when all is whole.
  [[nodiscard]] const std::vector<std::string>& damages() const { return damages_; }

  [[nodiscard]] KernelList kernels(const KernelQuery& query) const {
    return kernels_of(*monitor_, *frame_, query);
  }

 private:
  std::unique_ptr<Monitor> monitor_;
  std::shared_ptr<const Frame> frame_;
  std::vector<std::string> damages_;
};

}  // namespace gpuvigil
