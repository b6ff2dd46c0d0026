// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace gpuvigil {

/// Bytes that a scan looks at together. Where a scan reads, whole blocks must be readable.
inline constexpr std::size_t kScanBlock = 64;

/// Where a search for the end of a bracketed value stands between two blocks of JSON text. Begin
/// with a fresh one at the opening bracket.
struct BracketState {
  std::uint64_t in_string = 0;  ///< All ones: the next byte is inside a string.
  std::uint64_t escaped = 0;    ///< 1: the next byte is escaped by a backslash before it.
  std::int64_t depth = 0;       ///< Open brackets.
  /// Where the quotes of each block go, a bit for each byte that begins or ends a string; null:
  /// nowhere. A scan moves it on by one for each block that it has looked at.
  std::uint64_t* quotes = nullptr;
};

/// Looks through `blocks` blocks of text for the bracket at which the depth returns to zero.
/// Strings and escapes are followed (a backslash also escapes a quote outside of strings, where no
/// JSON has one), `{}` and `[]` count alike: this finds ends, it validates nothing. Returns the
/// offset behind that bracket, or kNoBracket with `state` behind the blocks.
using BracketScan = std::size_t (*)(const char* text, std::size_t blocks, BracketState& state);

inline constexpr std::size_t kNoBracket = SIZE_MAX;

struct BracketScanner {
  std::string_view name;  ///< "avx2", "sse2", "portable".
  BracketScan scan;
};

/// Those that this processor can run, the fastest first; never empty. All give the same results.
[[nodiscard]] std::span<const BracketScanner> bracket_scanners();

/// The fastest of them.
[[nodiscard]] BracketScan bracket_scan();

#if defined(__x86_64__)
namespace detail {
/// Needs a processor with AVX2, BMI1, POPCNT and PCLMUL.
std::size_t scan_brackets_avx2(const char* text, std::size_t blocks, BracketState& state);
}  // namespace detail
#endif

}  // namespace gpuvigil
