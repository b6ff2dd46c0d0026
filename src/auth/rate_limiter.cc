// SPDX-License-Identifier: Apache-2.0
#include "auth/rate_limiter.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace gpuvigil {
namespace {

constexpr double kSlowest = 0.001;
constexpr double kFastest = 1'000'000;

template <class Number>
bool parse_whole(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

RateLimiter::Verdict RateLimiter::take(std::string_view client, const Rate& rate, Timestamp now) {
  const Duration one(std::max<std::int64_t>(std::llround(1e9 / rate.per_second), 1));
  const Duration whole = one * rate.burst;
  Timestamp& full_at = bucket(client, now);
  const Timestamp next = std::max(full_at, now) + one;
  if (next - now > whole)
    return {.allowed = false, .remaining = 0, .retry_after = next - now - whole};
  full_at = next;
  return {.allowed = true,
          .remaining = static_cast<std::uint32_t>((whole - (next - now)) / one),
          .retry_after = {}};
}

Timestamp& RateLimiter::bucket(std::string_view client, Timestamp now) {
  if (const auto known = full_at_.find(client); known != full_at_.end()) return known->second;
  if (full_at_.size() >= kMaxClients) {
    // A full bucket is as good as none.
    std::erase_if(full_at_, [&](const auto& entry) { return entry.second <= now; });
  }
  if (full_at_.size() >= kMaxClients) {
    ++crowded_;
    return crowd_full_at_;
  }
  return full_at_.emplace(std::string(client), now).first->second;
}

std::optional<Rate> parse_rate(std::string_view text) {
  const std::string_view first = text.substr(0, text.find(':'));
  Rate rate;
  if (!parse_whole(first, rate.per_second)) return std::nullopt;
  if (!(rate.per_second >= kSlowest && rate.per_second <= kFastest)) return std::nullopt;
  if (first.size() == text.size()) {
    rate.burst = std::max(1U, static_cast<std::uint32_t>(std::lround(5 * rate.per_second)));
    return rate;
  }
  if (!parse_whole(text.substr(first.size() + 1), rate.burst)) return std::nullopt;
  if (rate.burst < 1 || rate.burst > kFastest) return std::nullopt;
  return rate;
}

std::string to_string(const Rate& rate) {
  return fmt::format("{}:{}", rate.per_second, rate.burst);
}

}  // namespace gpuvigil
