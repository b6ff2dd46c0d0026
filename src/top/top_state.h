// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "term/key_reader.h"
#include "top/top_data.h"

namespace gpuvigil {

enum class TopPane : unsigned char { kDevices, kKernels, kProcesses };
enum class TopWindow : unsigned char { kTenSeconds, kMinute, kQuarter, kTotal };
enum class TopOverlay : unsigned char { kNone, kHelp, kDetail, kAlerts };

/// By what kernels may be sorted: the API's word, and the title of the column.
struct TopSort {
  std::string_view word;
  std::string_view title;
};
inline constexpr TopSort kTopSorts[] = {
    {"total_time", "time"}, {"calls", "calls"},  {"p50_time", "p50"}, {"p95_time", "p95"},
    {"p99_time", "p99"},    {"max_time", "max"}, {"avg_time", "avg"}, {"name", "name"},
};

struct TopWindowWords {
  std::string_view parameter;  ///< Of `since`; empty: from the beginning.
  std::string_view title;
};
inline constexpr TopWindowWords kTopWindows[] = {
    {"10s", "10s"}, {"1m", "1m"}, {"15m", "15m"}, {"", "total"}};

/// A row of a pane: which it is, and where it was last, for when it is not there any more.
struct TopCursor {
  std::string id;
  std::size_t index = 0;
};

/// What the person at the keys has chosen.
struct TopState {
  TopPane pane = TopPane::kKernels;
  TopWindow window = TopWindow::kTenSeconds;
  TopOverlay overlay = TopOverlay::kNone;
  std::size_t sort = 0;  ///< In kTopSorts.
  bool is_ascending = false;
  bool is_collapsed = false;  ///< Devices in one line.
  bool is_typing = false;     ///< A filter.
  std::string draft;          ///< What is typed; at most 100 bytes.
  std::string filter;
  std::set<std::uint32_t> devices;          ///< Only these; empty: all.
  TopCursor cursors[3];                     ///< By TopPane.
  std::size_t scroll = 0;                   ///< Of an overlay.
  std::shared_ptr<const TopData> paused;    ///< What is shown instead of the newest.
  std::shared_ptr<const TopData> baseline;  ///< What is compared with.
};

/// What is to be done after a key, besides drawing.
enum class TopAction : unsigned char { kNone, kAsk, kQuit, kSuspend, kRedraw };

/// What a key does: a pure function but for `state`. `shown` is what the screen shows; `page` how
/// many rows a page has.
[[nodiscard]] TopAction press(TopState& state, const Key& key,
                              const std::shared_ptr<const TopData>& shown, std::size_t page);

/// The place of a pane's cursor among its rows; 0 where there are none.
[[nodiscard]] std::size_t cursor_row(const TopState& state, TopPane pane, const TopData& data);

/// How many rows a pane has.
[[nodiscard]] std::size_t row_count(TopPane pane, const TopData& data);

/// The row by name; empty where there is none.
[[nodiscard]] std::string row_id(TopPane pane, const TopData& data, std::size_t row);

/// Parameters of the API, as its lists are asked for with.
using TopParameters = std::vector<std::pair<std::string, std::string>>;

struct TopQuery {
  TopParameters kernels;
  TopParameters processes;
  std::string kernel_id;  ///< To be had in full; empty: none.
  bool operator==(const TopQuery&) const = default;
};

/// What to ask for, for what `state` shows. `is_over`: there are no newest ten seconds any more.
[[nodiscard]] TopQuery query_of(const TopState& state, bool is_over);

}  // namespace gpuvigil
