// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/problem.h"
#include "model/alert_query.h"
#include "model/frame.h"
#include "model/kernel_query.h"
#include "model/list_queries.h"
#include "net/http.h"

namespace gpuvigil {

/// One allowed word of a parameter and what it means.
template <class T>
struct Choice {
  std::string_view word;
  T value;
};

/// Reads the query string of one request: every parameter must be known, well formed and in
/// range. All mistakes are collected and told together; nothing is ever ignored.
///
/// Use: call one reader for each parameter that the route has, then finish().
class ParameterReader {
 public:
  /// `frame` tells which devices there are; both must outlive the reader.
  ParameterReader(const HttpRequest& request, const Frame& frame)
      : query_(request.query), frame_(frame) {}

  template <class T>
  T choice(std::string_view name, std::span<const Choice<T>> allowed, T fallback);

  /// A whole number in [low, high].
  std::uint64_t number(std::string_view name, std::uint64_t fallback, std::uint64_t low,
                       std::uint64_t high);

  /// Any words, repeatable, at most `most` of them.
  std::vector<std::string_view> words(std::string_view name, std::size_t most);

  /// Globs, repeatable: at most 8 of at most 256 bytes.
  std::vector<std::string> globs(std::string_view name);

  /// Devices by index, UUID or PCI bus id, repeatable; absent: all.
  std::optional<std::vector<std::uint32_t>> devices(std::string_view name);

  /// A word of at most 64 bytes; absent: empty.
  std::string text(std::string_view name);

  /// A process, by its number.
  std::optional<std::uint32_t> pid(std::string_view name);

  /// A time in RFC 3339 or a span back from the frame's edge ("90s", "15m", "1h", "2d").
  std::optional<Timestamp> since(std::string_view name);

  /// What was wrong, with whatever no reader asked for; empty when all is well.
  [[nodiscard]] std::vector<ParameterError> finish();

  void error(std::string_view parameter, std::string reason);

 private:
  /// The one value of a parameter that may not repeat.
  std::optional<std::string_view> single(std::string_view name);
  std::vector<std::string_view> all(std::string_view name);
  void wrong_word(std::string_view name, std::string_view word,
                  const std::vector<std::string_view>& allowed);

  const std::vector<std::pair<std::string, std::string>>& query_;
  const Frame& frame_;
  std::vector<std::string_view> known_;
  std::vector<ParameterError> errors_;
};

template <class T>
T ParameterReader::choice(std::string_view name, std::span<const Choice<T>> allowed, T fallback) {
  const auto word = single(name);
  if (!word) return fallback;
  std::vector<std::string_view> words;
  for (const auto& one : allowed) {
    if (one.word == *word) return one.value;
    words.push_back(one.word);
  }
  wrong_word(name, *word, words);
  return fallback;
}

/// The index of the device that `reference` names by index, UUID or PCI bus id.
[[nodiscard]] std::optional<std::uint32_t> find_device(const Frame& frame,
                                                       std::string_view reference);

/// RFC 3339 with an offset or `Z`, to the nanosecond.
[[nodiscard]] std::optional<Timestamp> parse_rfc3339(std::string_view text);

/// "250ms", "90s", "15m", "1h", "2d": a whole number and its unit, more than zero.
[[nodiscard]] std::optional<Duration> parse_span(std::string_view text);

/// The parameters of GET /kernels.
[[nodiscard]] KernelQuery read_kernel_query(ParameterReader& in);

/// The parameters of GET /processes.
[[nodiscard]] ProcessQuery read_process_query(ParameterReader& in);

/// The parameters of GET /events.
[[nodiscard]] EventQuery read_event_query(ParameterReader& in);

/// The parameters of GET /alerts.
[[nodiscard]] AlertQuery read_alert_query(ParameterReader& in);

}  // namespace gpuvigil
