// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include "trace/trace_sink.h"

namespace gpuvigil::testing_support {

/// Keeps what a reader hands in, as it comes.
class CollectingSink final : public TraceSink {
 public:
  struct Kept {
    std::string name;
    KernelKind kind = KernelKind::kCompute;
    std::uint32_t device = 0;
    std::int64_t start_ns = 0;
    std::int64_t duration_ns = 0;
  };

  void execution(const TraceExecution& e) override {
    executions.push_back({std::string(e.name), e.kind, e.device, e.start_ns, e.duration_ns});
  }
  void memory(const TraceMemory& m) override { memories.push_back(m); }

  std::vector<Kept> executions;
  std::vector<TraceMemory> memories;
};

/// The length of the union of [from, to).
inline std::int64_t union_ns(std::vector<std::pair<std::int64_t, std::int64_t>> intervals) {
  std::ranges::sort(intervals);
  std::int64_t total = 0;
  std::int64_t reached = INT64_MIN;
  for (const auto& [from, to] : intervals) {
    if (to > reached) total += to - std::max(from, reached);
    reached = std::max(reached, to);
  }
  return total;
}

/// A folder that goes away with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    static std::atomic<int> count = 0;
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("gpuvigil_trace_" + std::to_string(getpid()) + "_" + std::to_string(++count));
    std::filesystem::create_directories(folder_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(folder_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_ / name).string();
  }

  /// Writes a SQLite file by these statements; its path.
  [[nodiscard]] std::string sqlite(const std::string& name, const std::string& sql) const {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(path(name).c_str(), &db), SQLITE_OK);
    char* message = nullptr;
    sqlite3_exec(db, "PRAGMA synchronous=OFF", nullptr, nullptr, nullptr);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
    sqlite3_free(message);
    sqlite3_close(db);
    return path(name);
  }

  [[nodiscard]] std::string bytes(const std::string& name, const std::string& content) const {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }

 private:
  std::filesystem::path folder_;
};

inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The folder of recorded data, which is no part of the repository: $GPUVIGIL_DATA, or beside the
/// checkout. Absent: tests on it skip.
std::optional<std::filesystem::path> recorded_data();

}  // namespace gpuvigil::testing_support
