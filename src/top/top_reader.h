// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "base/json_reader.h"
#include "top/top_data.h"

namespace gpuvigil {

/// The API's answers of one moment; null: it was not asked.
struct TopAnswers {
  JsonValue devices;
  JsonValue kernels;
  JsonValue processes;
  JsonValue alerts;
  JsonValue events;
  JsonValue kernel;  ///< One in full.
};

/// Makes what is shown of answers, whatever they hold: what is missing or of another type is
/// unknown. Of each list at most 1024 are taken.
[[nodiscard]] TopData read_top(TopAnswers answers);

/// What one answer does not tell: what came before it. Fills in the trends and rates.
///
/// Memory: a minute of at most 1024 devices, 1024 kernels and 1024 processes.
/// Threading: one thread at a time.
class TopHistory {
 public:
  static constexpr std::size_t kPoints = 60;

  void add(TopData& data);

 private:
  struct Track {
    std::deque<double> points;
    std::uint64_t seen = 0;  ///< The round that had it last.
  };
  struct Counters {
    double at = 0;
    Maybe pcie_sent;
    Maybe pcie_received;
    Maybe nvlink;
    Maybe calls;
    std::uint64_t seen = 0;
  };
  std::vector<double> follow(const std::string& key, double value, bool is_new);

  std::map<std::string, Track> tracks_;
  std::map<std::string, Counters> counters_;
  std::uint64_t round_ = 0;
  double last_at_ = 0;
};

/// "2026-01-02T03:04:05.5Z" as seconds of Unix time; 0 for anything else.
[[nodiscard]] double seconds_of(std::string_view timestamp);

}  // namespace gpuvigil
