// SPDX-License-Identifier: Apache-2.0
#include "term/screen_diff.h"

#include <array>
#include <optional>

#include <fmt/format.h>

namespace gpuvigil {
namespace {

/// How an ink looks: attributes for every terminal, a colour for those that have some.
struct Look {
  std::string_view attributes;  ///< Of SGR; what mono has instead of a colour.
  std::string_view sixteen;
  unsigned dark_256;
  unsigned light_256;
  unsigned dark_rgb;
  unsigned light_rgb;
};

constexpr unsigned kNoColour = 0xFFFFFFFF;

/// By Ink. Colours are those of the page: of its dark theme and of its light one.
constexpr std::array<Look, 8> kLooks = {{
    {"", "", kNoColour, kNoColour, kNoColour, kNoColour},
    {"2", "", 246, 242, 0x9198A1, 0x59636E},
    {"1", "1", kNoColour, kNoColour, kNoColour, kNoColour},
    {"", "34", 75, 61, 0x7C8CF8, 0x4932A4},
    {"", "36", 39, 24, 0x1FB8F1, 0x015774},
    {"1", "33", 221, 94, 0xF0CF58, 0x8D7114},
    {"1;4", "1;31", 167, 88, 0xE5735A, 0x9B2C2A},
    {"7", "7", kNoColour, kNoColour, kNoColour, kNoColour},
}};

std::string sgr(Ink ink, ScreenLook look) {
  const Look& one = kLooks[static_cast<std::size_t>(ink)];
  const unsigned number = look.is_light ? one.light_256 : one.dark_256;
  const unsigned rgb = look.is_light ? one.light_rgb : one.dark_rgb;
  std::string out = "\x1b[0";
  if (look.depth == ColourDepth::kMono || number == kNoColour) {
    if (!one.attributes.empty()) fmt::format_to(std::back_inserter(out), ";{}", one.attributes);
  } else if (look.depth == ColourDepth::kSixteen) {
    const auto how = one.sixteen.empty() ? one.attributes : one.sixteen;
    if (!how.empty()) fmt::format_to(std::back_inserter(out), ";{}", how);
  } else if (look.depth == ColourDepth::k256) {
    fmt::format_to(std::back_inserter(out), ";38;5;{}", number);
  } else {
    fmt::format_to(std::back_inserter(out), ";38;2;{};{};{}", rgb >> 16U, (rgb >> 8U) & 0xFFU,
                   rgb & 0xFFU);
  }
  if (ink == Ink::kCritical && look.depth != ColourDepth::kMono) out += ";1";
  return out + 'm';
}

}  // namespace

std::string screen_diff(const Canvas* before, const Canvas& now, ScreenLook look) {
  const bool is_new = before == nullptr || before->size() != now.size();
  std::string out;
  std::optional<Ink> ink;
  if (is_new) out += "\x1b[0m\x1b[2J";
  for (std::size_t row = 0; row < now.size().rows; ++row) {
    bool is_placed = false;  // whether the cursor stands where the next cell goes
    for (std::size_t column = 0; column < now.size().columns; ++column) {
      const Cell& cell = now.at(row, column);
      const bool is_wide = column + 1 < now.size().columns && cell_width(cell.character) == 2;
      bool is_same = is_new ? cell == Cell{} : cell == before->at(row, column);
      if (is_wide && is_same && !is_new) {
        is_same = now.at(row, column + 1) == before->at(row, column + 1);
      }
      if (cell.character == 0 || is_same) {
        is_placed = false;
        continue;
      }
      if (!is_placed) {
        fmt::format_to(std::back_inserter(out), "\x1b[{};{}H", row + 1, column + 1);
      }
      if (ink != cell.ink) out += sgr(cell.ink, look);
      ink = cell.ink;
      append_utf8(out, cell.character);
      is_placed = cell.character < 0x80;
    }
  }
  if (ink && *ink != Ink::kPlain) out += "\x1b[0m";
  return out;
}

}  // namespace gpuvigil
