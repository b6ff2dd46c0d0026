// SPDX-License-Identifier: Apache-2.0
#include "views/text_table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/assert.h"
#include "views/human.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 12;  // of a column that folds

void append_cell(std::string& line, const std::string& cell, std::size_t width, Align align) {
  const std::string text = fold_middle(cell, width);
  const std::size_t blank = width - display_width(text);
  if (align == Align::kRight) line.append(blank, ' ');
  line += text;
  if (align == Align::kLeft) line.append(blank, ' ');
}

void end_line(std::string& out, std::string& line) {
  while (line.ends_with(' ')) line.pop_back();
  out += std::exchange(line, {});
  out += '\n';
}

}  // namespace

void TextTable::add_row(std::vector<std::string> cells) {
  GPUVIGIL_ASSERT(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

void TextTable::append_to(std::string& out) const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = display_width(columns_[c].title);
    for (const auto& row : rows_) width = std::max(width, display_width(row[c]));
    widths.push_back(width);
  }
  const std::size_t total = std::accumulate(widths.begin(), widths.end(), columns_.size() * kGap);
  const auto folding = std::ranges::find(columns_, true, &Column::folds);
  if (total > kTextColumns && folding != columns_.end()) {
    auto& width = widths[static_cast<std::size_t>(folding - columns_.begin())];
    const std::size_t excess = total - kTextColumns;
    width = width > excess + kNarrowest ? width - excess : std::min(width, kNarrowest);
  }
  std::string line;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    line.append(kGap, ' ');
    append_cell(line, std::string(columns_[c].title), widths[c], columns_[c].align);
  }
  end_line(out, line);
  for (const auto& row : rows_) {
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      line.append(kGap, ' ');
      append_cell(line, row[c], widths[c], columns_[c].align);
    }
    end_line(out, line);
  }
}

}  // namespace gpuvigil
