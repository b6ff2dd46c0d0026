// SPDX-License-Identifier: Apache-2.0
// Compiled for AVX2, and called only where the processor has it.
#include <immintrin.h>

#include "trace/bracket_scan.h"
#include "trace/bracket_scan_loop.h"

namespace gpuvigil {
namespace {

struct Avx2 {
  struct Halves {
    __m256i low;
    __m256i high;
  };

  static std::uint64_t equal(const Halves& bytes, char c) {
    const __m256i wanted = _mm256_set1_epi8(c);
    const auto low =
        static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes.low, wanted)));
    const auto high =
        static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes.high, wanted)));
    return low | static_cast<std::uint64_t>(high) << 32U;
  }

  static BlockMasks masks(const char* text) {
    const Halves bytes = {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(text)),
                          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + 32))};
    // '[' and '{', ']' and '}' differ in this bit alone.
    const __m256i bit = _mm256_set1_epi8(0x20);
    const Halves folded = {_mm256_or_si256(bytes.low, bit), _mm256_or_si256(bytes.high, bit)};
    return {equal(bytes, '"'), equal(bytes, '\\'), equal(folded, '{'), equal(folded, '}')};
  }

  static std::uint64_t prefix_xor(std::uint64_t bits) {
    const __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, static_cast<long long>(bits)),
                                                 _mm_set1_epi8('\xff'), 0);
    return static_cast<std::uint64_t>(_mm_cvtsi128_si64(product));
  }
};

}  // namespace

std::size_t detail::scan_brackets_avx2(const char* text, std::size_t blocks, BracketState& state) {
  return scan_brackets<Avx2>(text, blocks, state);
}

}  // namespace gpuvigil
