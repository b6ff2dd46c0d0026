// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "trace/kineto_reader.h"
#include "trace/nsight_test_support.h"
#include "trace/trace_reader.h"

namespace gpuvigil::testing_support {

/// Keeps what a file holds, recording by recording.
class CollectingVisitor final : public TraceVisitor {
 public:
  struct Recording {
    std::string name;
    CollectingSink sink;
    TraceSummary summary;
  };

  TraceSink& recording_begins(const std::string& name, std::uint64_t /*file_id*/) override {
    recordings.push_back({.name = name, .sink = {}, .summary = {}});
    return recordings.back().sink;
  }
  void recording_ends(const TraceSummary& summary) override { recordings.back().summary = summary; }

  std::deque<Recording> recordings;
};

/// What reading a JSON text from memory gives.
struct ReadText {
  CollectingSink sink;
  TraceSummary summary;
  std::string error;  ///< Empty: it could be read.
};

/// Reads `text` as the file "t.json", in pieces of at most `chunk` bytes.
inline ReadText read_text(std::string_view text, std::size_t chunk = SIZE_MAX) {
  ReadText got;
  MemorySource source(text, chunk);
  auto summary = read_kineto(source, got.sink, "t.json");
  if (summary) {
    got.summary = *std::move(summary);
  } else {
    got.error = summary.error().message;
  }
  return got;
}

/// The cells of a CSV text, with quoted ones as they read.
inline std::vector<std::vector<std::string>> csv_rows(std::string_view text) {
  std::vector<std::vector<std::string>> rows;
  bool quoted = false;
  bool line_begins = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (std::exchange(line_begins, false)) rows.push_back({""});
    std::string& cell = rows.back().back();
    if (text[i] == '"') {
      if (quoted && i + 1 < text.size() && text[i + 1] == '"')
        cell += text[++i];
      else
        quoted = !quoted;
    } else if (text[i] == '\n' && !quoted) {
      line_begins = true;
    } else if (text[i] == ',' && !quoted) {
      rows.back().emplace_back();
    } else if (text[i] != '\r') {
      cell += text[i];
    }
  }
  return rows;
}

}  // namespace gpuvigil::testing_support
