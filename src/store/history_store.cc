// SPDX-License-Identifier: Apache-2.0
#include "store/history_store.h"

#include <utility>

#include "base/thread.h"
#include "store/history_reader.h"
#include "store/kernel_reader.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxRows = 120;
constexpr std::size_t kMaxTasks = 256;
constexpr std::size_t kMaxQuestions = 32;
constexpr Duration kReadLimit = 2s;  ///< Longer, and what was written ahead could not be put away.

}  // namespace

HistoryStore::HistoryStore(std::unique_ptr<HistoryWriter> writer, HistoryOptions options,
                           const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      before_{.alerts = writer->alerts_before(), .events = writer->events_before()},
      rows_(kMaxRows, WhenFull::kDropOldest),
      writer_tasks_(kMaxTasks),
      reader_tasks_(kMaxTasks),
      writer_(std::move(writer)) {
  latest_.set(std::make_shared<const HistoryStatus>(writer_->status()));
}

Result<std::unique_ptr<HistoryStore>> HistoryStore::open(const HistoryOptions& options,
                                                         const Clock& clock) {
  GPUVIGIL_TRY(auto writer, HistoryWriter::open(options, clock.now()));
  std::unique_ptr<HistoryStore> store(new HistoryStore(std::move(writer), options, clock));
  store->start();
  return store;
}

void HistoryStore::start() {
  writer_thread_ = start_thread("gpuvigil-store", [this] {
    while (writer_tasks_.wait_and_run(1s)) {
    }
    write_rows();
  });
  reader_thread_ = start_thread("gpuvigil-past", [this] {
    while (reader_tasks_.wait_and_run(1s)) {
    }
  });
}

HistoryStore::~HistoryStore() {
  // The writer first: what it has planned still finds its reader.
  writer_tasks_.close();
  writer_thread_.join();
  reader_tasks_.close();
  reader_thread_.join();
}

void HistoryStore::append(const Frame& frame, std::span<const Alert> changes) {
  rows_.push(history_row_of(frame, changes));
  (void)writer_tasks_.post([this] { write_rows(); });  // full: those that wait will do it
}

void HistoryStore::write_rows() {
  for (const HistoryRow& row : rows_.drain()) writer_->append(row);
  latest_.set(std::make_shared<const HistoryStatus>(writer_->status()));
}

bool HistoryStore::ask(HistoryQuery query, Done<HistoryAnswer> done) {
  const auto plan = [this, query = std::move(query)]() -> Result<Reading<HistoryAnswer>> {
    GPUVIGIL_TRY(auto made, plan_history(*writer_, query, clock_.now()));
    const auto shared = std::make_shared<const HistoryPlan>(std::move(made));
    return [shared](SqliteDatabase& db, std::uint64_t& damaged) {
      return read_history(db, *shared, damaged);
    };
  };
  return submit<HistoryAnswer>(plan, std::move(done));
}

bool HistoryStore::ask_kernel(KernelHistoryQuery query, Done<KernelHistory> done) {
  const auto plan = [this, query = std::move(query)]() -> Result<Reading<KernelHistory>> {
    GPUVIGIL_CHECK(check_kernel_query(query));
    return [query, head = writer_->kernel_head()](SqliteDatabase& db, std::uint64_t& damaged) {
      return read_kernel_history(db, head, query, damaged);
    };
  };
  return submit<KernelHistory>(plan, std::move(done));
}

bool HistoryStore::ask_kernels(Timestamp since, Done<KernelWindow> done) {
  const auto plan = [this, since]() -> Result<Reading<KernelWindow>> {
    return [since, head = writer_->kernel_head()](SqliteDatabase& db, std::uint64_t& damaged) {
      return read_kernel_window(db, head, since, damaged);
    };
  };
  return submit<KernelWindow>(plan, std::move(done));
}

/// Plans on the writer's thread, then reads on the reader's.
template <class Answer>
bool HistoryStore::submit(std::function<Result<Reading<Answer>>()> plan, Done<Answer> done) {
  const auto begin = [this, plan = std::move(plan), done = std::move(done)] {
    auto reading = plan();
    if (!reading) {
      waiting_.fetch_sub(1);
      done(std::unexpected(std::move(reading).error()));
      return;
    }
    read_by_turns([this, done, reading = *std::move(reading)](
                      Result<SqliteDatabase*> db) -> std::optional<Errc> {
      auto answer = db ? read_from<Answer>(**db, reading)
                       : Result<Answer>(std::unexpected(std::move(db).error()));
      const auto wrong = answer ? std::nullopt : std::optional(answer.error().code);
      done(std::move(answer));
      return wrong;
    });
  };
  if (waiting_.fetch_add(1) < kMaxQuestions && writer_tasks_.post(begin)) {
    queries_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  waiting_.fetch_sub(1);
  refused_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void HistoryStore::read_by_turns(Turn turn) {
  if (options_.path.empty()) {  // a database in memory has one connection, the writer's
    waiting_.fetch_sub(1);
    (void)turn(&writer_->database());
    return;
  }
  if (reader_tasks_.post([this, turn] { take_turn(turn); })) return;
  waiting_.fetch_sub(1);
  refused_.fetch_add(1, std::memory_order_relaxed);
  (void)turn(fail(Errc::kUnavailable, "too many questions to history at once"));
}

void HistoryStore::take_turn(const Turn& turn) {
  waiting_.fetch_sub(1);
  if (!reader_db_) {
    auto opened =
        SqliteDatabase::open(options_.path, {.access = SqliteDatabase::Access::kReadOnly});
    if (!opened) {
      (void)turn(std::unexpected(std::move(opened).error()));
      return;
    }
    reader_db_ = std::make_unique<SqliteDatabase>(*std::move(opened));
  }
  const auto wrong = turn(reader_db_.get());
  // After a failure the file may be another one: it is opened anew. What took too long, was too
  // much or is not known says nothing of the file.
  if (wrong && *wrong != Errc::kTimeout && *wrong != Errc::kTooLarge && *wrong != Errc::kNotFound) {
    reader_db_.reset();
  }
}

template <class Answer>
Result<Answer> HistoryStore::read_from(SqliteDatabase& db, const Reading<Answer>& reading) {
  const SystemClock real_time;
  const Timestamp deadline = real_time.now() + kReadLimit;
  db.set_limit([&] { return real_time.now() >= deadline; });
  std::uint64_t damaged = 0;
  auto answer = reading(db, damaged);
  db.set_limit(nullptr);
  damaged_.fetch_add(damaged, std::memory_order_relaxed);
  if (!answer && answer.error().code == Errc::kTimeout) {
    refused_.fetch_add(1, std::memory_order_relaxed);
  }
  return answer;
}

HistoryStatus HistoryStore::status() const {
  HistoryStatus status = *latest_.get();
  status.rows_dropped += rows_.dropped();
  status.queries = queries_.load(std::memory_order_relaxed);
  status.queries_refused = refused_.load(std::memory_order_relaxed);
  status.segments_damaged += damaged_.load(std::memory_order_relaxed);
  return status;
}

}  // namespace gpuvigil
