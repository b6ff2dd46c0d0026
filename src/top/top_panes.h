// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "term/canvas.h"
#include "top/top_data.h"
#include "top/top_state.h"

/// The parts of the screen; each draws into the rows [row, row + rows) of a canvas alone.
namespace gpuvigil::detail {

/// A column of a pane; of one pane one column at most has the width 0: it takes what is left.
struct PaneColumn {
  std::string_view title;
  std::size_t width;
  bool is_left = false;
};

/// What stands in a place of a pane, and how it looks.
struct PaneCell {
  std::string text;
  Ink ink = Ink::kPlain;
};

/// Rows and columns of one pane on their way to the canvas.
class PaneTable {
 public:
  PaneTable(Canvas& canvas, std::vector<PaneColumn> columns);
  void titles(std::size_t row);
  /// One cell a column. The chosen row is painted as such, `is_marked`: a sign at its left.
  void row(std::size_t row, std::span<const PaneCell> cells, bool is_chosen);

 private:
  Canvas& canvas_;
  std::vector<PaneColumn> columns_;
  std::size_t rest_;  ///< Width of the column that has what is left.
};

/// The rows of a list that are shown where only `rows` can be, so that the cursor is among them.
struct Visible {
  std::size_t first;
  std::size_t count;
};
[[nodiscard]] Visible visible_rows(std::size_t count, std::size_t rows, std::size_t cursor);

void draw_devices(Canvas& canvas, std::size_t row, std::size_t rows, const TopData& data,
                  const TopState& state);
void draw_kernels(Canvas& canvas, std::size_t row, std::size_t rows, const TopData& data,
                  const TopState& state);
void draw_processes(Canvas& canvas, std::size_t row, std::size_t rows, const TopData& data,
                    const TopState& state);

/// What is over the panes.
void draw_help(Canvas& canvas, std::size_t row, std::size_t rows, const TopState& state);
void draw_alerts(Canvas& canvas, std::size_t row, std::size_t rows, const TopData& data,
                 const TopState& state);
void draw_detail(Canvas& canvas, std::size_t row, std::size_t rows, const TopData& data,
                 const TopState& state);

}  // namespace gpuvigil::detail
