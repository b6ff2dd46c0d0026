// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace gpuvigil {

/// Reads one TOML text into variables that hold their defaults. Every mistake is collected with
/// its place; unknown keys are mistakes too.
///
///     gpuvigil.toml:4: server.listen: must be ADDRESS:PORT
///
/// Use: one read() for each key there is, then finish().
class ConfigReader {
 public:
  /// `origin` is how messages call the text: its path.
  ConfigReader(std::string_view text, std::string origin);
  ~ConfigReader();
  ConfigReader(const ConfigReader&) = delete;
  ConfigReader& operator=(const ConfigReader&) = delete;

  void read(std::string_view key, std::string& value);
  void read(std::string_view key, bool& value);
  void read(std::string_view key, std::uint64_t& value, std::uint64_t low, std::uint64_t high);
  void read(std::string_view key, double& value, double low, double high);
  /// A text such as "250ms" or "1m".
  void read(std::string_view key, Duration& value, Duration low, Duration high);

  /// A list of at most `most` texts.
  void read(std::string_view key, std::vector<std::string>& values, std::size_t most);

  /// A table of texts; at most `most`.
  void read(std::string_view key, std::vector<std::pair<std::string, std::string>>& values,
            std::size_t most);

  /// Each table of a list such as [[rules]], at most `most`: `read_row` reads its keys, and its
  /// mistakes are told as "rules[0].when".
  void read_tables(std::string_view key, std::size_t most,
                   const std::function<void(ConfigReader& row)>& read_row);

  /// A text that `parse`, which gives a Result<T>, turns into a value.
  template <class T, class Parse>
  void read_as(std::string_view key, T& value, Parse parse) {
    std::string text;
    read(key, text);
    if (text.empty()) return;
    if (auto parsed = parse(text)) {
      value = *std::move(parsed);
    } else {
      mistake(key, std::move(parsed).error().message);
    }
  }

  /// A mistake that only the caller can see, in a key that was read.
  void mistake(std::string_view key, std::string reason);

  /// All mistakes, one a line, as one error (kInvalidArgument); nothing when there is none.
  [[nodiscard]] Result<void> finish();

 private:
  struct Impl;
  explicit ConfigReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// "1s", "250ms": the shortest text that parse_span() of the API reads back.
[[nodiscard]] std::string format_span(Duration span);

}  // namespace gpuvigil
