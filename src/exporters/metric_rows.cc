// SPDX-License-Identifier: Apache-2.0
#include "exporters/metric_rows.h"

namespace gpuvigil {

MetricRows::MetricRows(std::vector<FamilyHead> heads) {
  for (FamilyHead& head : heads) families_.push_back({.head = std::move(head)});
}

void MetricRows::add(Labels labels, std::span<const MetricValue> values) {
  if (used_ == labels_.size()) {
    labels_.push_back(std::move(labels));
    changed_ = true;
    for (MetricFamily& family : families_) {
      family.series.push_back({.labels = &labels_.back()});
      family.values.emplace_back();
    }
  } else if (labels_[used_] != labels) {
    labels_[used_] = std::move(labels);
    changed_ = true;
  }
  auto value = values.begin();
  for (MetricFamily& family : families_) family.values[used_] = *value++;
  ++used_;
}

void MetricRows::end() {
  changed_ = changed_ || used_ < labels_.size();
  if (!changed_) return;
  labels_.resize(used_);
  for (MetricFamily& family : families_) {
    family.series.resize(used_);
    family.values.resize(used_);
    ++family.generation;
  }
  changed_ = false;
}

}  // namespace gpuvigil
