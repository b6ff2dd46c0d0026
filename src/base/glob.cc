// SPDX-License-Identifier: Apache-2.0
#include "base/glob.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

namespace gpuvigil {
namespace {

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

constexpr std::uint8_t kCaseBit = 0x20;  // letters differ in it; so do others, which is_at() tells

constexpr std::size_t kBlock = 16;
using Block = std::uint8_t __attribute__((vector_size(kBlock)));

Block load(const char* at) {
  Block block;
  std::memcpy(&block, at, sizeof(block));
  return block | kCaseBit;
}

}  // namespace

Glob::Piece::Piece(std::string_view pattern) : text(pattern) {
  std::ranges::transform(text, text.begin(), lower);
  first = std::min(text.find_first_not_of('?'), text.size());
  const std::size_t found = text.find_last_not_of('?');
  last = found == std::string::npos ? 0 : found;
  if (first == size()) return;
  const auto in_every_place = [](char c) {
    return Block{} + static_cast<std::uint8_t>(static_cast<std::uint8_t>(c) | kCaseBit);
  };
  first_byte = in_every_place(text[first]);
  last_byte = in_every_place(text[last]);
}

bool Glob::Piece::is_at(const char* at) const {
  return std::ranges::all_of(text, [&](char c) {
    const char other = *at++;
    return c == '?' || c == lower(other);
  });
}

/// The first of the places that `hits` names at which the piece really is, or npos.
std::size_t Glob::Piece::confirm(const char* in, std::size_t at, Words hits) const {
  for (const std::size_t half : {0U, 1U}) {
    for (std::uint64_t rest = hits[half]; rest != 0;) {
      static_assert(std::endian::native == std::endian::little);
      const auto byte = static_cast<std::size_t>(std::countr_zero(rest)) / 8;
      const std::size_t place = at + half * 8 + byte;
      if (is_at(in + place)) return place;
      rest &= ~(std::uint64_t{0xFF} << (byte * 8));
    }
  }
  return std::string_view::npos;
}

std::size_t Glob::Piece::find(std::string_view in) const {
  if (in.size() < size()) return std::string_view::npos;
  if (first == size()) return 0;
  const std::size_t places = in.size() - size() + 1;
  if (places < kBlock) {
    for (std::size_t at = 0; at < places; ++at) {
      if (is_at(in.data() + at)) return at;
    }
    return std::string_view::npos;
  }
  const Block wanted_first = first_byte;
  const Block wanted_last = last_byte;
  const char* const firsts = in.data() + first;
  const char* const lasts = in.data() + last;
  for (std::size_t at = 0; at < places; at += kBlock) {
    // The last block may overlap the one before: where that found nothing, this finds nothing.
    at = std::min(at, places - kBlock);
    const auto hits = std::bit_cast<Words>((load(firsts + at) == wanted_first) &
                                           (load(lasts + at) == wanted_last));
    if ((hits[0] | hits[1]) == 0) [[likely]] {
      continue;
    }
    const std::size_t found = confirm(in.data(), at, hits);
    if (found != std::string_view::npos) return found;
  }
  return std::string_view::npos;
}

Glob::Glob(std::string_view pattern) {
  while (true) {
    const std::size_t star = pattern.find('*');
    pieces_.emplace_back(pattern.substr(0, star));
    if (star == std::string_view::npos) return;
    pattern.remove_prefix(star + 1);
    // Of stars in a row one is enough.
    pattern.remove_prefix(std::min(pattern.find_first_not_of('*'), pattern.size()));
  }
}

bool Glob::matches(std::string_view text) const {
  const Piece& head = pieces_.front();
  const Piece& tail = pieces_.back();
  if (pieces_.size() == 1) return text.size() == head.size() && head.is_at(text.data());
  if (text.size() < head.size() + tail.size()) return false;
  if (head.size() > 0 && !head.is_at(text.data())) return false;
  if (tail.size() > 0 && !tail.is_at(text.data() + (text.size() - tail.size()))) return false;
  text = text.substr(head.size(), text.size() - head.size() - tail.size());
  for (std::size_t i = 1; i + 1 < pieces_.size(); ++i) {
    const std::size_t at = pieces_[i].find(text);
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + pieces_[i].size());
  }
  return true;
}

}  // namespace gpuvigil
