// SPDX-License-Identifier: Apache-2.0
#include "monitor/kernel_table.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gpuvigil {
namespace {

constexpr auto kCompute = KernelKind::kCompute;

Timestamp at(std::int64_t ns) {
  return from_unix_ns(ns);
}

Execution run(std::int64_t end, std::int64_t duration, std::optional<std::uint64_t> memory = {}) {
  Execution execution{
      .start = at(end - duration), .end = at(end), .duration = Duration(duration), .memory = {}};
  if (memory) execution.memory = Bytes(*memory);
  return execution;
}

/// Rows by name, for looking at.
std::map<std::string, KernelRow> kernels_of(KernelTable& table) {
  table.update_rows();
  std::map<std::string, KernelRow> rows;
  for (const KernelRow& row : table.kernel_rows()) rows[row.name->name] = row;
  return rows;
}

TEST(KernelTable, NamesAreSharedUntilAKernelComesOrGoes) {
  KernelTable table({});
  const OwnerId owner = table.open_owner();
  const SeriesSlot gemm = table.series(owner, 0, "gemm", kCompute);
  table.update_rows();
  const auto first = table.kernel_names();
  EXPECT_EQ(first->of(table.kernel_rows())[0], "gemm");
  table.add(gemm, run(100, 10));
  table.update_rows();
  EXPECT_EQ(table.kernel_names(), first);

  (void)table.series(owner, 0, "conv", kCompute);
  table.update_rows();
  const auto& names = table.kernel_names()->of(table.kernel_rows());
  ASSERT_EQ(names.size(), 2U);
  EXPECT_EQ(names[0], "conv");
  EXPECT_EQ(names[1], "gemm");
  EXPECT_EQ(first->of({table.kernel_rows().data(), 1}).size(), 1U);  // for who still looks
}

TEST(KernelTable, OneNameOnTwoDevicesIsOneKernelOfTwoSeries) {
  KernelTable table({});
  const OwnerId owner = table.open_owner();
  const SeriesSlot on_one = table.series(owner, 1, "gemm", kCompute);
  const SeriesSlot on_zero = table.series(owner, 0, "gemm", kCompute);
  EXPECT_EQ(table.series(owner, 1, "gemm", kCompute), on_one);
  EXPECT_NE(table.series(owner, 1, "gemm", KernelKind::kMemcpy), on_one);
  table.add(on_one, run(100, 10));
  table.add(on_zero, run(90, 30, 4096));

  table.update_rows();
  ASSERT_EQ(table.kernel_rows().size(), 2U);
  const KernelRow& gemm = table.kernel_rows()[0];
  EXPECT_EQ(gemm.counters.calls, 2U);
  EXPECT_EQ(gemm.counters.sum_ns, 40U);
  EXPECT_EQ(gemm.counters.min_ns, 10U);
  EXPECT_EQ(gemm.counters.memory_bytes, 4096U);
  EXPECT_EQ(gemm.percentiles.p50_ns, 10U);
  EXPECT_EQ(gemm.percentiles.p99_ns, 30U);
  EXPECT_EQ(gemm.last_end, at(100));
  EXPECT_EQ(gemm.last_duration_ns, 10U);
  ASSERT_EQ(gemm.series_count, 2U);
  const SeriesRow& first = table.series_rows()[gemm.first_series];
  EXPECT_EQ(first.device, 0U);
  EXPECT_EQ(first.kernel, 0U);
  EXPECT_EQ(first.percentiles.p50_ns, 30U);
}

TEST(KernelTable, NamesAreTheSameOnceTheyAreCleaned) {
  KernelTable table({});
  const OwnerId owner = table.open_owner();
  const SeriesSlot bell = table.series(owner, 0, "bell\x07", kCompute);
  EXPECT_EQ(table.series(owner, 0, "bell\xEF\xBF\xBD", kCompute), bell);
  EXPECT_EQ(table.series(owner, 0, "bell\x07", kCompute), bell);
  EXPECT_EQ(table.series(owner, 0, "", kCompute), table.series(owner, 0, "(unnamed)", kCompute));
}

TEST(KernelTable, TheIdleLongestWithoutAnOwnerMakesRoom) {
  KernelTable table({.max_kernels = 100, .max_series = 2});
  const OwnerId dead = table.open_owner();
  const OwnerId live = table.open_owner();
  table.add(table.series(dead, 0, "newer", kCompute), run(200, 5));
  table.add(table.series(dead, 0, "older", kCompute), run(100, 7));
  EXPECT_EQ(kernels_of(table).size(), 2U);
  // Both have an owner: no room.
  const SeriesSlot other = table.series(live, 0, "a", kCompute);
  EXPECT_TRUE(table.is_other(other));
  table.add(other, run(300, 11));
  table.close_owner(dead);
  const SeriesSlot b = table.series(live, 0, "b", kCompute);
  EXPECT_FALSE(table.is_other(b));
  table.add(b, run(400, 1));
  auto rows = kernels_of(table);
  EXPECT_EQ(rows.count("older"), 0U);
  EXPECT_EQ(rows.at("newer").counters.calls, 1U);
  EXPECT_EQ(rows.at(std::string(kRetiredName)).counters.sum_ns, 7U);
  EXPECT_EQ(rows.at(std::string(kOtherName)).counters.sum_ns, 11U);
  // A slot that is used again starts from nothing.
  EXPECT_EQ(rows.at("b").counters.calls, 1U);
  EXPECT_EQ(rows.at("b").percentiles.p99_ns, 1U);
}

TEST(KernelTable, AFullListOfNamesLosesTheKernelIdleLongestOnAllItsDevices) {
  KernelTable table({.max_kernels = 2, .max_series = 100});
  const OwnerId dead = table.open_owner();
  const OwnerId live = table.open_owner();
  table.add(table.series(dead, 0, "two devices", kCompute), run(100, 5));
  table.add(table.series(dead, 1, "two devices", kCompute), run(110, 6));
  table.add(table.series(dead, 0, "half owned", kCompute), run(50, 7));
  table.add(table.series(live, 1, "half owned", kCompute), run(60, 8));
  table.close_owner(dead);
  table.add(table.series(live, 0, "new", kCompute), run(300, 1));
  auto rows = kernels_of(table);
  EXPECT_EQ(rows.count("two devices"), 0U);
  EXPECT_EQ(rows.at("half owned").series_count, 2U);
  EXPECT_EQ(rows.at(std::string(kRetiredName)).counters.sum_ns, 11U);
  EXPECT_EQ(rows.at(std::string(kRetiredName)).series_count, 2U);
  EXPECT_EQ(rows.at(std::string(kRetiredName)).percentiles.p99_ns, 6U);
  EXPECT_TRUE(table.is_other(table.series(live, 0, "no room", kCompute)));
}

TEST(KernelTable, AReturningOwnerKeepsWhatItFinds) {
  KernelTable table({.max_kernels = 10, .max_series = 1});
  const OwnerId first = table.open_owner();
  table.add(table.series(first, 0, "k", kCompute), run(100, 5));
  table.close_owner(first);
  const OwnerId second = table.open_owner();
  table.add(table.series(second, 0, "k", kCompute), run(200, 5));
  EXPECT_TRUE(table.is_other(table.series(second, 0, "x", kCompute)));
  EXPECT_EQ(kernels_of(table).at("k").counters.calls, 2U);
}

TEST(KernelTable, RebaseMovesTheTimesOfOneDevice) {
  KernelTable table({});
  const OwnerId owner = table.open_owner();
  table.add(table.series(owner, 0, "k", kCompute), run(-100, 5));
  table.add(table.series(owner, 1, "k", kCompute), run(-100, 6));
  table.close_owner(owner);
  table.rebase(1, Duration(1'000));
  const KernelRow k = kernels_of(table).at("k");
  EXPECT_EQ(k.last_end, at(900));
  EXPECT_EQ(k.last_duration_ns, 6U);
  EXPECT_EQ(table.series_rows()[0].last_end, at(-100));
}

TEST(KernelTable, ADeltaHoldsOnlyWhatChanged) {
  KernelTable table({});
  const OwnerId owner = table.open_owner();
  const SeriesSlot a = table.series(owner, 0, "a", kCompute);
  const SeriesSlot b = table.series(owner, 0, "b", kCompute);
  table.add(a, run(100, 5));
  table.add(b, run(100, 5));
  (void)table.take_delta(at(0), at(100));
  table.add(b, run(200, 9));
  table.add(b, run(210, 7));
  table.add(b, run(220, 9));
  const LadderStep step = table.take_delta(at(100), at(200));
  ASSERT_EQ(step.delta->series.size(), 1U);
  const SeriesDelta& delta = step.delta->series[0];
  EXPECT_EQ(delta.key->name->name, "b");
  EXPECT_EQ(delta.counters.calls, 3U);
  EXPECT_EQ(delta.counters.min_ns, 7U);
  const auto buckets = step.delta->buckets_of(delta);
  ASSERT_EQ(buckets.size(), 2U);
  EXPECT_EQ(buckets[0].bucket, 7U);
  EXPECT_EQ(buckets[1].count, 2U);
  EXPECT_TRUE(table.take_delta(at(200), at(300)).delta->series.empty());
}

TEST(KernelTable, SketchesOverSomeDevices) {
  KernelTable table({});
  const OwnerId owner = table.open_owner();
  for (std::uint32_t device = 0; device < 4; ++device) {
    table.add(table.series(owner, device, "k", kCompute), run(100, 10 * (device + 1)));
  }
  const std::uint64_t id = make_kernel_name("k")->id;
  const auto f = [&](std::vector<std::uint32_t> devices, std::uint64_t total, std::uint64_t max) {
    const auto found = table.sketch_of(id, kCompute, devices);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->sketch.total(), total);
    EXPECT_EQ(found->max_ns, max);
  };
  f({0}, 1, 10);
  f({1, 3}, 2, 40);
  f({3, 2, 1, 0}, 4, 40);
  EXPECT_FALSE(table.sketch_of(id, kCompute, std::vector<std::uint32_t>{9}));
  EXPECT_FALSE(table.sketch_of(id, KernelKind::kMemset, std::vector<std::uint32_t>{0}));
  EXPECT_FALSE(table.sketch_of(id + 1, kCompute, std::vector<std::uint32_t>{0}));
}

/// What a model that forgets nothing counts for a kind and a device.
using Totals = std::map<std::pair<KernelKind, std::uint32_t>, KernelCounters>;

/// Few names and small caps, owners that come and go: everything is evicted all the time.
struct Churn {
  KernelTable table{{.max_kernels = 5, .max_series = 9}};
  std::vector<OwnerId> open;
  Totals want;
  std::map<std::uint32_t, std::uint64_t> want_buckets;
  std::uint64_t window_calls = 0;
  std::uint64_t windows_sum = 0;
  std::int64_t now = 0;

  void step(std::uint32_t random) {
    ++now;
    const std::uint32_t what = random % 16;
    random /= 16;
    if (what == 0 || open.empty()) open.push_back(table.open_owner());
    if (what == 1 && open.size() > 1) {
      table.close_owner(open[random % open.size()]);
      open.erase(open.begin() + random % open.size());
      return;
    }
    if (what == 2) table.update_rows();
    if (what == 3) take();
    const OwnerId owner = open[random % open.size()];
    const KernelKind kind = random % 5 == 0 ? KernelKind::kMemcpy : kCompute;
    const std::uint32_t device = random / 7 % 3;
    const std::string name = "k" + std::to_string(random / 21 % 12);
    const SeriesSlot slot = table.series(owner, device, name, kind);
    const std::int64_t duration = random / 3 % 2'000;
    table.add(slot, run(now, duration,
                        random % 2 ? std::optional<std::uint64_t>(random % 99) : std::nullopt));
    KernelCounters& counters = want[{kind, device}];
    counters.add(static_cast<std::uint64_t>(duration));
    if (random % 2) {
      ++counters.memory_calls;
      counters.memory_bytes += random % 99;
    }
    ++want_buckets[SketchScheme::bucket_of(static_cast<std::uint64_t>(duration))];
  }

  void take() {
    const LadderStep step = table.take_delta(at(now), at(now));
    for (const SeriesDelta& delta : step.delta->series) {
      window_calls += delta.counters.calls;
      windows_sum += delta.counters.sum_ns;
      std::uint64_t in_buckets = 0;
      for (const BucketCount& b : step.delta->buckets_of(delta)) in_buckets += b.count;
      RC_ASSERT(in_buckets == delta.counters.calls);
    }
    RC_ASSERT(std::ranges::is_sorted(*step.order));
  }
};

RC_GTEST_PROP(KernelTable, TotalsAreConservedWhateverIsEvicted,
              (const std::vector<std::uint32_t>& raw)) {
  Churn churn;
  for (const std::uint32_t random : raw) {
    // RapidCheck's numbers are small at first: spread them.
    for (std::uint32_t i = 0; i < 4; ++i) churn.step((random + i) * 2'654'435'761U >> 4U);
  }
  churn.table.update_rows();
  churn.take();
  Totals got;
  std::map<std::uint32_t, std::uint64_t> got_buckets;
  std::uint64_t calls = 0;
  std::uint64_t sum = 0;
  std::size_t counted = 0;
  const auto& kernels = churn.table.kernel_rows();
  const auto& series = churn.table.series_rows();
  for (std::size_t i = 1; i < kernels.size(); ++i) {
    RC_ASSERT(std::tie(kernels[i - 1].name->name, kernels[i - 1].kind) <
              std::tie(kernels[i].name->name, kernels[i].kind));
  }
  const KernelNames::Text& names = churn.table.kernel_names()->of(kernels);
  for (std::size_t i = 0; i < kernels.size(); ++i) RC_ASSERT(names[i] == kernels[i].name->name);
  for (std::size_t i = 0; i < series.size(); ++i) {
    const KernelRow& kernel = kernels[series[i].kernel];
    RC_ASSERT(i >= kernel.first_series && i < kernel.first_series + kernel.series_count);
    if (i > kernel.first_series) RC_ASSERT(series[i - 1].device < series[i].device);
    got[{kernel.kind, series[i].device}].merge(series[i].counters);
    calls += series[i].counters.calls;
    sum += series[i].counters.sum_ns;
    const std::string& name = kernel.name->name;
    if (name != kRetiredName && name != kOtherName) ++counted;
    const auto sketch = churn.table.sketch_of(kernel.name->id, kernel.kind,
                                              std::vector<std::uint32_t>{series[i].device});
    sketch->sketch.for_each(
        [&](std::uint32_t bucket, std::uint32_t n) { got_buckets[bucket] += n; });
    if (series[i].counters.calls > 0) {
      const Percentiles p =
          percentiles(sketch->sketch, series[i].counters.min_ns, series[i].counters.max_ns);
      RC_ASSERT(p.p50_ns == series[i].percentiles.p50_ns);
      RC_ASSERT(p.p99_ns == series[i].percentiles.p99_ns);
    }
  }
  for (const KernelRow& kernel : kernels) {
    if (kernel.counters.calls == 0) continue;
    const auto whole =
        churn.table.sketch_of(kernel.name->id, kernel.kind, std::vector<std::uint32_t>{0, 1, 2});
    const Percentiles p =
        percentiles(whole->sketch, kernel.counters.min_ns, kernel.counters.max_ns);
    RC_ASSERT(p.p50_ns == kernel.percentiles.p50_ns);
    RC_ASSERT(p.p95_ns == kernel.percentiles.p95_ns);
  }
  RC_ASSERT(counted <= 9U);
  std::erase_if(got, [](const auto& entry) { return entry.second.calls == 0; });
  RC_ASSERT(got.size() == churn.want.size());
  for (const auto& [key, want] : churn.want) {
    const KernelCounters& have = got.at(key);
    RC_ASSERT(have.calls == want.calls);
    RC_ASSERT(have.sum_ns == want.sum_ns);
    RC_ASSERT(have.min_ns == want.min_ns);
    RC_ASSERT(have.max_ns == want.max_ns);
    RC_ASSERT(have.sum_squares_ns2 == want.sum_squares_ns2);
    RC_ASSERT(have.memory_calls == want.memory_calls);
    RC_ASSERT(have.memory_bytes == want.memory_bytes);
  }
  RC_ASSERT(got_buckets == churn.want_buckets);
  RC_ASSERT(churn.window_calls == calls);
  RC_ASSERT(churn.windows_sum == sum);
}

RC_GTEST_PROP(KernelTable, AKernelIsTheSumOfItsSeries, (const std::vector<std::uint32_t>& raw)) {
  KernelTable table({});
  const OwnerId owner = table.open_owner();
  std::map<std::string, LatencySketch> want;
  for (const std::uint32_t random : raw) {
    const std::string name = "k" + std::to_string(random % 3);
    const std::int64_t duration = random % 100'000;
    table.add(table.series(owner, random % 4, name, kCompute), run(1, duration));
    want[name].add(static_cast<std::uint64_t>(duration));
    if (random % 11 == 0) table.update_rows();
  }
  for (const auto& [name, row] : kernels_of(table)) {
    const Percentiles p = percentiles(want.at(name), row.counters.min_ns, row.counters.max_ns);
    RC_ASSERT(row.counters.calls == want.at(name).total());
    RC_ASSERT(std::tie(p.p50_ns, p.p95_ns, p.p99_ns) ==
              std::tie(row.percentiles.p50_ns, row.percentiles.p95_ns, row.percentiles.p99_ns));
  }
}

}  // namespace
}  // namespace gpuvigil
