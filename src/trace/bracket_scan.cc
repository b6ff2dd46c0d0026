// SPDX-License-Identifier: Apache-2.0
#include "trace/bracket_scan.h"

#include <bit>
#include <cstring>
#include <vector>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "trace/bracket_scan_loop.h"

namespace gpuvigil {
namespace {

std::uint64_t prefix_xor_by_shifts(std::uint64_t bits) {
  for (unsigned shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

/// Eight bytes at a time in a plain register; for any processor, either byte order.
struct Portable {
  static constexpr std::uint64_t kEach = 0x0101010101010101;
  static constexpr std::uint64_t kLow7 = 0x7f * kEach;

  /// One bit for each of eight bytes that equals `c`, the first byte lowest.
  static std::uint64_t equal(std::uint64_t word, char c) {
    const std::uint64_t different = word ^ (kEach * static_cast<unsigned char>(c));
    const std::uint64_t zero_bytes = ~(((different & kLow7) + kLow7) | different | kLow7);
    return ((zero_bytes >> 7U) * 0x0102040810204080) >> 56U;
  }

  static BlockMasks masks(const char* text) {
    BlockMasks all{};
    for (unsigned i = 0; i < kScanBlock; i += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, text + i, sizeof(word));
      if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
      const std::uint64_t folded = word | 0x20 * kEach;
      all.quotes |= equal(word, '"') << i;
      all.backslashes |= equal(word, '\\') << i;
      all.opening |= equal(folded, '{') << i;
      all.closing |= equal(folded, '}') << i;
    }
    return all;
  }

  static std::uint64_t prefix_xor(std::uint64_t bits) { return prefix_xor_by_shifts(bits); }
};

#if defined(__SSE2__)
struct Sse2 {
  static std::uint64_t equal(__m128i bytes, char c) {
    return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c))));
  }

  static BlockMasks masks(const char* text) {
    BlockMasks all{};
    for (unsigned i = 0; i < kScanBlock; i += 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + i));
      const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
      all.quotes |= equal(bytes, '"') << i;
      all.backslashes |= equal(bytes, '\\') << i;
      all.opening |= equal(folded, '{') << i;
      all.closing |= equal(folded, '}') << i;
    }
    return all;
  }

  static std::uint64_t prefix_xor(std::uint64_t bits) { return prefix_xor_by_shifts(bits); }
};
#endif

std::vector<BracketScanner> usable_scanners() {
  std::vector<BracketScanner> usable;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0 &&
      __builtin_cpu_supports("popcnt") != 0 && __builtin_cpu_supports("pclmul") != 0) {
    usable.push_back({"avx2", detail::scan_brackets_avx2});
  }
#endif
#if defined(__SSE2__)
  usable.push_back({"sse2", scan_brackets<Sse2>});
#endif
  usable.push_back({"portable", scan_brackets<Portable>});
  return usable;
}

}  // namespace

std::span<const BracketScanner> bracket_scanners() {
  static const std::vector<BracketScanner> usable = usable_scanners();
  return usable;
}

BracketScan bracket_scan() {
  return bracket_scanners().front().scan;
}

}  // namespace gpuvigil
