// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "trace/bracket_scan.h"

// Included by one source for each instruction set, so everything is in an unnamed namespace and
// nothing of the standard library is instantiated: no function that was compiled for a newer
// processor may be merged with one that everybody calls.
namespace gpuvigil {
namespace {  // NOLINT(google-build-namespaces)

/// One bit for each byte of a block.
struct BlockMasks {
  std::uint64_t quotes;
  std::uint64_t backslashes;
  std::uint64_t opening;
  std::uint64_t closing;
};

/// The bytes that a backslash makes mere text: in each run of backslashes every second one, and
/// what follows a run of odd length. `carry` is 1 where the first byte is escaped already, and
/// tells the same of the next block.
inline std::uint64_t escaped_bytes(std::uint64_t backslashes, std::uint64_t& carry) {
  std::uint64_t escaped = carry;
  carry = 0;
  std::uint64_t rest = backslashes & ~escaped;
  while (rest != 0) {
    const std::uint64_t lowest = rest & (~rest + 1);
    const std::uint64_t next = lowest << 1U;
    if (next == 0) carry = 1;
    escaped |= next;
    rest &= ~(lowest | next);
  }
  return escaped;
}

/// The offset behind the closing bracket at which `depth` becomes zero here, or kNoBracket.
inline std::size_t end_in_block(std::uint64_t opening, std::uint64_t closing, std::int64_t depth) {
  while (closing != 0) {
    const std::uint64_t before = (closing & (~closing + 1)) - 1;
    depth -= 1;
    if (depth + __builtin_popcountll(opening & before) == 0) {
      return static_cast<std::size_t>(__builtin_popcountll(before)) + 1;
    }
    closing &= closing - 1;
  }
  return kNoBracket;
}

/// `Cpu::masks(text)` reads a block; `Cpu::prefix_xor(bits)` makes each bit the xor of itself and
/// all below it, which turns quotes into the insides of strings.
template <class Cpu>
inline std::size_t scan_brackets(const char* text, std::size_t blocks, BracketState& state) {
  BracketState at = state;
  for (std::size_t i = 0; i < blocks; ++i, text += kScanBlock) {
    const BlockMasks masks = Cpu::masks(text);
    std::uint64_t quotes = masks.quotes;
    if ((masks.backslashes | at.escaped) != 0) [[unlikely]] {
      quotes &= ~escaped_bytes(masks.backslashes, at.escaped);
    }
    if (at.quotes != nullptr) *at.quotes++ = quotes;
    const std::uint64_t inside = Cpu::prefix_xor(quotes) ^ at.in_string;
    at.in_string = inside >> 63U != 0 ? ~std::uint64_t{0} : 0;
    const std::uint64_t opening = masks.opening & ~inside;
    const std::uint64_t closing = masks.closing & ~inside;
    const std::int64_t closed = __builtin_popcountll(closing);
    if (closed >= at.depth) {
      const std::size_t end = end_in_block(opening, closing, at.depth);
      if (end != kNoBracket) {
        state.quotes = at.quotes;
        return i * kScanBlock + end;
      }
    }
    at.depth += __builtin_popcountll(opening) - closed;
  }
  state = at;
  return kNoBracket;
}

}  // namespace
}  // namespace gpuvigil
