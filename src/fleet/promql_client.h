// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "outbound/outbound_client.h"

namespace gpuvigil {

/// One series of an answer.
struct PromSeries {
  struct Point {
    std::int64_t at_ms = 0;
    double value = 0;
  };
  std::map<std::string, std::string, std::less<>> labels;
  std::vector<Point> points;  ///< In order; of an instant query: one.

  /// Empty: there is none.
  [[nodiscard]] std::string_view label(std::string_view name) const;
};

/// Points in time, all of them asked at once.
struct PromRange {
  Timestamp first{};
  Duration step{};  ///< Whole seconds.
  std::size_t points = 0;
};

/// Reads what `/api/v1/query` and `/api/v1/query_range` answer.
/// Errors: kCorrupt for what is no such answer; kTooLarge beyond the sizes below.
[[nodiscard]] Result<std::vector<PromSeries>> parse_prom_answer(std::string_view body);

/// The query API of Prometheus, as VictoriaMetrics, Mimir and Thanos have it too.
///
/// Threading: one thread at a time, except cancel().
class PromqlClient {
 public:
  static constexpr std::size_t kMaxAnswerBytes = std::size_t{8} << 20U;
  /// Prometheus gives 11 000 at most.
  static constexpr std::size_t kMaxPoints = 10'000;

  struct Options {
    OutboundUrl base;           ///< Without "/api/v1".
    Secret authorization = {};  ///< The value of Authorization; empty: none is sent.
    OutboundOptions outbound = {};
  };

  /// Errors: kInvalidArgument when the URL becomes too long; those of OutboundClient::open().
  [[nodiscard]] static Result<std::unique_ptr<PromqlClient>> open(Options options);

  /// What an expression is at one instant.
  /// Errors: kTimeout; kUnavailable when nobody answers or lets us in; kTooLarge for an answer that
  /// is too large for either side; kCorrupt.
  [[nodiscard]] Result<std::vector<PromSeries>> query(std::string_view expression, Timestamp at);

  /// The same at many; at most kMaxPoints.
  [[nodiscard]] Result<std::vector<PromSeries>> query_range(std::string_view expression,
                                                            const PromRange& range);

  void cancel() { client_->cancel(); }
  [[nodiscard]] const std::string& origin() const { return query_url_.origin(); }

 private:
  PromqlClient(OutboundUrl query_url, OutboundUrl range_url, Secret authorization,
               std::unique_ptr<OutboundClient> client);
  [[nodiscard]] Result<std::vector<PromSeries>> ask(const OutboundUrl& url, std::string body);

  const OutboundUrl query_url_;
  const OutboundUrl range_url_;
  const Secret authorization_;
  const std::unique_ptr<OutboundClient> client_;
};

}  // namespace gpuvigil
