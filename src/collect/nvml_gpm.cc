// SPDX-License-Identifier: Apache-2.0
#include "collect/nvml_gpm.h"

#include <utility>

#include "collect/nvml_readings.h"

namespace gpuvigil {

NvmlGpm::NvmlGpm(std::shared_ptr<const NvmlLibrary> library, NvmlDevice device,
                 std::optional<std::uint32_t> instance)
    : library_(std::move(library)), device_(device), instance_(instance) {
  const NvmlFunctions& call = library_->call();
  NvmlGpmSupport support{.version = 1, .is_supported = 0};
  if (call.gpm_support(device_, &support) != kNvmlOk || support.is_supported != 1) return;
  if (call.new_gpm_sample(&earlier_) != kNvmlOk) earlier_ = nullptr;
  if (call.new_gpm_sample(&later_) != kNvmlOk) later_ = nullptr;
  answers_ = std::make_unique<NvmlGpmMetrics>();
}

NvmlGpm::~NvmlGpm() {
  if (earlier_ != nullptr) library_->call().free_gpm_sample(earlier_);
  if (later_ != nullptr) library_->call().free_gpm_sample(later_);
}

void NvmlGpm::read(Timestamp now, MetricSet& metrics) {
  if (earlier_ == nullptr || later_ == nullptr) return say(Missing::kUnsupported, metrics);
  if (const NvmlCode code = take(now); code != kNvmlOk) return say(nvml_missing(code), metrics);
  if (!earlier_at_ || *later_at_ - *earlier_at_ < kLeastApart) {
    return say(Missing::kNotSampled, metrics);
  }
  if (const NvmlCode code = compute(metrics); code != kNvmlOk) say(nvml_missing(code), metrics);
}

/// The sample that was the later one becomes the earlier one, unless it is too young.
NvmlCode NvmlGpm::take(Timestamp now) {
  if (later_at_ && now - *later_at_ >= kLeastApart) {
    std::swap(earlier_, later_);
    earlier_at_ = later_at_;
  }
  later_at_.reset();
  const NvmlFunctions& call = library_->call();
  const NvmlCode code = instance_ ? call.take_mig_gpm_sample(device_, *instance_, later_)
                                  : call.take_gpm_sample(device_, later_);
  if (code == kNvmlOk) {
    later_at_ = now;
  } else {
    earlier_at_.reset();
  }
  return code;
}

NvmlCode NvmlGpm::compute(MetricSet& metrics) {
  const auto rows = nvml_gpm_rows();
  *answers_ = {.version = 1,
               .count = static_cast<std::uint32_t>(rows.size()),
               .earlier = earlier_,
               .later = later_,
               .metrics = {}};
  for (std::size_t i = 0; i < rows.size(); ++i) answers_->metrics[i].id = rows[i].id;
  const NvmlCode code = library_->call().gpm_metrics(answers_.get());
  if (code != kNvmlOk) return code;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const NvmlGpmMetric& answer = answers_->metrics[i];
    if (answer.code == kNvmlOk) {
      metrics[rows[i].metric] = answer.value;
    } else {
      metrics[rows[i].metric] = missing(nvml_missing(answer.code));
    }
  }
  return kNvmlOk;
}

void NvmlGpm::say(Missing why, MetricSet& metrics) {
  for (const NvmlGpmRow& row : nvml_gpm_rows()) metrics[row.metric] = missing(why);
}

}  // namespace gpuvigil
