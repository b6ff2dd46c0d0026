// SPDX-License-Identifier: Apache-2.0
#include "monitor/record_shard.h"

#include <cstdlib>
#include <new>
#include <type_traits>

namespace gpuvigil::detail {

RecordShard::RecordShard(const std::atomic<std::int64_t>& now_ns) : now_ns_(now_ns) {
  // calloc gives pages of zeros that exist once they are written; a loop of constructors would
  // write half a megabyte for each thread. The atomics inside are valid as zeros.
  static_assert(std::is_trivially_destructible_v<SingleWriter<RecordCell*>>);
  static_assert(sizeof(SingleWriter<RecordCell*>) == sizeof(RecordCell*));
  void* const zeros = std::calloc(kMaxIds, sizeof(SingleWriter<RecordCell*>));
  if (zeros == nullptr) throw std::bad_alloc();
  cells_ = static_cast<SingleWriter<RecordCell*>*>(zeros);
}

RecordShard::~RecordShard() {
  for (std::uint32_t id = 0; id < end_id_.own(); ++id) delete cells_[id].own();
  std::free(cells_);
}

void RecordShard::make_cell(std::uint32_t id, std::uint64_t duration_ns) {
  auto& slot = cells_[id];
  if (slot.own() == nullptr) slot.set(new RecordCell());
  if (id >= end_id_.own()) end_id_.set(id + 1);
  slot.own()->make_page(duration_ns);
}

}  // namespace gpuvigil::detail
