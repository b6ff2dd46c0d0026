// SPDX-License-Identifier: Apache-2.0
#include "collect/device_health.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace gpuvigil {
namespace {

struct Judged {
  Health health;
  HealthFinding finding;
};

/// A metric that is bad news as soon as it is above zero.
struct MetricRule {
  MetricId metric;
  Health health;
  std::string_view code;
  std::string_view detail;
  std::string_view advice;
};

constexpr std::array kMetricRules = {
    MetricRule{MetricId::kRemapFailed, Health::kFailed, "row_remap_failed",
               "a row of memory could not be replaced", "have the device replaced"},
    MetricRule{MetricId::kEccUncorrectedVolatile, Health::kDegraded, "ecc_uncorrected",
               "memory had errors that cannot be corrected since the driver was loaded",
               "reset the device when its work is done"},
    MetricRule{MetricId::kRemapPending, Health::kDegraded, "row_remap_pending",
               "a row of memory waits for a reset to be replaced",
               "reset the device when its work is done"},
    MetricRule{MetricId::kRetiredPagesPending, Health::kDegraded, "page_retirement_pending",
               "a page of memory waits for a restart to be taken out of use",
               "reload the driver or restart the machine when its work is done"},
};

/// A reason for low clocks that is a defect or a fault of the surroundings.
struct ThrottleRule {
  std::uint32_t bit;
  std::string_view code;
  std::string_view detail;
  std::string_view advice;
};

constexpr std::array kThrottleRules = {
    ThrottleRule{kThrottleHwThermal, "hw_thermal_slowdown",
                 "the device is too hot and halved its clocks", "check fans, filters and air flow"},
    ThrottleRule{kThrottleHwPowerBrake, "hw_power_brake",
                 "the power supply told the device to brake", "check the power supply"},
    ThrottleRule{kThrottleSwThermal, "sw_thermal_slowdown",
                 "the driver lowers the clocks because the device is hot",
                 "check fans, filters and air flow"},
};

constexpr std::array<std::string_view, 5> kRecoveryActions = {"none", "gpu_reset", "node_reboot",
                                                              "drain_p2p", "drain_and_reset"};

std::vector<Judged> of_xids(std::span<const RecentXid> xids) {
  std::vector<Judged> judged;
  for (const RecentXid& recent : xids) {
    const Xid& xid = xid_of(recent.number);
    if (!xid.is_device) continue;
    const bool is_critical = xid.severity == EventSeverity::kCritical;
    judged.push_back(
        {is_critical ? Health::kFailed : Health::kDegraded,
         {.code = fmt::format("xid_{}", recent.number),
          .detail = fmt::format("{} (XID {}, {} times)", xid.what, recent.number, recent.count),
          .advice = std::string(xid.advice)}});
  }
  return judged;
}

}  // namespace

std::string_view recovery_action_name(std::uint32_t action) {
  return action < kRecoveryActions.size() ? kRecoveryActions[action] : "unknown";
}

HealthVerdict judge_health(const HealthInputs& inputs) {
  std::vector<Judged> judged = of_xids(inputs.xids);
  const auto add = [&judged](Health health, std::string_view code, std::string_view detail,
                             std::string_view advice) {
    judged.push_back({health,
                      {.code = std::string(code),
                       .detail = std::string(detail),
                       .advice = std::string(advice)}});
  };
  for (const MetricRule& rule : kMetricRules) {
    if (inputs.metrics[rule.metric].value_or(0) > 0) {
      add(rule.health, rule.code, rule.detail, rule.advice);
    }
  }
  const std::uint32_t reasons = inputs.throttle_reasons.value_or(0);
  for (const ThrottleRule& rule : kThrottleRules) {
    if ((reasons & rule.bit) != 0) add(Health::kDegraded, rule.code, rule.detail, rule.advice);
  }
  const auto& slowdown = inputs.metrics[MetricId::kSlowdownTemperature];
  if (inputs.temperature && slowdown && *slowdown > 0 && inputs.temperature->count() >= *slowdown) {
    add(Health::kDegraded, "too_hot", "the device is as hot as where it slows itself down",
        "check fans, filters and air flow");
  }
  if (inputs.recovery_action.value_or(0) != 0) {
    const auto name = recovery_action_name(*inputs.recovery_action);
    add(Health::kFailed, "recovery_action", fmt::format("the driver asks for a recovery: {}", name),
        "do it when its work is done");
  }
  std::ranges::stable_sort(judged, std::ranges::greater{}, &Judged::health);
  HealthVerdict verdict;
  if (!judged.empty()) verdict.health = judged.front().health;
  for (Judged& one : judged) {
    if (verdict.findings.size() == DeviceDetails::kMaxFindings) break;
    verdict.findings.push_back(std::move(one.finding));
  }
  return verdict;
}

}  // namespace gpuvigil
