// SPDX-License-Identifier: Apache-2.0
#include "views/json_views.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <simdjson.h>

#include "base/decimal.h"
#include "views/testing_frame.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using simdjson::dom::element;
using testing::absent_device;
using testing::add_kernel;
using testing::alert;
using testing::empty_frame;
using testing::full_device;
using testing::kEdge;
using testing::kernel;

/// A JSON text read by an independent parser; the text and its parser live as long as this.
struct Parsed {
  explicit Parsed(std::string json) : text(std::move(json)), root(parser.parse(text)) {}
  std::string text;
  simdjson::dom::parser parser;
  element root;
};

std::string keys(element object) {
  std::string joined;
  for (const auto field : object.get_object()) {
    joined += std::string(joined.empty() ? "" : " ") + std::string(field.key);
  }
  return joined;
}

std::string_view text_of(element value) {
  return value.get_string();
}

KernelList list_of(std::vector<KernelStats> rows) {
  KernelList list;
  list.rows = std::move(rows);
  list.total_kernels = 34;
  list.window = {kEdge - 3600s, kEdge, 1.0};
  return list;
}

TEST(StatusJson, IsWhatTheContractSays) {
  Frame frame = empty_frame();
  frame.devices.push_back(full_device(0, "nvml"));
  EXPECT_EQ(status_json(frame),
            R"({"timestamp":"2026-01-02T03:04:05.678Z","seq":3600,"gpu_utilization":73.5,)"
            R"("memory":{"used_mb":2048,"total_mb":8192,"percent":25},"uptime_seconds":3600,)"
            R"("devices":[{"index":0,"uuid":"GPU-0","name":"NVIDIA H100 80GB HBM3",)"
            R"("gpu_utilization":73.5,"kernel_busy_percent":71.9,)"
            R"("memory":{"used_mb":2048,"total_mb":8192,"percent":25},)"
            R"("temperature_celsius":61,"power_watts":251.3,"power_limit_watts":400,)"
            R"("sm_clock_mhz":1410,"memory_clock_mhz":1593,)"
            R"("throttle_reasons":["sw_power_cap","sw_thermal_slowdown"],)"
            R"("health":"ok","source":"nvml","processes":3}]})");
}

TEST(StatusJson, WhatIsNotThereIsNullWithItsReason) {
  Frame frame = empty_frame();
  frame.devices.push_back(absent_device(0, Missing::kLost));
  const Parsed status(status_json(frame));
  EXPECT_TRUE(status.root["gpu_utilization"].is_null());
  EXPECT_EQ(text_of(status.root["reasons"]["gpu_utilization"]), "lost");
  EXPECT_EQ(text_of(status.root["memory"]["reasons"]["used_mb"]), "lost");
  const element device = status.root["devices"].at(0);
  EXPECT_EQ(text_of(device["health"]), "lost");
  EXPECT_EQ(keys(device["memory"]), "used_mb total_mb percent reasons");
  EXPECT_TRUE(device["memory"]["percent"].is_null());
  EXPECT_EQ(keys(device["reasons"]),
            "gpu_utilization kernel_busy_percent temperature_celsius power_watts "
            "power_limit_watts sm_clock_mhz memory_clock_mhz throttle_reasons processes");
  for (const auto field : device["reasons"].get_object()) {
    EXPECT_EQ(text_of(field.value), "lost");
    EXPECT_TRUE(device[field.key].is_null()) << field.key;
  }
}

TEST(StatusJson, WithoutADeviceItSaysHowToGetOne) {
  Frame frame = empty_frame();
  frame.no_device_reason = "no NVIDIA driver; try --demo";
  EXPECT_EQ(status_json(frame),
            R"({"timestamp":"2026-01-02T03:04:05.678Z","seq":3600,"gpu_utilization":null,)"
            R"("memory":{"used_mb":null,"total_mb":null,"percent":null,"reasons":)"
            R"({"used_mb":"not sampled yet","total_mb":"not sampled yet",)"
            R"("percent":"not sampled yet"}},"uptime_seconds":3600,"devices":[],)"
            R"("reason":"no NVIDIA driver; try --demo"})");
}

TEST(StatusJson, TotalsAreOverTheSelectedDevicesThatHaveTheValue) {
  Frame frame = empty_frame();
  frame.devices = {full_device(0, "nvml"), absent_device(1, Missing::kStale),
                   full_device(2, "nvml")};
  frame.devices[2].sample.gpu_utilization = Percent(20.5);
  frame.devices[2].sample.memory_total = missing(Missing::kUnsupported);
  const auto f = [&](const DeviceSelection& selection, std::string_view want) {
    const Parsed status(status_json(frame, selection));
    std::string devices;
    for (const element device : status.root["devices"].get_array()) {
      devices += simdjson::minify(device["index"]);
    }
    EXPECT_EQ(simdjson::minify(status.root["gpu_utilization"]) + " " +
                  simdjson::minify(status.root["memory"]["used_mb"]) + "/" +
                  simdjson::minify(status.root["memory"]["total_mb"]) + " " +
                  simdjson::minify(status.root["memory"]["percent"]) + " " + devices,
              want);
  };
  f({}, "47 4096/8192 25 012");
  f({{0}}, "73.5 2048/8192 25 0");
  f({{2}}, "20.5 2048/null null 2");
  f({{1}}, "null null/null null 1");
  f({{2, 0}}, "47 4096/8192 25 02");
}

TEST(StatusJson, UtilizationOfARecordingIsKernelBusy) {
  Frame frame = empty_frame();
  frame.devices.push_back(full_device(0, "replay"));
  frame.devices[0].sample.gpu_utilization = missing(Missing::kNotRecorded);
  const Parsed status(status_json(frame));
  EXPECT_EQ(simdjson::minify(status.root["gpu_utilization"]), "71.9");
  EXPECT_EQ(text_of(status.root["devices"].at(0)["source"]), "replay");
  EXPECT_EQ(simdjson::minify(status.root["devices"].at(0)["gpu_utilization"]), "71.9");
  frame.devices[0].kernel_busy = missing(Missing::kRecordingEnded);
  const Parsed ended(status_json(frame));
  EXPECT_EQ(text_of(ended.root["reasons"]["gpu_utilization"]), "recording ended");
}

TEST(KernelsJson, IsWhatTheContractSays) {
  Frame frame = empty_frame();
  frame.losses.add(Loss::kExecutionsUnreadable, 7);
  auto stats = kernel("void gemm<int>(float*)", 1523, 220'835'000);
  stats.counters.sum_squares_ns2 = 0;
  stats.counters.memory_calls = 2;
  stats.counters.memory_bytes = 256ULL << 20U;
  EXPECT_EQ(
      kernels_json(frame, list_of({stats})),
      R"({"timestamp":"2026-01-02T03:04:05.678Z","seq":3600,"kernels":[{"id":")" +
          format_kernel_id(stats.name->id) +
          R"j(","name":"void gemm\u003cint\u003e(float*)","short_name":"gemm\u003c...\u003e",)j"
          R"("total_calls":1523,"avg_time_ms":0.145,"total_time_ms":220.835,"min_time_ms":0.1,)"
          R"("max_time_ms":2.5,"p50_time_ms":0.145001,"p95_time_ms":0.19,"p99_time_ms":2.4,)"
          R"("stddev_time_ms":0,"avg_memory_mb":128,)"
          R"("last_execution":"2026-01-02T03:04:05.677750Z","share_percent":62.5,)"
          R"("kind":"compute","devices":[0,1]}],"total_kernels":34,"dropped_executions":7,)"
          R"("window":{"from":"2026-01-02T02:04:05.678Z","to":"2026-01-02T03:04:05.678Z",)"
          R"("coverage":1}})");
}

TEST(KernelsJson, WithoutCallsThereAreNoTimes) {
  const Parsed answer(kernels_json(empty_frame(), list_of({kernel("idle", 0, 0)})));
  const element row = answer.root["kernels"].at(0);
  for (const std::string_view field :
       {"avg_time_ms", "min_time_ms", "max_time_ms", "p50_time_ms", "p95_time_ms", "p99_time_ms",
        "stddev_time_ms", "avg_memory_mb", "last_execution"}) {
    EXPECT_TRUE(row[field].is_null()) << field;
  }
  EXPECT_EQ(simdjson::minify(row["total_calls"]), "0");
}

RC_GTEST_PROP(KernelsJson, TimesComeBackToTheNanosecond,
              (std::uint32_t calls, std::uint32_t sum, std::uint32_t low, std::uint32_t high)) {
  auto stats = kernel("k", calls, sum);
  stats.counters.min_ns = low;
  stats.counters.max_ns = high;
  const Parsed answer(kernels_json(empty_frame(), list_of({stats})));
  const element row = answer.root["kernels"].at(0);
  const auto ns = [&](std::string_view field) {
    return parse_scaled(simdjson::minify(row[field]), 6).value_or(-1);
  };
  RC_ASSERT(ns("total_time_ms") == sum);
  if (calls == 0) return;
  RC_ASSERT(ns("min_time_ms") == low);
  RC_ASSERT(ns("max_time_ms") == high);
  RC_ASSERT(ns("avg_time_ms") == std::llround(static_cast<double>(sum) / calls));
}

TEST(KernelDetailJson, HasTheRecordItsHistogramAndItsSplits) {
  Frame frame = empty_frame();
  KernelDetail detail;
  detail.stats = kernel("sgemm", 3, 3000);
  detail.stats.devices = {1};
  detail.window = {kEdge - 1s, kEdge, 0.5};
  detail.sketch.add(5);
  detail.sketch.add(5);
  detail.sketch.add(UINT64_MAX / 2);
  SeriesRow& series = detail.devices.emplace_back();
  series.device = 1;
  series.counters = detail.stats.counters;
  for (std::uint64_t i = 0; i < 3; ++i) {
    frame.recent.push_back({.name = detail.stats.name,
                            .device = i == 2 ? 0U : 1U,
                            .end = kEdge,
                            .duration = 312us,
                            .memory = {},
                            .order = i});
  }
  frame.recent.push_back({.name = make_kernel_name("other"), .device = 1, .memory = {}});
  frame.recent[1].memory = Bytes(1ULL << 20U);

  const Parsed answer(kernel_detail_json(frame, detail));
  EXPECT_EQ(keys(answer.root),
            "timestamp seq id name short_name total_calls avg_time_ms total_time_ms min_time_ms "
            "max_time_ms p50_time_ms p95_time_ms p99_time_ms stddev_time_ms avg_memory_mb "
            "last_execution share_percent kind devices histogram per_device per_process "
            "launch_shapes reasons last_executions window");
  EXPECT_EQ(simdjson::minify(answer.root["histogram"]),
            R"({"scheme":1,"buckets":[{"from_ms":5e-06,"to_ms":6e-06,"count":2},)"
            R"({"from_ms":274877.906944,"to_ms":null,"count":1}]})");
  EXPECT_EQ(keys(answer.root["per_device"].at(0)),
            "device total_calls avg_time_ms total_time_ms min_time_ms max_time_ms p50_time_ms "
            "p95_time_ms p99_time_ms stddev_time_ms avg_memory_mb last_execution");
  EXPECT_TRUE(answer.root["per_process"].is_null());
  EXPECT_EQ(simdjson::minify(answer.root["reasons"]),
            R"({"per_process":"unsupported","launch_shapes":"unsupported"})");
  EXPECT_EQ(simdjson::minify(answer.root["last_executions"]),
            R"([{"timestamp":"2026-01-02T03:04:05.678Z","duration_ms":0.312,"device":1,)"
            R"("memory_mb":null},{"timestamp":"2026-01-02T03:04:05.678Z","duration_ms":0.312,)"
            R"("device":1,"memory_mb":1}])");
}

TEST(AlertsJson, IsWhatTheContractSays) {
  Frame frame = empty_frame();
  frame.alerts = {alert("a1", AlertState::kFiring), alert("a2", AlertState::kFiring),
                  alert("a3", AlertState::kResolved)};
  frame.alerts_today = 7;
  const std::vector<const Alert*> selected = {&frame.alerts[0]};
  EXPECT_EQ(alerts_json(frame, selected),
            R"({"timestamp":"2026-01-02T03:04:05.678Z","seq":3600,"alerts":[{"id":"a1",)"
            R"("rule":"high_gpu_utilization","severity":"warning","state":"firing",)"
            R"("message":"GPU 0 utilization above 90% for 30 seconds",)"
            R"("timestamp":"2026-01-02T03:02:50.678Z","resolved_at":null,)"
            R"("metric":"gpu_utilization","value":92.3,"threshold":90,"device":0,)"
            R"("uuid":"GPU-0","acknowledged":false,"acknowledged_by":null,"kernel":null,)"
            R"("labels":{},"runbook":null,"notify":false,"silenced":false,"inhibited":false}],)"
            R"("active_alerts":2,"total_alerts_today":7})");
  frame.alerts[0].uuid.clear();
  frame.alerts[0].labels = {{"team", "a\"b"}};
  const Parsed of_machine(alert_json(frame.alerts[0]));
  EXPECT_TRUE(of_machine.root["alert"]["device"].is_null());
  EXPECT_TRUE(of_machine.root["alert"]["uuid"].is_null());
  EXPECT_EQ(text_of(of_machine.root["alert"]["labels"]["team"]), "a\"b");
  const Parsed resolved(alert_json(frame.alerts[2]));
  EXPECT_EQ(text_of(resolved.root["type"]), "alert");
  EXPECT_EQ(text_of(resolved.root["alert"]["resolved_at"]), "2026-01-02T03:04:05.678Z");
}

TEST(ReportJson, IsWhatTheContractSays) {
  Frame frame = empty_frame();
  frame.devices = {full_device(0, "nvml"), absent_device(1, Missing::kNotSampled)};
  const auto gemm = kernel("gemm", 3, 3'000'000);
  add_kernel(frame, gemm);
  add_kernel(frame, kernel("ncclAllReduce", 1, 500'000));
  auto copy = kernel("Memcpy HtoD", 100, 100'000'000);
  copy.kind = KernelKind::kMemcpy;
  add_kernel(frame, copy);
  frame.alerts = {alert("a1", AlertState::kFiring), alert("a2", AlertState::kPending)};
  frame.memory_reuse = {.largest_overlap_bytes = 321, .total_bytes = 1000, .executions = 4};

  const Parsed report(report_json(frame, list_of({gemm})));
  EXPECT_EQ(keys(report.root),
            "timestamp seq gpu_status top_kernels active_alerts devices summary losses window");
  EXPECT_EQ(simdjson::minify(report.root["gpu_status"]), status_json(frame));
  EXPECT_EQ(report.root["top_kernels"].get_array().size(), 1U);
  EXPECT_EQ(report.root["active_alerts"].get_array().size(), 1U);
  EXPECT_EQ(simdjson::minify(report.root["devices"]),
            R"([{"index":0,"uuid":"GPU-0","kernel_busy_ms":750,"gpu_busy_ms":800.000001,)"
            R"("span_ms":1000,"covered_ms":2000,"utilization_percent":75},)"
            R"({"index":1,"uuid":"GPU-1","kernel_busy_ms":0,"gpu_busy_ms":0,"span_ms":null,)"
            R"("covered_ms":0,"utilization_percent":null}])");
  EXPECT_EQ(simdjson::minify(report.root["summary"]),
            R"({"total_kernel_calls":4,"total_gpu_time_ms":3.5,"avg_kernel_time_ms":0.875,)"
            R"("memory_efficiency":"67.9% reuse potential"})");
}

TEST(ReportJson, OfNothingIsNullsAndNotZeros) {
  const Parsed report(report_json(empty_frame(), list_of({})));
  EXPECT_EQ(simdjson::minify(report.root["summary"]),
            R"({"total_kernel_calls":0,"total_gpu_time_ms":0,"avg_kernel_time_ms":null,)"
            R"("memory_efficiency":"n/a"})");
  for (const auto field : report.root["losses"].get_object()) {
    EXPECT_EQ(simdjson::minify(field.value), "0");
  }
}

TEST(MetricsJson, IsWhatTheContractSays) {
  Frame frame = empty_frame();
  frame.devices = {full_device(0, "nvml"), absent_device(1, Missing::kStale)};
  frame.recent.push_back({.name = make_kernel_name("conv2d"),
                          .device = 0,
                          .end = kEdge,
                          .duration = 312us,
                          .memory = {}});
  std::string message = begin_metrics_json(frame, {{}, {&frame.recent[0]}});
  end_metrics_json(message, 12);
  EXPECT_EQ(message,
            R"({"type":"gpu_metrics","timestamp":"2026-01-02T03:04:05.678Z","seq":3600,)"
            R"("gpu_utilization":73.5,"memory_used_mb":2048,"recent_kernels":[{"name":"conv2d",)"
            R"("duration_ms":0.312,"id":")" +
                format_kernel_id(frame.recent[0].name->id) +
                R"(","device":0,"timestamp":"2026-01-02T03:04:05.678Z"}],"devices":[{"index":0,)"
                R"("gpu_utilization":73.5,"memory_used_mb":2048,"power_watts":251.3,)"
                R"("temperature_celsius":61},{"index":1,"gpu_utilization":null,)"
                R"("memory_used_mb":null,"power_watts":null,"temperature_celsius":null}],)"
                R"("dropped":12})");
  const std::string other = begin_metrics_json(frame, {{{1}}, {}}) + "}";
  EXPECT_EQ(Parsed(other).root["devices"].get_array().size(), 1U);
}

TEST(JsonViews, HostileNamesAreOnlyText) {
  for (const std::string_view name : testing::kHostileNames) {
    Frame frame = empty_frame();
    frame.devices.push_back(full_device(0, "nvml"));
    auto info = std::make_shared<DeviceInfo>(*frame.devices[0].info);
    info->name = name;
    info->uuid = name;
    frame.devices[0].info = info;
    frame.alerts.push_back(alert(std::string(name), AlertState::kFiring));
    frame.alerts[0].message = name;
    const auto stats = kernel(name, 1, 1);
    frame.recent.push_back({.name = stats.name, .memory = {}});

    const KernelList list = list_of({stats});
    const Parsed report(report_json(frame, list));
    EXPECT_EQ(report.text.find_first_of("<>&\x1b\n"), std::string::npos);
    EXPECT_EQ(text_of(report.root["top_kernels"].at(0)["name"]), stats.name->name);
    const std::vector<const Alert*> selected = {&frame.alerts[0]};
    for (const std::string& text :
         {status_json(frame), kernels_json(frame, list), alerts_json(frame, selected),
          kernel_detail_json(frame, {.stats = stats, .window = {}, .sketch = {}, .devices = {}}),
          begin_metrics_json(frame, {{}, {&frame.recent[0]}}) + "}", alert_json(frame.alerts[0])}) {
      EXPECT_EQ(Parsed(text).text.find_first_of("<>&\x1b\n"), std::string::npos);
    }
  }
}

TEST(Summary, MeansAreRoundedHalfUp) {
  EXPECT_EQ(rounded_mean(10, 4), 3U);
  EXPECT_EQ(rounded_mean(9, 4), 2U);
  EXPECT_EQ(rounded_mean(4, 3), 1U);
  EXPECT_EQ(rounded_mean(5, 3), 2U);
  EXPECT_EQ(rounded_mean(UINT64_MAX, 1), UINT64_MAX);
  EXPECT_EQ(rounded_mean(UINT64_MAX, UINT64_MAX), 1U);
}

TEST(Summary, ReusePotentialIsAShareWithOneDecimal) {
  EXPECT_EQ(memory_efficiency({.largest_overlap_bytes = 1, .total_bytes = 3, .executions = 2}),
            "66.7% reuse potential");
  EXPECT_EQ(memory_efficiency({.largest_overlap_bytes = 3, .total_bytes = 3, .executions = 1}),
            "0.0% reuse potential");
  EXPECT_EQ(memory_efficiency({}), "n/a");
  EXPECT_EQ(memory_efficiency({.executions = 5}), "n/a") << "they carried nothing";
}

}  // namespace
}  // namespace gpuvigil
