// SPDX-License-Identifier: Apache-2.0
#include "engine/query.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

const Timestamp kSince = from_unix_ns(1'000'000'000'000'000'000);

/// Builds frames row by row, kernels by name. Series do not say whose they are: no query asks.
class FrameBuilder {
 public:
  FrameBuilder() {
    frame_.since = kSince;
    frame_.edge = kSince + 100s;
    frame_.windows = std::make_shared<WindowLadder>();
  }

  FrameBuilder& kernel(const std::string& name, KernelKind kind,
                       const std::map<std::uint32_t, std::vector<std::uint64_t>>& by_device) {
    KernelRow row{.name = make_kernel_name(name), .kind = kind};
    row.first_series = static_cast<std::uint32_t>(frame_.series.size());
    row.series_count = static_cast<std::uint32_t>(by_device.size());
    LatencySketch all;
    for (const auto& [device, durations] : by_device) {
      SeriesRow series{.device = device};
      LatencySketch sketch;
      for (const auto d : durations) {
        series.counters.add(d);
        sketch.add(d);
        all.add(d);
      }
      series.percentiles = percentiles(sketch, series.counters.min_ns, series.counters.max_ns);
      row.counters.merge(series.counters);
      frame_.series.push_back(series);
    }
    row.percentiles = percentiles(all, row.counters.min_ns, row.counters.max_ns);
    const auto place =
        std::ranges::upper_bound(frame_.kernels, row, [](const auto& a, const auto& b) {
          return std::tie(a.name->name, a.kind) < std::tie(b.name->name, b.kind);
        });
    frame_.kernels.insert(place, std::move(row));
    return *this;
  }

  FrameBuilder& ladder(std::shared_ptr<const WindowLadder> ladder) {
    frame_.windows = std::move(ladder);
    return *this;
  }

  [[nodiscard]] const Frame& frame() const { return frame_; }

 private:
  Frame frame_;
};

/// The names of an answer, in order; a lookup that must not be needed. Whether the frame has its
/// names in one piece makes no difference.
std::string names(const Frame& frame, const KernelQuery& query) {
  const auto ask = [&](const Frame& asked) {
    const KernelList list = query_kernels(asked, query, [](auto) {
      ADD_FAILURE() << "the frame holds everything that was asked";
      return std::vector<Percentiles>();
    });
    std::string out;
    for (const KernelStats& row : list.rows) out += row.name->name + " ";
    return out;
  };
  Frame searched = frame;
  searched.names = std::make_shared<KernelNames>();
  std::string found = ask(searched);
  EXPECT_EQ(found, ask(frame));
  return found;
}

FrameBuilder three_kernels() {
  FrameBuilder builder;
  builder.kernel("gemm", KernelKind::kCompute, {{0, {10, 20}}, {1, {300}}})
      .kernel("softmax", KernelKind::kCompute, {{0, {50, 50, 50, 50}}})
      .kernel("nccl", KernelKind::kCollective, {{1, {1000}}})
      .kernel("Memcpy", KernelKind::kMemcpy, {{0, {7}}});
  return builder;
}

TEST(KernelQuery, EachSortOrderIsTheOneThatItsNameSays) {
  const FrameBuilder builder = three_kernels();
  const auto f = [&](KernelSort sort, bool descending, std::string_view want) {
    EXPECT_EQ(names(builder.frame(), {.sort_by = sort, .descending = descending}), want);
  };
  f(KernelSort::kAvgTime, true, "nccl gemm softmax ");
  f(KernelSort::kAvgTime, false, "softmax gemm nccl ");
  f(KernelSort::kTotalTime, true, "nccl gemm softmax ");
  f(KernelSort::kCalls, true, "softmax gemm nccl ");
  f(KernelSort::kMaxTime, true, "nccl gemm softmax ");
  f(KernelSort::kP50Time, true, "nccl softmax gemm ");
  f(KernelSort::kName, false, "gemm nccl softmax ");
  f(KernelSort::kName, true, "softmax nccl gemm ");
}

TEST(KernelQuery, KindsNamesCallsAndPagesNarrowTheAnswer) {
  const FrameBuilder builder = three_kernels();
  const auto f = [&](const KernelQuery& query, std::string_view want) {
    EXPECT_EQ(names(builder.frame(), query), want);
  };
  f({.kind = KindFilter::kAll}, "nccl gemm softmax Memcpy ");
  f({.kind = KindFilter::kMemcpy}, "Memcpy ");
  f({.kind = KindFilter::kMemset}, "");
  f({.kind = KindFilter::kCollective}, "nccl ");
  f({.min_calls = 3}, "gemm softmax ");
  f({.names = {"*MAX", "n?cl"}}, "nccl softmax ");
  f({.limit = 1}, "nccl ");
  f({.limit = 1, .offset = 1}, "gemm ");
  f({.limit = 5, .offset = 9}, "");
  f({.limit = 0}, "nccl gemm softmax ");
  f({.devices = std::vector<std::uint32_t>{0}}, "softmax gemm ");
  f({.names = {"s*"}, .devices = std::vector<std::uint32_t>{0}}, "softmax ");
}

TEST(KernelQuery, TotalsCountBeforeThePageAndSharesBeforeTheNames) {
  const FrameBuilder builder = three_kernels();
  const KernelList list =
      query_kernels(builder.frame(), {.limit = 1, .names = {"gemm", "softmax"}}, nullptr);
  EXPECT_EQ(list.total_kernels, 2U);
  ASSERT_EQ(list.rows.size(), 1U);
  EXPECT_NEAR(list.rows[0].share_percent, 100.0 * 330 / 1530, 1e-9);
  EXPECT_EQ(list.rows[0].devices, (std::vector<std::uint32_t>{0, 1}));
}

TEST(KernelQuery, TiesGoByNameInEitherOrder) {
  FrameBuilder builder;
  for (const char* name : {"c", "a", "b"}) builder.kernel(name, KernelKind::kCompute, {{0, {5}}});
  EXPECT_EQ(names(builder.frame(), {.descending = true}), "a b c ");
  EXPECT_EQ(names(builder.frame(), {.descending = false}), "a b c ");
}

TEST(KernelQuery, OnlySomeOfSeveralDevicesAskTheOwnerForPercentiles) {
  FrameBuilder builder;
  builder.kernel("k", KernelKind::kCompute, {{0, {1}}, {1, {2}}, {2, {3}}});
  std::size_t asked = 0;
  const auto lookup = [&](std::span<const PercentileRequest> requests) {
    asked += requests.size();
    EXPECT_EQ(requests[0].devices, (std::vector<std::uint32_t>{0, 2}));
    EXPECT_EQ(requests[0].min_ns, 1U);
    EXPECT_EQ(requests[0].max_ns, 3U);
    return std::vector<Percentiles>(requests.size(), Percentiles{.p50_ns = 42});
  };
  const auto p50 = [&](std::vector<std::uint32_t> devices) {
    return query_kernels(builder.frame(), {.devices = std::move(devices)}, lookup)
        .rows[0]
        .percentiles.p50_ns;
  };
  EXPECT_EQ(p50({1}), 2U);
  EXPECT_EQ(p50({0, 1, 2}), 2U);
  EXPECT_EQ(asked, 0U);
  EXPECT_EQ(p50({0, 2}), 42U);
  EXPECT_EQ(asked, 1U);
}

std::shared_ptr<WindowDelta> step(Timestamp from, Timestamp to,
                                  const std::map<std::string, std::vector<std::uint64_t>>& did) {
  auto delta = std::make_shared<WindowDelta>();
  delta->from = from;
  delta->to = to;
  for (const auto& [name, durations] : did) {
    SeriesDelta series{
        .key = std::make_shared<SeriesKey>(SeriesKey{.name = make_kernel_name(name), .device = 0})};
    series.first_bucket = static_cast<std::uint32_t>(delta->buckets.size());
    LatencySketch sketch;
    for (const auto d : durations) {
      series.counters.add(d);
      sketch.add(d);
    }
    sketch.for_each([&](std::uint32_t b, std::uint32_t n) { delta->buckets.push_back({b, n}); });
    series.bucket_count = static_cast<std::uint32_t>(delta->buckets.size()) - series.first_bucket;
    delta->series.push_back(std::move(series));
  }
  return delta;
}

TEST(KernelQuery, SinceTellsWhatTheStepsCoverAndSaysSo) {
  auto ladder = std::make_shared<WindowLadder>();
  ladder->steps = {step(kSince + 80s, kSince + 90s, {{"old", {9}}, {"both", {100}}}),
                   step(kSince + 90s, kSince + 100s, {{"both", {10, 30}}})};
  FrameBuilder builder;
  builder.kernel("both", KernelKind::kCompute, {{0, {10, 30, 100, 5}}}).ladder(ladder);

  const auto ask = [&](Timestamp since) {
    return query_kernels(builder.frame(), {.since = since}, nullptr);
  };
  const KernelList last = ask(kSince + 95s);
  ASSERT_EQ(last.rows.size(), 1U);
  EXPECT_EQ(last.rows[0].counters.calls, 2U);
  EXPECT_EQ(last.rows[0].counters.max_ns, 30U);
  EXPECT_EQ(last.rows[0].percentiles.p99_ns, 30U);
  EXPECT_EQ(last.window.from, kSince + 90s);
  EXPECT_EQ(last.window.coverage, 1.0);

  const KernelList more = ask(kSince + 60s);
  EXPECT_EQ(more.rows.size(), 2U);
  EXPECT_EQ(more.window.from, kSince + 80s);
  EXPECT_NEAR(more.window.coverage, 0.5, 1e-9);

  const KernelList all = ask(kSince - 1h);
  EXPECT_EQ(all.rows[0].counters.calls, 4U);
  EXPECT_EQ(all.window.from, kSince);
}

TEST(KernelQuery, SinceTellsOfKernelsThatHaveBeenForgotten) {
  auto ladder = std::make_shared<WindowLadder>();
  ladder->steps = {step(kSince + 90s, kSince + 95s, {{"b", {30}}, {"d", {40}}, {"a", {10}}}),
                   step(kSince + 95s, kSince + 100s, {{"c", {20}}, {"b", {5, 5}}})};
  FrameBuilder builder;
  builder.kernel("c", KernelKind::kCompute, {{0, {20}}})
      .kernel("e", KernelKind::kCompute, {{0, {1}}})
      .kernel("b", KernelKind::kCompute, {{0, {30, 5, 5}}})
      .ladder(ladder);
  const auto f = [&](KernelSort sort, std::string_view want) {
    EXPECT_EQ(names(builder.frame(), {.sort_by = sort, .since = kSince + 90s}), want);
  };
  f(KernelSort::kName, "d c b a ");
  f(KernelSort::kTotalTime, "b d c a ");
  f(KernelSort::kP99Time, "d b c a ");
}

/// The same answer by the book: every row in full, all of them sorted.
std::vector<std::string> by_the_book(const FrameBuilder& builder, const KernelQuery& query) {
  const Frame& frame = builder.frame();
  std::vector<std::pair<std::uint64_t, std::string>> rows;
  for (const KernelRow& kernel : frame.kernels) {
    std::uint64_t sum = 0;
    std::uint64_t calls = 0;
    for (const SeriesRow& series : frame.series_of(kernel)) {
      if (query.devices && std::ranges::find(*query.devices, series.device) == query.devices->end())
        continue;
      sum += series.counters.sum_ns;
      calls += series.counters.calls;
    }
    if (calls < std::max<std::uint64_t>(query.min_calls, 1)) continue;
    const std::uint64_t key = query.sort_by == KernelSort::kCalls       ? calls
                              : query.sort_by == KernelSort::kTotalTime ? sum
                                                                        : 0;
    rows.emplace_back(query.descending ? ~key : key, kernel.name->name);
  }
  std::ranges::sort(rows);
  if (query.sort_by == KernelSort::kName && query.descending) std::ranges::reverse(rows);
  std::vector<std::string> page;
  for (std::size_t i = query.offset; i < rows.size() && page.size() < query.limit; ++i) {
    page.push_back(rows[i].second);
  }
  return page;
}

RC_GTEST_PROP(KernelQuery, EveryPageIsThatOfTheSortedWhole, ()) {
  FrameBuilder builder;
  const auto kernels = *rc::gen::inRange(0, 300);
  for (int i = 0; i < kernels; ++i) {
    std::map<std::uint32_t, std::vector<std::uint64_t>> by_device;
    for (std::uint32_t device = 0; device < 3; ++device) {
      by_device[device].assign(*rc::gen::inRange<std::size_t>(0, 3), *rc::gen::inRange(1, 5));
    }
    builder.kernel(fmt::format("k{}", (i * 7919) % 1000), KernelKind::kCompute, by_device);
  }
  KernelQuery query{
      .sort_by = *rc::gen::element(KernelSort::kCalls, KernelSort::kTotalTime, KernelSort::kName),
      .descending = *rc::gen::arbitrary<bool>(),
      .limit = *rc::gen::inRange<std::size_t>(1, 200),
      .offset = *rc::gen::inRange<std::size_t>(0, 300),
      .min_calls = *rc::gen::inRange<std::uint64_t>(0, 4)};
  if (*rc::gen::arbitrary<bool>()) query.devices = {0, 2};
  const auto nothing_known = [](std::span<const PercentileRequest> requests) {
    return std::vector<Percentiles>(requests.size());
  };
  std::vector<std::string> found;
  for (const KernelStats& row : query_kernels(builder.frame(), query, nothing_known).rows) {
    found.push_back(row.name->name);
  }
  RC_ASSERT(found == by_the_book(builder, query));
}

RC_GTEST_PROP(KernelQuery, PagesTogetherAreTheWholeAnswerWithoutOverlap,
              (const std::vector<std::uint16_t>& durations)) {
  FrameBuilder builder;
  for (std::size_t i = 0; i < durations.size(); ++i) {
    builder.kernel(fmt::format("k{}", i), KernelKind::kCompute, {{0, {durations[i] % 7U}}});
  }
  const auto sort = *rc::gen::element(KernelSort::kAvgTime, KernelSort::kCalls, KernelSort::kName);
  const std::size_t limit = *rc::gen::inRange(1, 9);
  const bool descending = *rc::gen::arbitrary<bool>();
  const std::string whole =
      names(builder.frame(), {.sort_by = sort, .descending = descending, .limit = 0});
  std::string pages;
  for (std::size_t offset = 0; offset < durations.size(); offset += limit) {
    pages += names(builder.frame(),
                   {.sort_by = sort, .descending = descending, .limit = limit, .offset = offset});
  }
  RC_ASSERT(pages == whole);
}

}  // namespace
}  // namespace gpuvigil
