// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
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
  std::uint64_t h = (left + 1) * kB;
  if (left >= 16) {
    std::uint64_t g = device;  // a second lane: two multiplications at a time
    while (left > 32) {
      h = fold(word(p) ^ kA, word(p + 8) ^ h);
      g = fold(word(p + 16) ^ kB, word(p + 24) ^ g);
      p += 32;
      left -= 32;
    }
    const char* const end = p + left;  // the last words may overlap those before
    if (left > 16) g = fold(word(p) ^ kB, word(p + 8) ^ g);
    h = fold(word(end - 16) ^ kA, word(end - 8) ^ h);
    return fold(h ^ kA, g ^ kB);
  }
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (left >= 8) {
    low = word(p);
    high = word(p + left - 8);
  } else if (left > 0) {
    std::memcpy(&low, p, left);
  }
  return fold(fold(low ^ kA, high ^ h) ^ kB, device ^ kA);
}

/// memcmp() == 0, inlined: the call costs more than the comparison of a usual name.
[[nodiscard]] inline bool same_bytes(const char* a, const char* b, std::size_t size) {
  using Words [[gnu::vector_size(16)]] = std::uint64_t;
  const auto difference = [&](std::size_t at) {
    Words x;
    Words y;
    std::memcpy(&x, a + at, sizeof x);
    std::memcpy(&y, b + at, sizeof y);
    return x ^ y;
  };
  if (size < sizeof(Words)) return size == 0 || std::memcmp(a, b, size) == 0;
  Words all = difference(size - sizeof(Words));  // may overlap the others
  for (std::size_t at = 0; at + sizeof(Words) < size; at += sizeof(Words)) all |= difference(at);
  return (all[0] | all[1]) == 0;
}

/// The ids of the names that one thread used. Looked for first by where the name stands in memory
/// (most programs pass the same literal or string again; its bytes are compared all the same),
/// then by its hash in an open-addressing table. Bounded: full, it forgets everything and learns
/// again.
///
/// Threading: one thread.
class NameCache {
 public:
  static constexpr std::uint32_t kUnknown = 0xFFFFFFFFU;
  static constexpr std::size_t kMaxNames = 16'384;
  static constexpr std::size_t kMaxNameBytes = std::size_t{4} << 20U;

  /// The id of a name that stood at the same place before; kUnknown says nothing.
  [[nodiscard]] std::uint32_t find_by_place(std::string_view name, std::uint32_t device) const {
    const Place& place = places_[place_of(name.data())];
    const bool same = place.given == name.data() && place.size == name.size() &&
                      place.device == device && same_bytes(place.copy, name.data(), name.size());
    return same ? place.id : kUnknown;
  }

  /// kUnknown when it is not here.
  [[nodiscard]] std::uint32_t find(std::string_view name, std::uint32_t device);

  /// Requires that it is not here. Copies the name.
  void insert(std::string_view name, std::uint32_t device, std::uint32_t id);

  [[nodiscard]] std::size_t size() const { return count_; }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    const char* name = nullptr;
    std::size_t size = 0;
    std::uint32_t device = 0;
    std::uint32_t id = kUnknown;
  };
  struct Place {
    const char* given = nullptr;
    const char* copy = nullptr;
    std::size_t size = 0;
    std::uint32_t device = 0;
    std::uint32_t id = kUnknown;
  };
  static constexpr unsigned kPlaceBits = 9;

  static std::size_t place_of(const char* given) {
    return (reinterpret_cast<std::uintptr_t>(given) * 0x9E3779B97F4A7C15U) >> (64U - kPlaceBits);
  }

  void place(const Slot& slot);
  void grow();
  [[nodiscard]] const char* keep(std::string_view name);

  std::array<Place, std::size_t{1} << kPlaceBits> places_;
  std::vector<Slot> slots_;  ///< A power of two, at most half full.
  std::size_t count_ = 0;
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t block_left_ = 0;
  char* block_at_ = nullptr;
  std::size_t name_bytes_ = 0;
};

}  // namespace gpuvigil::detail
