// SPDX-License-Identifier: Apache-2.0
#include "monitor/window_ladder.h"

#include <algorithm>
#include <utility>

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr Duration kWidestStep = 10min;

bool same_slot(const WindowDelta& a, const WindowDelta& b, Duration width) {
  const auto slot = [&](Timestamp at) {
    const std::int64_t ns = to_unix_ns(at);
    const std::int64_t w = width.count();
    return ns >= 0 ? ns / w : (ns + 1) / w - 1;
  };
  return slot(a.from) == slot(b.from);
}

/// Appends the sum of two ascending lists.
void merge_buckets(std::span<const BucketCount> a, std::span<const BucketCount> b,
                   std::vector<BucketCount>& out) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (a[i].bucket < b[j].bucket) {
      out.push_back(a[i++]);
    } else if (b[j].bucket < a[i].bucket) {
      out.push_back(b[j++]);
    } else {
      const std::uint64_t sum = std::uint64_t{a[i].count} + b[j].count;
      out.push_back(
          {a[i].bucket, static_cast<std::uint32_t>(std::min<std::uint64_t>(sum, UINT32_MAX))});
      ++i;
      ++j;
    }
  }
  out.insert(out.end(), a.begin() + static_cast<std::ptrdiff_t>(i), a.end());
  out.insert(out.end(), b.begin() + static_cast<std::ptrdiff_t>(j), b.end());
}

/// Builds a merged step; holds exactly what it needs at the end.
class StepMerger {
 public:
  StepMerger(const LadderStep& earlier, const LadderStep& later)
      : a_(*earlier.delta), b_(*later.delta), a_order_(*earlier.order), b_order_(*later.order) {
    out_.from = a_.from;
    out_.to = b_.to;
    // Most series of one are in the other too; too much is given back at the end.
    const std::size_t most = a_.series.size() + b_.series.size();
    out_.series.reserve(most);
    order_.reserve(most);
    out_.buckets.reserve(a_.buckets.size() + b_.buckets.size());
  }

  LadderStep run() {
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < a_order_.size() || j < b_order_.size()) {
      const bool from_a =
          j == b_order_.size() || (i < a_order_.size() && a_order_[i] <= b_order_[j]);
      const bool from_b =
          i == a_order_.size() || (j < b_order_.size() && b_order_[j] <= a_order_[i]);
      order_.push_back(from_a ? a_order_[i] : b_order_[j]);
      if (from_a && from_b) {
        add_both(a_.series[i++], b_.series[j++]);
      } else if (from_a) {
        add_one(a_, a_.series[i++]);
      } else {
        add_one(b_, b_.series[j++]);
      }
    }
    shrink(out_.series);
    shrink(out_.buckets);
    shrink(order_);
    return {std::make_shared<const WindowDelta>(std::move(out_)),
            std::make_shared<const std::vector<std::uint64_t>>(std::move(order_))};
  }

 private:
  void add_one(const WindowDelta& of, const SeriesDelta& delta) {
    out_.series.push_back(delta);
    const auto buckets = of.buckets_of(delta);
    out_.series.back().first_bucket = static_cast<std::uint32_t>(out_.buckets.size());
    out_.buckets.insert(out_.buckets.end(), buckets.begin(), buckets.end());
  }

  void add_both(const SeriesDelta& earlier, const SeriesDelta& later) {
    out_.series.push_back(later);
    SeriesDelta& sum = out_.series.back();
    sum.counters.merge(earlier.counters);
    sum.last_end = std::max(earlier.last_end, later.last_end);
    sum.first_bucket = static_cast<std::uint32_t>(out_.buckets.size());
    merge_buckets(a_.buckets_of(earlier), b_.buckets_of(later), out_.buckets);
    sum.bucket_count = static_cast<std::uint32_t>(out_.buckets.size()) - sum.first_bucket;
  }

  template <class T>
  static void shrink(std::vector<T>& items) {
    if (items.capacity() > items.size() + items.size() / 8) items.shrink_to_fit();
  }

  const WindowDelta& a_;
  const WindowDelta& b_;
  const std::vector<std::uint64_t>& a_order_;
  const std::vector<std::uint64_t>& b_order_;
  WindowDelta out_;
  std::vector<std::uint64_t> order_;
};

}  // namespace

LadderStep merge_steps(const LadderStep& earlier, const LadderStep& later) {
  return StepMerger(earlier, later).run();
}

LadderBuilder::LadderBuilder(std::size_t max_bytes)
    : max_bytes_(max_bytes),
      rungs_{Rung{1s, 60, 0.4, {}}, Rung{10s, 90, 0.3, {}}, Rung{1min, 60, 0.3, {}}},
      ladder_(std::make_shared<const WindowLadder>()) {}

void LadderBuilder::push(LadderStep step) {
  put(0, std::move(step));
  for (std::size_t r = 0; r + 1 < rungs_.size(); ++r) {
    while (over(rungs_[r])) put(r + 1, pop_oldest(rungs_[r]));
  }
  shrink_last();
  auto ladder = std::make_shared<WindowLadder>();
  for (std::size_t r = rungs_.size(); r-- > 0;) {
    for (const LadderStep& kept : rungs_[r].steps) ladder->steps.push_back(kept.delta);
  }
  ladder_ = std::move(ladder);
}

/// Appends a step, or merges it into the newest where both began in the same slot.
void LadderBuilder::put(std::size_t index, LadderStep step) {
  Rung& rung = rungs_[index];
  if (!rung.steps.empty() && same_slot(*rung.steps.back().delta, *step.delta, rung.width)) {
    step = merge_steps(rung.steps.back(), step);
    rung.bytes -= rung.steps.back().memory_bytes();
    rung.steps.pop_back();
  }
  rung.bytes += step.memory_bytes();
  rung.steps.push_back(std::move(step));
}

bool LadderBuilder::over(const Rung& rung) const {
  const auto most = static_cast<std::size_t>(static_cast<double>(max_bytes_) * rung.share);
  return rung.steps.size() > rung.keep || (rung.bytes > most && rung.steps.size() > 1);
}

LadderStep LadderBuilder::pop_oldest(Rung& rung) {
  LadderStep oldest = std::move(rung.steps.front());
  rung.steps.pop_front();
  rung.bytes -= oldest.memory_bytes();
  return oldest;
}

/// Merges the oldest two neighbours that are not too wide together; false without any.
bool LadderBuilder::merge_oldest_pair(Rung& rung) {
  for (std::size_t i = 0; i + 1 < rung.steps.size(); ++i) {
    LadderStep& earlier = rung.steps[i];
    const LadderStep& later = rung.steps[i + 1];
    if (later.delta->to - earlier.delta->from > kWidestStep) continue;
    LadderStep merged = merge_steps(earlier, later);
    rung.bytes += merged.memory_bytes() - earlier.memory_bytes() - later.memory_bytes();
    earlier = std::move(merged);
    rung.steps.erase(rung.steps.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    return true;
  }
  return false;
}

void LadderBuilder::shrink_last() {
  Rung& last = rungs_.back();
  while (last.steps.size() > last.keep) (void)pop_oldest(last);
  while (memory_bytes() > max_bytes_ && last.steps.size() > 1) {
    if (!merge_oldest_pair(last)) (void)pop_oldest(last);
  }
  // One edge with more than all the memory: the past goes, the newest step stays.
  for (std::size_t r = rungs_.size(); r-- > 0 && memory_bytes() > max_bytes_;) {
    while (memory_bytes() > max_bytes_ && rungs_[r].steps.size() > (r == 0 ? 1U : 0U)) {
      (void)pop_oldest(rungs_[r]);
    }
  }
}

std::size_t LadderBuilder::memory_bytes() const {
  std::size_t bytes = 0;
  for (const Rung& rung : rungs_) bytes += rung.bytes;
  return bytes;
}

}  // namespace gpuvigil
