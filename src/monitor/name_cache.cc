// SPDX-License-Identifier: Apache-2.0
#include "monitor/name_cache.h"

#include <algorithm>

namespace gpuvigil::detail {
namespace {

constexpr std::size_t kFirstSlots = 256;
constexpr std::size_t kBlockBytes = 16'384;

}  // namespace

std::uint32_t NameCache::find(std::string_view name, std::uint32_t device) {
  if (slots_.empty()) return kUnknown;
  const std::uint64_t hash = hash_name(name, device);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.id == kUnknown) return kUnknown;
    if (slot.hash == hash && slot.device == device && slot.size == name.size() &&
        same_bytes(slot.name, name.data(), slot.size)) {
      places_[place_of(name.data())] = {name.data(), slot.name, slot.size, device, slot.id};
      return slot.id;
    }
  }
}

void NameCache::insert(std::string_view name, std::uint32_t device, std::uint32_t id) {
  if (count_ >= kMaxNames || name_bytes_ + name.size() > kMaxNameBytes) *this = NameCache();
  if (2 * (count_ + 1) > slots_.size()) grow();
  place({hash_name(name, device), keep(name), name.size(), device, id});
  ++count_;
}

void NameCache::place(const Slot& slot) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = slot.hash & mask;
  while (slots_[i].id != kUnknown) i = (i + 1) & mask;
  slots_[i] = slot;
}

void NameCache::grow() {
  std::vector<Slot> old(std::max(kFirstSlots, 2 * slots_.size()));
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.id != kUnknown) place(slot);
  }
}

const char* NameCache::keep(std::string_view name) {
  if (blocks_.empty() || name.size() > block_left_) {
    const std::size_t size = std::max(kBlockBytes, name.size());
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(size));
    block_at_ = blocks_.back().get();
    block_left_ = size;
  }
  char* const copy = block_at_;
  std::ranges::copy(name, copy);
  block_at_ += name.size();
  block_left_ -= name.size();
  name_bytes_ += name.size();
  return copy;
}

}  // namespace gpuvigil::detail
