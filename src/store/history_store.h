// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "base/latest.h"
#include "base/result.h"
#include "base/task_queue.h"
#include "model/history.h"
#include "store/history_writer.h"

namespace gpuvigil {

/// History in SQLite: one thread writes a row a second, another answers questions on a connection
/// of its own that can only read. Neither waits for the other, and the engine waits for none.
///
///     engine ─ rows (bounded) ─▶ writer ─ plan and newest rows ─▶ reader ─▶ done(answer)
///
/// Threading: as History.
class HistoryStore final : public History {
 public:
  struct Parts {
    std::vector<Alert> alerts;  ///< Of the lives before this one, newest first.
    std::vector<Event> events;
  };

  /// Errors: those of HistoryWriter::open(). `clock` must outlive the store.
  [[nodiscard]] static Result<std::unique_ptr<HistoryStore>> open(const HistoryOptions& options,
                                                                  const Clock& clock);
  /// Writes what waits and ends the threads.
  ~HistoryStore() override;
  HistoryStore(const HistoryStore&) = delete;
  HistoryStore& operator=(const HistoryStore&) = delete;

  /// What happened before, to be shown again. Any thread; what open() has read.
  [[nodiscard]] const Parts& before() const { return before_; }

  void append(const Frame& frame, std::span<const Alert> changes) override;
  [[nodiscard]] bool ask(HistoryQuery query,
                         std::function<void(Result<HistoryAnswer>)> done) override;
  [[nodiscard]] HistoryStatus status() const override;

 private:
  using Done = std::function<void(Result<HistoryAnswer>)>;
  struct Question;

  HistoryStore(std::unique_ptr<HistoryWriter> writer, HistoryOptions options, const Clock& clock);
  void start();
  void write_rows();
  void plan(const std::shared_ptr<Question>& question);
  void read(const std::shared_ptr<Question>& question);
  [[nodiscard]] Result<HistoryAnswer> read_from(SqliteDatabase& db, Question& question);

  const HistoryOptions options_;
  const Clock& clock_;
  Parts before_;
  BoundedQueue<HistoryRow> rows_;
  TaskQueue writer_tasks_;
  TaskQueue reader_tasks_;
  Latest<HistoryStatus> latest_;
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::uint64_t> queries_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> damaged_{0};

  std::unique_ptr<HistoryWriter> writer_;      ///< The writer's thread only.
  std::unique_ptr<SqliteDatabase> reader_db_;  ///< The reader's thread only; null: not open.
  std::thread writer_thread_;
  std::thread reader_thread_;
};

}  // namespace gpuvigil
