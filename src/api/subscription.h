// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/parameters.h"
#include "api/problem.h"
#include "base/clock.h"
#include "model/frame.h"
#include "net/http.h"

namespace gpuvigil {

/// What one stream client wants to be told. Clients with equal subscriptions share messages.
struct Subscription {
  std::vector<std::string> kernels;                   ///< Globs for `recent_kernels`; empty: any.
  std::optional<std::vector<std::uint32_t>> devices;  ///< Indices; absent: all.
  Duration interval = std::chrono::seconds(1);
  std::size_t recent = 5;
  bool metrics = true;
  bool alerts = true;

  friend bool operator==(const Subscription&, const Subscription&) = default;
  friend auto operator<=>(const Subscription&, const Subscription&) = default;
};

inline constexpr Duration kStreamStep = std::chrono::milliseconds(50);  ///< Intervals' grid.

/// The subscription in the query of an upgrade request, or everything that is wrong with it.
[[nodiscard]] std::expected<Subscription, std::vector<ParameterError>> read_subscription(
    const HttpRequest& request, const Frame& frame);

/// What a client said: a subscription that replaces its last one, or a ping.
struct StreamMessage {
  enum class Type { kSubscribe, kPing } type = Type::kPing;
  Subscription subscription;
};

/// Why a client's message was not taken; the connection stays.
struct StreamRefusal {
  std::string_view code;  ///< "bad_json", "unknown_type" or "bad_subscription".
  std::string detail;
};

[[nodiscard]] std::expected<StreamMessage, StreamRefusal> read_stream_message(std::string_view text,
                                                                              const Frame& frame);

/// `{"type":"subscribed",...}`: what holds now, with the defaults filled in.
[[nodiscard]] std::string subscribed_json(const Subscription& subscription);
[[nodiscard]] std::string stream_error_json(const StreamRefusal& refusal);

}  // namespace gpuvigil
