// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace gpuvigil::detail {

/// A fast hash of a name and a device; not stable between builds, not for adversaries (what it
/// finds is compared in full, and the table is bounded).
[[nodiscard]] inline std::uint64_t hash_name(std::string_view name, std::uint32_t device) {
  __extension__ using Wide = unsigned __int128;
  constexpr std::uint64_t kA = 0x9E3779B97F4A7C15U;
  constexpr std::uint64_t kB = 0xD6E8FEB86659FD93U;
  const auto word = [](const char* at) {
    std::uint64_t w = 0;
    std::memcpy(&w, at, sizeof w);
    return w;
  };
  const auto fold = [](std::uint64_t x, std::uint64_t y) {
    const Wide product = Wide{x} * y;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
  };
  const char* p = name.data();
  std::size_t left = name.size();
  std::uint64_t h = fold(left ^ kA, device ^ kB);
  if (left >= 16) {
    std::uint64_t g = h;  // a second lane: two multiplications at a time
    while (left > 32) {
      h = fold(word(p) ^ kA, word(p + 8) ^ h);
      g = fold(word(p + 16) ^ kB, word(p + 24) ^ g);
      p += 32;
      left -= 32;
    }
    const char* const end = p + left;  // the last words may overlap those before
    if (left > 16) g = fold(word(p) ^ kB, word(p + 8) ^ g);
    h = fold(word(end - 16) ^ kA, word(end - 8) ^ h);
    return h ^ g;
  }
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (left >= 8) {
    low = word(p);
    high = word(p + left - 8);
  } else if (left > 0) {
    std::memcpy(&low, p, left);
  }
  return fold(low ^ kA, high ^ h);
}

/// The ids of the names that one thread used: open addressing, compared in full, bounded. Full, it
/// forgets everything and learns again.
///
/// Threading: one thread.
class NameCache {
 public:
  static constexpr std::uint32_t kUnknown = 0xFFFFFFFFU;
  static constexpr std::size_t kMaxNames = 16'384;
  static constexpr std::size_t kMaxNameBytes = std::size_t{4} << 20U;

  /// kUnknown when it is not here.
  [[nodiscard]] std::uint32_t find(std::string_view name, std::uint32_t device,
                                   std::uint64_t hash) const {
    if (slots_.empty()) return kUnknown;
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
      const Slot& slot = slots_[i];
      if (slot.id == kUnknown) return kUnknown;
      if (slot.hash == hash && slot.device == device &&
          std::string_view(slot.name, slot.size) == name) {
        return slot.id;
      }
    }
  }

  /// Requires that it is not here. Copies the name.
  void insert(std::string_view name, std::uint32_t device, std::uint64_t hash, std::uint32_t id);

  [[nodiscard]] std::size_t size() const { return count_; }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    const char* name = nullptr;
    std::size_t size = 0;
    std::uint32_t device = 0;
    std::uint32_t id = kUnknown;
  };

  void place(const Slot& slot);
  void grow();
  [[nodiscard]] const char* keep(std::string_view name);

  std::vector<Slot> slots_;  ///< A power of two, at most half full.
  std::size_t count_ = 0;
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t block_left_ = 0;
  char* block_at_ = nullptr;
  std::size_t name_bytes_ = 0;
};

}  // namespace gpuvigil::detail
