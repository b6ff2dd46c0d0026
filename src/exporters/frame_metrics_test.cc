// SPDX-License-Identifier: Apache-2.0
#include "exporters/frame_metrics.h"

#include <gtest/gtest.h>

#include "exporters/metrics_text.h"
#include "exporters/testing_frames.h"

namespace gpuvigil {
namespace {

using testing::add_kernel;
using testing::frame_with_devices;

std::string text_of(FrameMetrics& metrics, const Frame& frame) {
  metrics.update(frame);
  MetricsText text;
  return text.write(metrics.families(), TextFormat::kPrometheus);
}

/// What stands behind a line's name and labels; empty where there is no such line.
std::string value_of(const std::string& text, const std::string& series) {
  const auto at = text.find("\n" + series + " ");
  if (at == std::string::npos) return {};
  const auto from = at + series.size() + 2;
  return text.substr(from, text.find('\n', from) - from);
}

TEST(FrameMetrics, TellKernelsWithAllOthersInOne) {
  Frame frame = frame_with_devices(1);
  add_kernel(frame, "gemm", 3, 1'500'000'000);
  add_kernel(frame, "relu", 5, 7);
  FrameMetrics metrics({.top_kernels = 1}, "node1");
  const std::string text = text_of(metrics, frame);
  const std::string id = format_kernel_id(make_kernel_name("gemm")->id);
  const std::string labels = R"({kernel="gemm",id=")" + id + R"(",kind="compute")";
  EXPECT_EQ(value_of(text, "gpuvigil_kernel_calls_total" + labels + "}"), "3");
  EXPECT_EQ(value_of(text, "gpuvigil_kernel_seconds_total" + labels + "}"), "1.5");
  EXPECT_EQ(
      value_of(text, "gpuvigil_kernel_duration_quantile_seconds" + labels + R"(,quantile="0.95"})"),
      "0.0000002");
  EXPECT_EQ(value_of(text, R"(gpuvigil_kernel_calls_total{kernel="__other__",kind="compute"})"),
            "5");
  EXPECT_EQ(value_of(text, R"(gpuvigil_kernel_seconds_total{kernel="__other__",kind="compute"})"),
            "0.000000007");
  EXPECT_EQ(value_of(text, R"(gpuvigil_metrics_left_out{section="kernels"})"), "1");
}

TEST(FrameMetrics, TellAlertsThatFireAndNoOthers) {
  Frame frame = frame_with_devices(1);
  for (const AlertState state :
       {AlertState::kFiring, AlertState::kPending, AlertState::kResolved}) {
    frame.alerts.push_back({.rule = "hot",
                            .severity = Severity::kCritical,
                            .state = state,
                            .metric = "temperature",
                            .uuid = "GPU-0"});
  }
  FrameMetrics metrics({}, "node1");
  const std::string text = text_of(metrics, frame);
  EXPECT_EQ(value_of(text, R"(gpuvigil_alerts_firing{severity="critical"})"), "1");
  EXPECT_EQ(value_of(text, R"(gpuvigil_alerts_firing{severity="warning"})"), "0");
  const std::string hot = R"(gpuvigil_alert_firing{rule="hot",severity="critical",)"
                          R"(metric="temperature",gpu="0",uuid="GPU-0"})";
  EXPECT_EQ(value_of(text, hot), "1");
  frame.alerts.clear();
  EXPECT_EQ(text_of(metrics, frame).find("gpuvigil_alert_firing"), std::string::npos);
}

TEST(FrameMetrics, KeepTheProcessesWithTheMostMemoryAndCountTheRest) {
  Frame frame = frame_with_devices(1);
  for (std::uint32_t pid = 1; pid <= 5; ++pid) {
    ProcessRow row{.pid = pid};
    auto who = std::make_shared<ProcessInfo>();
    who->name = "train";
    row.who = who;
    DeviceProcess told{.pid = pid};
    told.memory = Bytes(pid * 1000);
    told.sm_utilization = Percent(50);
    row.uses.push_back({.device = 0, .told = told, .calls = 7, .kernel_ns = 1'000'000'000});
    frame.processes.push_back(row);
  }
  FrameMetrics metrics({.processes = 2}, "node1");
  const std::string text = text_of(metrics, frame);
  const std::string five = R"({pid="5",process="train",gpu="0",uuid="GPU-0"})";
  EXPECT_EQ(value_of(text, "gpuvigil_process_memory_used_bytes" + five), "5000");
  EXPECT_EQ(value_of(text, "gpuvigil_process_sm_utilization_ratio" + five), "0.5");
  EXPECT_EQ(value_of(text, "gpuvigil_process_kernel_calls_total" + five), "7");
  EXPECT_EQ(value_of(text, "gpuvigil_process_kernel_seconds_total" + five), "1");
  EXPECT_EQ(text.find(R"(pid="3")"), std::string::npos);
  EXPECT_EQ(value_of(text, R"(gpuvigil_metrics_left_out{section="processes"})"), "3");
}

TEST(FrameMetrics, TellLossesEventsAndDrivers) {
  Frame frame = frame_with_devices(1);
  frame.losses.add(Loss::kSamplesLate, 4);
  frame.backends.push_back({.name = "nvml", .state = BackendState::kHung, .calls_failed = 9});
  auto events = std::make_shared<EventLog>();
  events->counts.push_back({.uuid = "GPU-0",
                            .kind = "xid",
                            .code = 79,
                            .count = 2,
                            .first = testing::kEdge,
                            .last = testing::kEdge});
  frame.events = events;
  FrameMetrics metrics({}, "node1");
  const std::string text = text_of(metrics, frame);
  EXPECT_EQ(value_of(text, R"(gpuvigil_losses_total{kind="samples_late"})"), "4");
  EXPECT_EQ(value_of(text, R"(gpuvigil_losses_total{kind="events_dropped"})"), "0");
  EXPECT_EQ(value_of(text, R"(gpuvigil_backend_up{backend="nvml"})"), "0");
  EXPECT_EQ(value_of(text, R"(gpuvigil_backend_calls_failed_total{backend="nvml"})"), "9");
  EXPECT_EQ(value_of(text, R"(gpuvigil_gpu_events_total{uuid="GPU-0",kind="xid",code="79"})"), "2");
  EXPECT_EQ(
      value_of(text,
               R"(gpuvigil_gpu_event_last_timestamp_seconds{uuid="GPU-0",kind="xid",code="79"})"),
      "1767323045.678");
  EXPECT_EQ(value_of(text, "gpuvigil_gpus"), "1");
}

/// Reliability: whoever chooses names of kernels chooses neither how many series there are nor how
/// long an answer is.
TEST(FrameMetrics, StayBoundedWhateverKernelsAreCalled) {
  Frame frame = frame_with_devices(8);
  std::vector<KernelRow> rows;
  for (int i = 0; i < 1000; ++i) {
    KernelRow row{.name = make_kernel_name(std::to_string(i) + std::string(1636, '"') + "\xFF\n")};
    row.counters.calls = 1;
    row.counters.sum_ns = static_cast<std::uint64_t>(i);
    rows.push_back(std::move(row));
  }
  std::ranges::sort(rows, {}, [](const KernelRow& row) { return row.name->name; });
  frame.kernels = std::move(rows);
  FrameMetrics metrics({}, "node1");
  const std::string text = text_of(metrics, frame);
  EXPECT_LT(text.size(), 2'000'000);
  EXPECT_EQ(value_of(text, R"(gpuvigil_kernel_calls_total{kernel="__other__",kind="compute"})"),
            "950");
}

}  // namespace
}  // namespace gpuvigil
