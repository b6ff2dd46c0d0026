// SPDX-License-Identifier: Apache-2.0
#include "store/history_store.h"

#include <utility>

#include "base/thread.h"
#include "store/history_reader.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxRows = 120;
constexpr std::size_t kMaxTasks = 256;
constexpr std::size_t kMaxQuestions = 32;
constexpr Duration kReadLimit = 2s;  ///< Longer, and what was written ahead could not be put away.

}  // namespace

struct HistoryStore::Question {
  HistoryQuery query;
  Done done;
  HistoryPlan plan;
};

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

bool HistoryStore::ask(HistoryQuery query, Done done) {
  auto question = std::make_shared<Question>();
  question->query = std::move(query);
  question->done = std::move(done);
  if (waiting_.fetch_add(1) < kMaxQuestions &&
      writer_tasks_.post([this, question] { plan(question); })) {
    queries_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  waiting_.fetch_sub(1);
  refused_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void HistoryStore::plan(const std::shared_ptr<Question>& question) {
  auto planned = plan_history(*writer_, std::move(question->query), clock_.now());
  if (!planned) {
    waiting_.fetch_sub(1);
    question->done(std::unexpected(std::move(planned).error()));
    return;
  }
  question->plan = *std::move(planned);
  if (options_.path.empty()) {  // a database in memory has one connection, the writer's
    waiting_.fetch_sub(1);
    question->done(read_from(writer_->database(), *question));
    return;
  }
  if (reader_tasks_.post([this, question] { read(question); })) return;
  waiting_.fetch_sub(1);
  refused_.fetch_add(1, std::memory_order_relaxed);
  question->done(fail(Errc::kUnavailable, "too many questions to history at once"));
}

void HistoryStore::read(const std::shared_ptr<Question>& question) {
  waiting_.fetch_sub(1);
  if (!reader_db_) {
    auto opened =
        SqliteDatabase::open(options_.path, {.access = SqliteDatabase::Access::kReadOnly});
    if (!opened) return question->done(std::unexpected(std::move(opened).error()));
    reader_db_ = std::make_unique<SqliteDatabase>(*std::move(opened));
  }
  auto answer = read_from(*reader_db_, *question);
  // After an error the file may be another one: it is opened anew.
  if (!answer && answer.error().code != Errc::kTimeout) reader_db_.reset();
  question->done(std::move(answer));
}

Result<HistoryAnswer> HistoryStore::read_from(SqliteDatabase& db, Question& question) {
  const SystemClock real_time;
  const Timestamp deadline = real_time.now() + kReadLimit;
  db.set_limit([&] { return real_time.now() >= deadline; });
  std::uint64_t damaged = 0;
  auto answer = read_history(db, question.plan, damaged);
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
