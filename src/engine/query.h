// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "model/frame.h"
#include "model/kernel_history.h"
#include "model/kernel_query.h"

namespace gpuvigil {

/// One kernel over some of its devices, whose percentiles no frame holds.
struct PercentileRequest {
  std::uint64_t kernel_id = 0;
  KernelKind kind = KernelKind::kCompute;
  std::vector<std::uint32_t> devices;
  std::uint64_t min_ns = 0;
  std::uint64_t max_ns = 0;
};

/// Asks the owner of the sketches; answers in the order of the requests. Called at most once a
/// query, with nothing when every row has its percentiles already.
using PercentileLookup =
    std::function<std::vector<Percentiles>(std::span<const PercentileRequest>)>;

/// Filters, merges, sorts and cuts the kernels of a frame.
///
/// Without `since` the counters are cumulative; with it they are merged from the frame's window
/// ladder, in whole steps, so that the answer covers at least what was asked and its `window` says
/// what it really covers.
[[nodiscard]] KernelList query_kernels(const Frame& frame, const KernelQuery& query,
                                       const PercentileLookup& lookup);

/// The same from a window of history. `frame` says which devices there are now: those that are not
/// there any more count, but have no index.
[[nodiscard]] KernelList query_kernel_window(const Frame& frame, KernelWindow window,
                                             const KernelQuery& query);

/// The ten kernels with the most time: what a report shows.
[[nodiscard]] KernelQuery top_ten();

}  // namespace gpuvigil
