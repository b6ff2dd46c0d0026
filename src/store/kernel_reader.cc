// SPDX-License-Identifier: Apache-2.0
#include "store/kernel_reader.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "store/kernel_blob.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMostSeries = 64'000;
constexpr std::array kCoarseFirst = {TierId::kHour, TierId::kMinute, TierId::kRaw};
constexpr std::int64_t kFarAway = std::int64_t{1} << 62U;

std::int64_t round_down(std::int64_t value, std::int64_t multiple) {
  const std::int64_t rest = value % multiple;
  return value - (rest < 0 ? rest + multiple : rest);
}
std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return round_down(value + multiple - 1, multiple);
}

std::size_t place_of(TierId tier) {
  return static_cast<std::size_t>(tier);
}

/// Everything that is read is of one moment: what is made meanwhile is not half in it.
class ReadMoment {
 public:
  explicit ReadMoment(SqliteDatabase& db) : db_(db) {}
  ~ReadMoment() {
    if (is_begun_) (void)db_.execute("COMMIT");
  }
  ReadMoment(const ReadMoment&) = delete;
  ReadMoment& operator=(const ReadMoment&) = delete;

  Result<void> begin() {
    GPUVIGIL_CHECK(db_.execute("BEGIN"));
    is_begun_ = true;
    return {};
  }

 private:
  SqliteDatabase& db_;
  bool is_begun_ = false;
};

/// The steps of all tiers, in the file and on their way there, as one line of time.
class StepScan {
 public:
  StepScan(SqliteDatabase& db, const KernelHead& head) : file_(db), head_(head) {}

  Result<void> open() {
    for (const TierId tier : kCoarseFirst) {
      GPUVIGIL_TRY(spans_[place_of(tier)], file_.span_of(tier));
    }
    // What was on its way may have arrived by now.
    for (const KernelStep& step : head_.steps) {
      auto& span = spans_[place_of(step.tier)];
      if (span && step.to_ns <= span->newest_ns) continue;
      // A step that is whole tells once more what the file has of it second by second.
      if (step.tier == TierId::kRaw && span && step.from_ns < span->newest_ns) {
        raw_end_ = std::min(raw_end_, kernel_step_of(step.tier, step.to_ns));
      }
      arriving_.push_back(&step);
      if (!span) span = {.oldest_ns = step.from_ns, .newest_ns = step.to_ns};
      span->newest_ns = step.to_ns;
    }
    return {};
  }

  /// How long the finest steps are that are still there at a time, or would be.
  [[nodiscard]] std::int64_t finest_at(std::int64_t at) const {
    for (const TierId tier : {TierId::kRaw, TierId::kMinute}) {
      const auto coarser = spans_[place_of(tier) + 1];
      const auto& own = spans_[place_of(tier)];
      const bool reaches = own && own->oldest_ns <= at;
      if (reaches || !coarser || (own && coarser->oldest_ns >= own->oldest_ns)) {
        return kernel_step_ns(tier);
      }
    }
    return kernel_step_ns(TierId::kHour);
  }

  /// When the first step of all begins; nothing without any.
  [[nodiscard]] std::optional<std::int64_t> oldest_ns() const {
    std::optional<std::int64_t> oldest;
    for (const auto& span : spans_) {
      if (span) oldest = std::min(oldest.value_or(span->oldest_ns), span->oldest_ns);
    }
    return oldest;
  }

  /// Visits what tells of [from, to) once, by steps that divide `most_ns`, the coarsest first.
  template <class Visit>
  Result<void> each(std::int64_t from, std::int64_t to, std::int64_t most_ns, Visit visit) {
    std::int64_t at = from;
    while (at < to) {
      const auto [tier, until] = next_part(at, to, most_ns);
      const std::int64_t end = tier == TierId::kRaw ? std::min(until, raw_end_) : until;
      GPUVIGIL_CHECK(file_.each_step(tier, at, end, visit));
      for (const KernelStep* step : arriving_) {
        if (step->tier == tier && step->to_ns > at && step->to_ns <= until) {
          visit(step->from_ns, step->to_ns, step->bytes);
        }
      }
      at = until;
    }
    return {};
  }

  [[nodiscard]] KernelFile& file() { return file_; }

 private:
  /// Where the whole steps of a tier end.
  [[nodiscard]] std::int64_t reach(TierId tier) const {
    const auto& span = spans_[place_of(tier)];
    return span ? round_up(span->newest_ns, kernel_step_ns(tier)) : INT64_MIN;
  }

  /// The coarsest tier that may begin at `at`, and up to when it is the one to take.
  [[nodiscard]] std::pair<TierId, std::int64_t> next_part(std::int64_t at, std::int64_t to,
                                                          std::int64_t most_ns) const {
    std::int64_t until = to;
    for (const TierId tier : kCoarseFirst) {
      const std::int64_t width = kernel_step_ns(tier);
      if (tier == TierId::kRaw) return {tier, until};
      const std::int64_t end = std::min(round_down(to, width), reach(tier));
      if (most_ns % width != 0 || end <= at) continue;
      if (at % width == 0) return {tier, std::min(end, until)};
      // A finer one leads up to where this one may begin.
      const std::int64_t begin = round_up(at, width);
      if (begin < end) until = std::min(until, begin);
    }
    return {TierId::kRaw, until};
  }

  KernelFile file_;
  const KernelHead& head_;
  std::array<std::optional<KernelSpan>, kTiers> spans_;
  std::vector<const KernelStep*> arriving_;
  std::int64_t raw_end_ = INT64_MAX;  ///< What the file has of later is told by arriving ones.
};

/// A name by its id, in the file or on its way there.
Result<std::optional<StoredKernel>> find_kernel(KernelFile& file, const KernelHead& head,
                                                std::uint64_t id) {
  for (const StoredKernel& kernel : head.names) {
    if (kernel.id == id) return std::optional(kernel);
  }
  return file.find_kernel(id);
}

KernelPoint point_of(bool is_covered, const KernelSum& sum) {
  return {.is_covered = is_covered,
          .counters = sum.counters,
          .percentiles = percentiles(sum.sketch, sum.counters.min_ns, sum.counters.max_ns)};
}

/// The steps of one kernel, a list for each kind that it has.
class KernelCells {
 public:
  KernelCells(std::uint64_t number, std::int64_t first_ns, std::int64_t step_ns, std::size_t points)
      : number_(number), first_ns_(first_ns), step_ns_(step_ns), covered_(points) {}

  /// Of these devices alone, by number.
  void select(std::set<std::uint32_t> devices) { devices_ = std::move(devices); }

  void add(std::int64_t from_ns, std::int64_t to_ns, std::string_view bytes) {
    const auto cell = static_cast<std::size_t>((to_ns - 1 - first_ns_) / step_ns_);
    if (to_ns <= first_ns_ || cell >= covered_.size()) return;
    if (!reader_.open(bytes, from_unix_ns(from_ns))) {
      ++damaged_;
      return;
    }
    covered_[cell] = 1;
    for (const KernelBlobReader::Entry& entry : reader_.entries()) {
      if (entry.kernel != number_ || (devices_ && !devices_->contains(entry.device))) continue;
      auto& cells = by_kind_[entry.kind];
      if (cells.empty()) cells.resize(covered_.size());
      if (!reader_.add_to(cells[cell], entry)) ++damaged_;
    }
  }

  /// The kind that was asked for, or the one with the most time.
  void finish(const std::optional<KernelKind>& kind, KernelHistory& into) {
    KernelSum best;
    if (kind) into.kind = *kind;
    for (const auto& [one, cells] : by_kind_) {
      KernelSum total;
      for (const KernelSum& cell : cells) total.merge(cell);
      if (kind ? one != *kind : total.counters.sum_ns < best.counters.sum_ns) continue;
      into.kind = one;
      best = std::move(total);
    }
    const std::vector<KernelSum>& cells = by_kind_[into.kind];
    std::size_t seen = 0;
    for (std::size_t i = 0; i < covered_.size(); ++i) {
      seen += covered_[i] != 0 ? 1U : 0U;
      into.points.push_back(point_of(covered_[i] != 0, cells.empty() ? KernelSum() : cells[i]));
    }
    into.total = point_of(seen > 0, best);
    into.coverage =
        static_cast<double>(seen) / static_cast<double>(std::max<std::size_t>(covered_.size(), 1));
  }

  [[nodiscard]] std::uint64_t damaged() const { return damaged_; }

 private:
  std::uint64_t number_;
  std::int64_t first_ns_;
  std::int64_t step_ns_;
  std::optional<std::set<std::uint32_t>> devices_;
  KernelBlobReader reader_;
  std::vector<char> covered_;
  std::map<KernelKind, std::vector<KernelSum>> by_kind_;
  std::uint64_t damaged_ = 0;
};

std::set<std::uint32_t> numbers_of(const KernelHead& head, const std::vector<std::string>& uuids) {
  std::set<std::uint32_t> numbers;
  for (std::uint32_t i = 1; i < head.devices.size(); ++i) {
    if (std::ranges::find(uuids, head.devices[i]) != uuids.end()) numbers.insert(i);
  }
  return numbers;
}

/// The sums of a window as a delta of a frame has them. What has no name any more is __other__.
Result<void> write_window(KernelFile& file, const KernelHead& head, const KernelSums& sums,
                          WindowDelta& delta) {
  std::unordered_map<std::uint64_t, std::shared_ptr<const KernelName>> names;
  for (const StoredKernel& kernel : head.names) {
    names.emplace(kernel.number, make_kernel_name(kernel.name));
  }
  KernelSums named(kMostSeries);
  for (const auto& [id, sum] : sums.sums()) {
    auto known = names.find(id.kernel);
    if (known == names.end()) {
      GPUVIGIL_TRY(const auto name, file.name_of(id.kernel));
      known = names.emplace(id.kernel, name ? make_kernel_name(*name) : other_kernels()).first;
    }
    KernelSum& one = named.at({.kernel = known->second->id, .kind = id.kind, .device = id.device});
    one.name = known->second;
    one.merge(sum);
  }
  for (const auto& [id, sum] : named.sums()) {
    SeriesDelta series{.key = std::make_shared<const SeriesKey>(
                           SeriesKey{.name = sum.name, .kind = id.kind, .device = id.device}),
                       .counters = sum.counters,
                       .last_end = sum.last_end,
                       .first_bucket = static_cast<std::uint32_t>(delta.buckets.size())};
    sum.sketch.for_each([&](std::uint32_t bucket, std::uint32_t count) {
      delta.buckets.push_back({bucket, count});
    });
    series.bucket_count = static_cast<std::uint32_t>(delta.buckets.size()) - series.first_bucket;
    delta.series.push_back(std::move(series));
  }
  return {};
}

}  // namespace

Result<void> check_kernel_query(const KernelHistoryQuery& query) {
  const std::int64_t points = (query.to - query.from) / query.step + 1;
  if (points <= static_cast<std::int64_t>(KernelHistoryQuery::kMaxPoints)) return {};
  return fail(Errc::kTooLarge, fmt::format("gives {} points; at most {} are given: ask for a "
                                           "longer step or a shorter time",
                                           points, KernelHistoryQuery::kMaxPoints));
}

Result<KernelHistory> read_kernel_history(SqliteDatabase& db, const KernelHead& head,
                                          const KernelHistoryQuery& query, std::uint64_t& damaged) {
  GPUVIGIL_CHECK(check_kernel_query(query));
  ReadMoment moment(db);
  GPUVIGIL_CHECK(moment.begin());
  StepScan scan(db, head);
  GPUVIGIL_CHECK(scan.open());
  GPUVIGIL_TRY(const auto kernel, find_kernel(scan.file(), head, query.kernel_id));
  if (!kernel) return fail(Errc::kNotFound, "history knows no kernel with this id");

  const std::int64_t from_ns = to_unix_ns(query.from);
  const std::int64_t oldest = scan.oldest_ns().value_or(from_ns);
  const std::int64_t finest =
      scan.finest_at(std::max(from_ns, std::min(oldest, to_unix_ns(query.to))));
  const std::int64_t step = round_up(query.step.count(), finest);
  KernelHistory answer;
  answer.name = make_kernel_name(kernel->name);
  answer.first = from_unix_ns(round_down(from_ns, step));
  answer.step = Duration(step);
  const std::int64_t first = to_unix_ns(answer.first);
  const auto points = static_cast<std::size_t>((to_unix_ns(query.to) - first + step - 1) / step);
  KernelCells cells(kernel->number, first, step, points);
  if (query.devices) cells.select(numbers_of(head, *query.devices));
  GPUVIGIL_CHECK(scan.each(first, first + static_cast<std::int64_t>(points) * step, step,
                           [&](std::int64_t from, std::int64_t to, std::string_view bytes) {
                             cells.add(from, to, bytes);
                           }));
  cells.finish(query.kind, answer);
  damaged += cells.damaged();
  return answer;
}

Result<KernelWindow> read_kernel_window(SqliteDatabase& db, const KernelHead& head, Timestamp since,
                                        std::uint64_t& damaged) {
  ReadMoment moment(db);
  GPUVIGIL_CHECK(moment.begin());
  StepScan scan(db, head);
  GPUVIGIL_CHECK(scan.open());
  KernelWindow window;
  window.devices = head.devices;
  window.delta.from = since;
  window.delta.to = since;
  const auto oldest = scan.oldest_ns();
  if (!oldest) return window;
  const std::int64_t asked = std::max(to_unix_ns(since), *oldest);
  const std::int64_t first = round_down(asked, scan.finest_at(asked));
  KernelSums sums(kMostSeries);  // by number, not by id: names are looked up once, at the end
  KernelBlobReader reader;
  const std::int64_t last = round_up(kFarAway, kernel_step_ns(TierId::kHour));
  GPUVIGIL_CHECK(scan.each(
      first, last, kernel_step_ns(TierId::kHour),
      [&](std::int64_t from, std::int64_t to, std::string_view bytes) {
        if (!reader.open(bytes, from_unix_ns(from))) {
          ++damaged;
          return;
        }
        sums.cover(from_unix_ns(from), from_unix_ns(to));
        for (const KernelBlobReader::Entry& entry : reader.entries()) {
          KernelSum& sum =
              sums.at({.kernel = entry.kernel, .kind = entry.kind, .device = entry.device});
          if (!reader.add_to(sum, entry)) ++damaged;
        }
      }));
  if (!sums.from()) return window;
  window.delta.from = *sums.from();
  window.delta.to = sums.to();
  GPUVIGIL_CHECK(write_window(scan.file(), head, sums, window.delta));
  return window;
}

}  // namespace gpuvigil
