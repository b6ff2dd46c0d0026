// SPDX-License-Identifier: Apache-2.0
#include "top/top_state.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "term/canvas.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxFilter = 100;
constexpr std::size_t kMaxScroll = 10'000;
constexpr std::size_t kMostAsked = 1000;  ///< Rows that the API gives at once.

TopCursor& cursor_of(TopState& state) {
  return state.cursors[static_cast<std::size_t>(state.pane)];
}

/// Moves the cursor to a row, or as near as there is one; true where more rows must be asked for.
TopAction move_to(TopState& state, const TopData& data, std::size_t row) {
  const std::size_t count = row_count(state.pane, data);
  TopCursor& cursor = cursor_of(state);
  const TopQuery before = query_of(state, data.is_over);
  cursor.index = count == 0 ? 0 : std::min(row, count - 1);
  cursor.id = row_id(state.pane, data, cursor.index);
  return query_of(state, data.is_over) == before ? TopAction::kNone : TopAction::kAsk;
}

TopAction move_by(TopState& state, const TopData& data, std::ptrdiff_t rows) {
  if (state.overlay != TopOverlay::kNone) {
    const auto now = static_cast<std::ptrdiff_t>(state.scroll) + rows;
    state.scroll = static_cast<std::size_t>(
        std::clamp<std::ptrdiff_t>(now, 0, static_cast<std::ptrdiff_t>(kMaxScroll)));
    return TopAction::kNone;
  }
  const auto now = static_cast<std::ptrdiff_t>(cursor_row(state, state.pane, data)) + rows;
  return move_to(state, data, static_cast<std::size_t>(std::max<std::ptrdiff_t>(now, 0)));
}

TopAction type(TopState& state, const Key& key) {
  switch (key.code) {
    case KeyCode::kCharacter:
      if (state.draft.size() + 4 <= kMaxFilter) append_utf8(state.draft, key.character);
      return TopAction::kNone;
    case KeyCode::kBackspace:
      while (!state.draft.empty() &&
             (static_cast<unsigned char>(state.draft.back()) & 0xC0U) == 0x80U)
        state.draft.pop_back();
      if (!state.draft.empty()) state.draft.pop_back();
      return TopAction::kNone;
    case KeyCode::kEnter:
      state.is_typing = false;
      state.filter = state.draft;
      return TopAction::kAsk;
    case KeyCode::kEscape:
      state.is_typing = false;
      return TopAction::kNone;
    case KeyCode::kInterrupt:
      return TopAction::kQuit;
    default:
      return TopAction::kNone;
  }
}

TopAction open(TopState& state, TopOverlay overlay) {
  const bool was_open = state.overlay == overlay;
  state.overlay = was_open ? TopOverlay::kNone : overlay;
  state.scroll = 0;
  return TopAction::kAsk;
}

TopAction toggle_device(TopState& state, const TopData& data, std::uint32_t device) {
  const bool exists =
      std::ranges::find(data.devices, device, &TopDevice::index) != data.devices.end();
  if (!exists) return TopAction::kNone;  // the server would refuse it
  if (state.devices.erase(device) == 0) state.devices.insert(device);
  return TopAction::kAsk;
}

template <std::size_t kCount>
std::size_t next(const auto (&)[kCount], std::size_t now, bool backwards) {
  return (now + (backwards ? kCount - 1 : 1)) % kCount;
}

/// Back out of one thing: the overlay, then the filters.
TopAction escape(TopState& state) {
  if (state.overlay != TopOverlay::kNone) return open(state, state.overlay);
  state.filter.clear();
  state.devices.clear();
  return TopAction::kAsk;
}

TopAction press_letter(TopState& state, char32_t letter,
                       const std::shared_ptr<const TopData>& shown) {
  switch (letter) {
    case U'q':
      return TopAction::kQuit;
    case U'?':
    case U'h':
      return open(state, TopOverlay::kHelp);
    case U'a':
      return open(state, TopOverlay::kAlerts);
    case U'j':
      return move_by(state, *shown, 1);
    case U'k':
      return move_by(state, *shown, -1);
    case U'g':
      return move_by(state, *shown, -static_cast<std::ptrdiff_t>(kMaxScroll));
    case U'G':
      return move_by(state, *shown, static_cast<std::ptrdiff_t>(kMaxScroll));
    case U'/':
      state.is_typing = true;
      state.draft = state.filter;
      return TopAction::kNone;
    case U's':
    case U'S':
      state.sort = next(kTopSorts, state.sort, letter == U'S');
      return TopAction::kAsk;
    case U'r':
      state.is_ascending = !state.is_ascending;
      return TopAction::kAsk;
    case U'w':
      state.window =
          static_cast<TopWindow>(next(kTopWindows, static_cast<std::size_t>(state.window), false));
      return TopAction::kAsk;
    case U'c':
      state.is_collapsed = !state.is_collapsed;
      return TopAction::kNone;
    case U'f':
      state.baseline = state.baseline ? nullptr : shown;
      return TopAction::kNone;
    case U' ':
      state.paused = state.paused ? nullptr : shown;
      return TopAction::kAsk;
    default:
      if (letter >= U'0' && letter <= U'9') return toggle_device(state, *shown, letter - U'0');
      return TopAction::kNone;
  }
}

/// Text as a pattern of the API: anywhere in the name, unless it is a pattern already.
std::string pattern(const std::string& filter) {
  if (filter.find_first_of("*?") != std::string::npos) return filter;
  return fmt::format("*{}*", filter);
}

/// As many rows as are looked at and some more, in steps, so that moving asks rarely.
std::string asked_rows(const TopCursor& cursor) {
  constexpr std::size_t kStep = 100;
  return fmt::format("{}",
                     std::min(kMostAsked, (cursor.index + kStep / 2) / kStep * kStep + kStep));
}

}  // namespace

std::size_t row_count(TopPane pane, const TopData& data) {
  switch (pane) {
    case TopPane::kDevices:
      return data.devices.size();
    case TopPane::kKernels:
      return data.kernels.size();
    case TopPane::kProcesses:
      return data.processes.size();
  }
  return 0;
}

std::string row_id(TopPane pane, const TopData& data, std::size_t row) {
  if (row >= row_count(pane, data)) return {};
  switch (pane) {
    case TopPane::kDevices:
      return data.devices[row].uuid;
    case TopPane::kKernels:
      return data.kernels[row].id;
    case TopPane::kProcesses:
      return fmt::format("{}/{}", data.processes[row].pid, data.processes[row].device);
  }
  return {};
}

std::size_t cursor_row(const TopState& state, TopPane pane, const TopData& data) {
  const TopCursor& cursor = state.cursors[static_cast<std::size_t>(pane)];
  const std::size_t count = row_count(pane, data);
  if (!cursor.id.empty()) {
    for (std::size_t row = 0; row < count; ++row) {
      if (row_id(pane, data, row) == cursor.id) return row;
    }
  }
  return count == 0 ? 0 : std::min(cursor.index, count - 1);
}

TopAction press(TopState& state, const Key& key, const std::shared_ptr<const TopData>& shown,
                std::size_t page) {
  if (key.code == KeyCode::kSuspend) return TopAction::kSuspend;
  if (state.is_typing) return type(state, key);
  const auto rows = static_cast<std::ptrdiff_t>(std::max<std::size_t>(page, 1));
  switch (key.code) {
    case KeyCode::kCharacter:
      return press_letter(state, key.character, shown);
    case KeyCode::kInterrupt:
      return TopAction::kQuit;
    case KeyCode::kRedraw:
      return TopAction::kRedraw;
    case KeyCode::kEscape:
      return escape(state);
    case KeyCode::kEnter:
      if (row_count(state.pane, *shown) == 0) return TopAction::kNone;
      if (state.overlay == TopOverlay::kNone) {
        static_cast<void>(move_to(state, *shown, cursor_row(state, state.pane, *shown)));
      }
      return open(state, TopOverlay::kDetail);
    case KeyCode::kTab:
      state.pane = static_cast<TopPane>((static_cast<int>(state.pane) + 1) % 3);
      return TopAction::kNone;
    case KeyCode::kBackTab:
      state.pane = static_cast<TopPane>((static_cast<int>(state.pane) + 2) % 3);
      return TopAction::kNone;
    case KeyCode::kUp:
      return move_by(state, *shown, -1);
    case KeyCode::kDown:
      return move_by(state, *shown, 1);
    case KeyCode::kPageUp:
      return move_by(state, *shown, -rows);
    case KeyCode::kPageDown:
      return move_by(state, *shown, rows);
    case KeyCode::kHome:
      return move_by(state, *shown, -static_cast<std::ptrdiff_t>(kMaxScroll));
    case KeyCode::kEnd:
      return move_by(state, *shown, static_cast<std::ptrdiff_t>(kMaxScroll));
    default:
      return TopAction::kNone;
  }
}

TopQuery query_of(const TopState& state, bool is_over) {
  TopQuery query;
  const TopSort& sort = kTopSorts[state.sort % std::size(kTopSorts)];
  const bool descends = (sort.word == "name") == state.is_ascending;
  query.kernels = {{"sort_by", std::string(sort.word)}, {"order", descends ? "desc" : "asc"}};
  query.kernels.emplace_back("limit", asked_rows(state.cursors[1]));
  query.processes.emplace_back("limit", asked_rows(state.cursors[2]));
  const TopWindowWords& window = kTopWindows[static_cast<std::size_t>(state.window)];
  if (!window.parameter.empty() && !is_over) query.kernels.emplace_back("since", window.parameter);
  if (!state.filter.empty()) query.kernels.emplace_back("name", pattern(state.filter));
  for (const std::uint32_t device : state.devices) {
    query.kernels.emplace_back("device", fmt::format("{}", device));
    query.processes.emplace_back("device", fmt::format("{}", device));
  }
  if (state.overlay == TopOverlay::kDetail && state.pane == TopPane::kKernels) {
    query.kernel_id = state.cursors[1].id;
  }
  return query;
}

}  // namespace gpuvigil
