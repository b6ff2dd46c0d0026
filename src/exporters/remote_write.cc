// SPDX-License-Identifier: Apache-2.0
#include "exporters/remote_write.h"

#include <algorithm>
#include <bit>
#include <set>

#include <snappy.h>

#include "base/text.h"
#include "exporters/protobuf.h"

namespace gpuvigil {
namespace {

// Fields of prompb.WriteRequest, TimeSeries, Label and Sample.
constexpr std::uint32_t kTimeSeries = 1;
constexpr std::uint32_t kLabels = 1;
constexpr std::uint32_t kSamples = 2;
constexpr std::uint32_t kLabelName = 1;
constexpr std::uint32_t kLabelValue = 2;
constexpr std::uint32_t kSampleValue = 1;
constexpr std::uint32_t kSampleTime = 2;

constexpr std::string_view kNameLabel = "__name__";

}  // namespace

/// The requests of one encode().
class RemoteWriteFormat::Batches {
 public:
  explicit Batches(Timestamp at)
      : at_ms_(std::chrono::floor<std::chrono::milliseconds>(at).time_since_epoch().count()) {}

  void add(std::string_view labels, double value) {
    sample_.clear();
    append_double(sample_, kSampleValue, value);
    append_int(sample_, kSampleTime, at_ms_);
    series_.assign(labels);
    append_bytes(series_, kSamples, sample_);
    append_bytes(request_, kTimeSeries, series_);
    if (++samples_ == kMaxSamples) close();
  }

  std::vector<PushBody> finish() {
    if (samples_ > 0) close();
    return std::move(bodies_);
  }

 private:
  void close() {
    PushBody body{.samples = std::exchange(samples_, 0), .bytes = {}};
    snappy::Compress(request_.data(), request_.size(), &body.bytes);
    bodies_.push_back(std::move(body));
    request_.clear();
  }

  const std::int64_t at_ms_;
  std::string request_;
  std::string series_;
  std::string sample_;
  std::uint32_t samples_ = 0;
  std::vector<PushBody> bodies_;
};

std::string RemoteWriteFormat::encode_labels(const FamilyHead& head,
                                             const MetricSeries& series) const {
  Labels labels = *series.labels;
  if (!series.own_name.empty()) labels.emplace_back(series.own_name, series.own_value);
  for (const auto& [name, value] : common_) {
    if (std::ranges::find(labels, name, &Labels::value_type::first) == labels.end()) {
      labels.emplace_back(name, value);
    }
  }
  labels.emplace_back(kNameLabel, head.name + std::string(sample_suffix(head)));
  std::ranges::sort(labels);
  std::string out;
  std::string label;
  for (const auto& [name, value] : labels) {
    if (value.empty()) continue;  // the same as no label; receivers refuse it
    label.clear();
    append_bytes(label, kLabelName, name);
    append_bytes(label, kLabelValue, clean_text(value));
    append_bytes(out, kLabels, label);
  }
  return out;
}

void RemoteWriteFormat::prepare(const MetricFamily& family, Prepared& made, Batches& out) const {
  if (made.is_made && made.generation == family.generation) return;
  std::set<std::string, std::less<>> told;
  for (Series& series : made.series) {
    if (series.is_told) told.insert(std::move(series.labels));
  }
  made.is_made = true;
  made.generation = family.generation;
  made.series.clear();
  for (const MetricSeries& series : family.series) {
    std::string labels = encode_labels(family.head, series);
    const bool is_told = told.erase(labels) > 0;
    made.series.push_back({.labels = std::move(labels), .is_told = is_told});
  }
  for (const std::string& gone : told) out.add(gone, std::bit_cast<double>(kStaleBits));
}

std::vector<PushBody> RemoteWriteFormat::encode(std::span<const MetricFamily* const> families,
                                                Timestamp at) {
  Batches out(at);
  for (const MetricFamily* family : families) {
    Prepared& made = prepared_[family];
    prepare(*family, made, out);
    for (std::size_t i = 0; i < made.series.size(); ++i) {
      Series& series = made.series[i];
      const MetricValue& value = family->values[i];
      if (value.is_there()) {
        out.add(series.labels, value.to_double());
      } else if (series.is_told) {
        out.add(series.labels, std::bit_cast<double>(kStaleBits));
      }
      series.is_told = value.is_there();
    }
  }
  return out.finish();
}

std::string_view RemoteWriteFormat::content_type() const {
  return "application/x-protobuf";
}

std::vector<OutboundHeader> RemoteWriteFormat::headers() const {
  return {{"Content-Encoding", "snappy"}, {"X-Prometheus-Remote-Write-Version", "0.1.0"}};
}

Verdict RemoteWriteFormat::judge(const OutboundResult& result) const {
  return gpuvigil::judge(result);
}

}  // namespace gpuvigil
