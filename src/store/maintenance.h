// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/sqlite_database.h"

namespace gpuvigil {

/// What lies in a file of history.
struct HistoryFileStats {
  struct Tier {
    std::string name;
    std::uint64_t segments = 0;
    std::uint64_t segment_bytes = 0;
    std::uint64_t rows = 0;  ///< Not in segments yet.
    std::optional<Timestamp> oldest;
    std::optional<Timestamp> newest;
  };
  std::int64_t schema = 0;
  bool is_simulated = false;
  std::uint64_t file_bytes = 0;
  std::uint64_t free_bytes = 0;  ///< Of it, that vacuum gives back.
  std::uint64_t devices = 0;
  std::uint64_t series = 0;
  std::uint64_t alerts = 0;
  std::uint64_t events = 0;
  std::vector<Tier> tiers;
};

/// A file of history that is looked after by hand, whether a server writes it or not.
///
/// Threading: one thread at a time.
class HistoryMaintenance {
 public:
  enum class Purpose { kLook, kChange };

  /// Errors: those of SqliteDatabase::open(); kUnavailable for a newer schema; kInvalidArgument for
  /// what is no history.
  [[nodiscard]] static Result<HistoryMaintenance> open(const std::string& path, Purpose purpose);

  [[nodiscard]] Result<HistoryFileStats> stats();

  /// Everything that is wrong with it, a line each, at most a hundred; empty: nothing.
  [[nodiscard]] Result<std::vector<std::string>> check();

  [[nodiscard]] Result<void> backup_to(const std::string& path) { return db_.backup_to(path); }

  /// Errors: kUnavailable while somebody writes or reads it.
  [[nodiscard]] Result<void> vacuum();

 private:
  explicit HistoryMaintenance(SqliteDatabase db) : db_(std::move(db)) {}
  [[nodiscard]] Result<void> check_segments(std::vector<std::string>& found);

  SqliteDatabase db_;
};

}  // namespace gpuvigil
