// SPDX-License-Identifier: Apache-2.0
#include "monitor/delta_buckets.h"

#include <algorithm>

namespace gpuvigil {

void DeltaBuckets::add(DeltaPool& pool, std::uint32_t bucket, std::uint32_t count) {
  if (many_) {
    many_->add_to_bucket(bucket, count);
    return;
  }
  for (std::uint32_t i = head_; i != kEnd; i = pool.nodes_[i].next) {
    DeltaPool::Node& node = pool.nodes_[i];
    if (node.bucket != bucket) continue;
    node.count = node.count > UINT32_MAX - count ? UINT32_MAX : node.count + count;
    return;
  }
  if (listed_ < kMaxListed) {
    pool.nodes_.push_back({bucket, count, head_});
    head_ = static_cast<std::uint32_t>(pool.nodes_.size() - 1);
    ++listed_;
    return;
  }
  many_ = std::make_unique<LatencySketch>();
  for (std::uint32_t i = head_; i != kEnd; i = pool.nodes_[i].next) {
    many_->add_to_bucket(pool.nodes_[i].bucket, pool.nodes_[i].count);
  }
  head_ = kEnd;
  listed_ = 0;
  many_->add_to_bucket(bucket, count);
}

void DeltaBuckets::take(const DeltaPool& pool, std::vector<BucketCount>& out) {
  if (many_) {
    many_->for_each([&](std::uint32_t bucket, std::uint32_t n) { out.push_back({bucket, n}); });
    many_.reset();
    return;
  }
  const auto first = static_cast<std::ptrdiff_t>(out.size());
  for (std::uint32_t i = head_; i != kEnd; i = pool.nodes_[i].next) {
    out.push_back({pool.nodes_[i].bucket, pool.nodes_[i].count});
  }
  if (listed_ > 1) {
    std::sort(out.begin() + first, out.end(),
              [](const BucketCount& a, const BucketCount& b) { return a.bucket < b.bucket; });
  }
  head_ = kEnd;
  listed_ = 0;
}

}  // namespace gpuvigil
