// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace simdjson {
struct padded_string;
}

namespace gpuvigil {

/// What everybody has to find out: calls and time of each kernel.
struct Totals {
  struct Row {
    std::uint64_t calls = 0;
    std::int64_t sum_ns = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>{}(name);
    }
  };

  void add(std::string_view name, std::int64_t duration_ns) {
    auto row = rows.find(name);
    if (row == rows.end()) row = rows.try_emplace(std::string(name)).first;
    ++row->second.calls;
    row->second.sum_ns += duration_ns;
  }
  [[nodiscard]] std::uint64_t calls() const {
    std::uint64_t sum = 0;
    for (const auto& [name, row] : rows) sum += row.calls;
    return sum;
  }

  std::unordered_map<std::string, Row, Hash, std::equal_to<>> rows;
};

/// The same question put to simdjson's on-demand parser, over the whole text at once, compiled for
/// this very processor. Times pass through doubles, which is less work and less true.
class SimdjsonWalk {
 public:
  SimdjsonWalk();
  ~SimdjsonWalk();
  SimdjsonWalk(const SimdjsonWalk&) = delete;
  SimdjsonWalk& operator=(const SimdjsonWalk&) = delete;

  /// How many kernels ran, by its account.
  [[nodiscard]] std::uint64_t calls(const simdjson::padded_string& json);
  /// "haswell", "icelake", "fallback".
  [[nodiscard]] static std::string implementation();

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace gpuvigil
