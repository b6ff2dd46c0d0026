// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "exporters/push_format.h"

namespace gpuvigil {

/// The value that says "this series has ended": a NaN that no computation gives (Prometheus,
/// model/value.StaleNaN).
inline constexpr std::uint64_t kStaleBits = 0x7FF0000000000002;

/// Prometheus remote-write 1.0: WriteRequest in protocol buffers, compressed as one snappy block.
/// Labels are sorted; a series that was told and is gone gets one stale marker, so that nobody
/// draws its last value on.
///
/// Labels are encoded once for each generation of a family.
class RemoteWriteFormat final : public PushFormat {
 public:
  /// Samples in one request.
  static constexpr std::size_t kMaxSamples = 2000;

  /// `common` stands in every series that has no label of that name: job, instance.
  explicit RemoteWriteFormat(Labels common) : common_(std::move(common)) {}

  [[nodiscard]] std::vector<PushBody> encode(std::span<const MetricFamily* const> families,
                                             Timestamp at) override;
  [[nodiscard]] std::string_view content_type() const override;
  [[nodiscard]] std::vector<OutboundHeader> headers() const override;
  /// 429 and 5xx are tried again, other 4xx never (the specification's "Retries & Backoff").
  [[nodiscard]] Verdict judge(const OutboundResult& result) const override;

 private:
  struct Series {
    std::string labels;  ///< As fields of a TimeSeries.
    bool is_told = false;
  };
  struct Prepared {
    std::uint64_t generation = 0;
    bool is_made = false;
    std::vector<Series> series;
  };
  class Batches;

  [[nodiscard]] std::string encode_labels(const FamilyHead& head, const MetricSeries& series) const;
  /// Makes labels again where they changed; what was told and is gone gets its marker.
  void prepare(const MetricFamily& family, Prepared& made, Batches& out) const;

  const Labels common_;
  std::map<const MetricFamily*, Prepared> prepared_;
};

}  // namespace gpuvigil
