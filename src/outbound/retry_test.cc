// SPDX-License-Identifier: Apache-2.0
#include "outbound/retry.h"

#include <limits>

#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

OutboundResult status(long code, std::optional<Duration> retry_after = std::nullopt) {
  return OutboundAnswer{.status = code, .body = "", .retry_after = retry_after};
}

OutboundResult fault(OutboundFault what) {
  return std::unexpected(OutboundFailure{.fault = what, .message = ""});
}

TEST(Judge, RetriesWhatMayPassAndDropsWhatWillNot) {
  for (const long good : {200, 202, 204, 299}) {
    EXPECT_EQ(judge(status(good)), Verdict::kDelivered) << good;
  }
  for (const long later : {429, 500, 502, 503, 599}) {
    EXPECT_EQ(judge(status(later)), Verdict::kRetry) << later;
  }
  for (const long never : {100, 301, 302, 400, 401, 404, 413}) {
    EXPECT_EQ(judge(status(never)), Verdict::kDrop) << never;
  }
  EXPECT_EQ(judge(fault(OutboundFault::kUnreachable)), Verdict::kRetry);
  EXPECT_EQ(judge(fault(OutboundFault::kTimeout)), Verdict::kRetry);
  EXPECT_EQ(judge(fault(OutboundFault::kAddressRefused)), Verdict::kRetry);
  EXPECT_EQ(judge(fault(OutboundFault::kBadRequest)), Verdict::kDrop);
}

TEST(RetryDelay, DoublesUpToItsBoundAndNeverUndercutsWhatWasAsked) {
  const Backoff backoff{.first = 1s, .most = 10s};
  const auto gone = fault(OutboundFault::kUnreachable);
  EXPECT_EQ(retry_delay(backoff, 1, 0, gone), 1s);
  EXPECT_EQ(retry_delay(backoff, 2, 0, gone), 2s);
  EXPECT_EQ(retry_delay(backoff, 5, 0, gone), 10s);
  EXPECT_EQ(retry_delay(backoff, 1'000'000, 0, gone), 10s);
  EXPECT_EQ(retry_delay(backoff, 1, 0, status(503, 30s)), 30s);
  EXPECT_EQ(retry_delay(backoff, 5, 0, status(503, 1s)), 10s);
}

TEST(RetryDelay, LosesUpToHalfByChance) {
  const Backoff backoff{.first = 1s, .most = 10s};
  const auto gone = fault(OutboundFault::kUnreachable);
  EXPECT_EQ(retry_delay(backoff, 1, 500'000'000, gone), 500ms);
  for (std::uint64_t random = 1; random < (std::uint64_t{1} << 62U); random *= 3) {
    const Duration delay = retry_delay(backoff, 3, random, gone);
    EXPECT_GE(delay, 2s);
    EXPECT_LE(delay, 4s);
  }
}

}  // namespace
}  // namespace gpuvigil
