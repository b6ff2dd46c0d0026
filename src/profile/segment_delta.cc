// SPDX-License-Identifier: Apache-2.0
#include "profile/segment_delta.h"

#include <algorithm>

namespace gpuvigil {

bool SegmentDelta::is_empty() const {
  return devices.empty() && rows.empty() && changes.empty() && recent.empty() && busy.empty() &&
         shapes.empty() && streams.empty() && untimed.empty() && memories.empty() && !status &&
         std::ranges::all_of(kLosses, [&](const LossInfo& info) { return losses[info.loss] == 0; });
}

std::size_t SegmentDelta::memory_bytes() const {
  std::size_t names = 0;
  for (const Row& row : rows) names += sizeof(Row) + row.name.size();
  return sizeof(*this) + devices.size() * sizeof(DeviceInfo) + names +
         changes.size() * sizeof(Change) + buckets.size() * sizeof(BucketCount) +
         recent.size() * sizeof(Listed) + busy.size() * sizeof(Busy) +
         shapes.size() * sizeof(Shape) + streams.size() * sizeof(Stream) +
         untimed.size() * sizeof(Untimed) + memories.size() * sizeof(Memory);
}

}  // namespace gpuvigil
