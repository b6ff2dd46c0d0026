// SPDX-License-Identifier: Apache-2.0
#include "exporters/otlp.h"

#include <utility>

#include "base/text.h"
#include "base/version.h"
#include "exporters/protobuf.h"

namespace gpuvigil {
namespace {

// Fields of opentelemetry.proto: collector/metrics, metrics, common and resource v1.
constexpr std::uint32_t kResourceMetrics = 1;
constexpr std::uint32_t kResource = 1;
constexpr std::uint32_t kScopeMetrics = 2;
constexpr std::uint32_t kScope = 1;
constexpr std::uint32_t kMetrics = 2;
constexpr std::uint32_t kResourceAttributes = 1;
constexpr std::uint32_t kMetricName = 1;
constexpr std::uint32_t kMetricDescription = 2;
constexpr std::uint32_t kMetricUnit = 3;
constexpr std::uint32_t kMetricGauge = 5;
constexpr std::uint32_t kMetricSum = 7;
constexpr std::uint32_t kDataPoints = 1;
constexpr std::uint32_t kSumTemporality = 2;
constexpr std::uint32_t kSumIsMonotonic = 3;
constexpr std::uint32_t kPointStart = 2;
constexpr std::uint32_t kPointTime = 3;
constexpr std::uint32_t kPointDouble = 4;
constexpr std::uint32_t kPointAttributes = 7;
constexpr std::int64_t kCumulative = 2;

/// UCUM for the words of Prometheus; what is UCUM already stays.
std::string_view ucum(const FamilyHead& head) {
  if (head.is_foreign) return head.unit;
  if (head.unit == "seconds") return "s";
  if (head.unit == "bytes") return "By";
  return "1";
}

void append_attribute(std::string& out, std::uint32_t field, std::string_view key,
                      std::string_view value) {
  if (value.empty()) return;
  std::string any;
  append_bytes(any, 1, clean_text(value));
  std::string attribute;
  append_bytes(attribute, 1, key);
  append_bytes(attribute, 2, any);
  append_bytes(out, field, attribute);
}

std::string data_point(const MetricSeries& series, const MetricValue& value, const Frame& frame,
                       bool is_sum) {
  std::string point;
  if (is_sum) {
    append_fixed64(point, kPointStart, static_cast<std::uint64_t>(to_unix_ns(frame.since)));
  }
  append_fixed64(point, kPointTime, static_cast<std::uint64_t>(to_unix_ns(frame.edge)));
  append_double(point, kPointDouble, value.to_double());
  for (const auto& [name, text] : *series.labels) {
    append_attribute(point, kPointAttributes, name, text);
  }
  append_attribute(point, kPointAttributes, series.own_name, series.own_value);
  return point;
}

/// Appends the metric of a family to a ScopeMetrics; how many points it has.
std::uint32_t append_metric(std::string& scope, const MetricFamily& family, const Frame& frame) {
  const bool is_sum = family.head.kind == FamilyKind::kCounter;
  std::uint32_t points = 0;
  std::string data;
  for (std::size_t i = 0; i < family.series.size(); ++i) {
    if (!family.values[i].is_there()) continue;
    append_bytes(data, kDataPoints, data_point(family.series[i], family.values[i], frame, is_sum));
    ++points;
  }
  if (points == 0) return 0;
  if (is_sum) {
    append_int(data, kSumTemporality, kCumulative);
    append_int(data, kSumIsMonotonic, 1);
  }
  std::string metric;
  append_bytes(metric, kMetricName, family.head.name);
  append_bytes(metric, kMetricDescription, family.head.help);
  append_bytes(metric, kMetricUnit, ucum(family.head));
  append_bytes(metric, is_sum ? kMetricSum : kMetricGauge, data);
  append_bytes(scope, kMetrics, metric);
  return points;
}

}  // namespace

OtlpFormat::OtlpFormat(const MetricLimits& limits, std::string host)
    : host_(std::move(host)),
      devices_(otel_device_families(), otel_device_labels, host_),
      metrics_(limits, host_) {}

std::vector<PushBody> OtlpFormat::encode(const Frame& frame) {
  devices_.update(frame);
  metrics_.update(frame);
  PushBody body;
  std::string about;
  append_bytes(about, 1, "gpuvigil");
  append_bytes(about, 2, version());
  std::string scope;
  append_bytes(scope, kScope, about);
  for (const MetricFamily& family : devices_.families()) {
    body.samples += append_metric(scope, family, frame);
  }
  for (const MetricFamily* family : metrics_.families_without_devices()) {
    body.samples += append_metric(scope, *family, frame);
  }
  std::string resource;
  append_attribute(resource, kResourceAttributes, "service.name", "gpuvigil");
  append_attribute(resource, kResourceAttributes, "service.version", version());
  append_attribute(resource, kResourceAttributes, "host.name", host_);
  std::string all;
  append_bytes(all, kResource, resource);
  append_bytes(all, kScopeMetrics, scope);
  append_bytes(body.bytes, kResourceMetrics, all);
  std::vector<PushBody> bodies;
  bodies.push_back(std::move(body));
  return bodies;
}

std::string_view OtlpFormat::content_type() const {
  return "application/x-protobuf";
}

SendVerdict OtlpFormat::judge(const OutboundResult& result) const {
  const SendVerdict verdict = gpuvigil::judge(result);
  if (verdict != SendVerdict::kRetry || !result) return verdict;
  const long status = result->status;
  const bool may_pass = status == 429 || status == 502 || status == 503 || status == 504;
  return may_pass ? SendVerdict::kRetry : SendVerdict::kDrop;
}

}  // namespace gpuvigil
