// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "term/canvas.h"
#include "top/top_data.h"
#include "top/top_state.h"

/// The screen of `gpuvigil top`: a pure function of what is known, what was chosen and how large
/// the screen is. From 80 by 24 on nothing that is shown is cut but names; below 40 by 8 it says
/// that there is no room.
namespace gpuvigil {

struct TopScreen {
  ScreenSize size;
  bool is_ascii = false;
  double age_seconds = 0;  ///< How old the newest answers are.
};

[[nodiscard]] Canvas draw_top(const TopData& data, const TopState& state, const TopScreen& screen);

/// The same as text, once: every device, twenty kernels, twenty processes, no keys.
[[nodiscard]] std::string top_text(const TopData& data, const TopState& state, std::size_t columns,
                                   bool is_ascii);

/// How many rows a page of the pane with the cursor has.
[[nodiscard]] std::size_t page_rows(const TopData& data, const TopState& state, ScreenSize size);

}  // namespace gpuvigil
