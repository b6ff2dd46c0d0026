// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "term/canvas.h"

namespace gpuvigil {

enum class ColourDepth : unsigned char { kMono, kSixteen, k256, kTrue };

/// What a terminal can show, as far as its environment tells.
struct ScreenLook {
  ColourDepth depth = ColourDepth::kMono;
  bool is_light = false;  ///< Dark text on a light ground.
};

/// The bytes that make a terminal that shows `before` show `now`, and nothing where they are the
/// same. `before` null, or of another size: whatever it shows now. Only cells that changed are
/// written; behind a character of two columns, or one beyond ASCII, the place is told anew, so that
/// a terminal which counts otherwise is wrong in that cell alone.
[[nodiscard]] std::string screen_diff(const Canvas* before, const Canvas& now, ScreenLook look);

}  // namespace gpuvigil
