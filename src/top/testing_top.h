// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "top/top_reader.h"

/// A machine by hand, as the API would tell of it, for the tests of the screen.
namespace gpuvigil::testing {

inline JsonValue parsed(const std::string& text) {
  auto value = parse_json(text, 1 << 22);
  return value ? *std::move(value) : JsonValue();
}

/// What a name looks like of somebody who means harm to a terminal.
inline constexpr std::string_view kHostileJsonName =
    R"(\u001b[2J\u001b]0;owned\u0007\u202egnp\u0301\u200d核核 \ud83d\ude80\r\n<b>)";

inline JsonValue devices_json(std::size_t count) {
  std::string text = R"({"timestamp":"2026-01-02T03:04:05.000Z","seq":7,"devices":[)";
  for (std::size_t i = 0; i < count; ++i) {
    text += fmt::format(
        R"({}{{"index":{},"uuid":"GPU-{}","name":"NVIDIA H100 80GB HBM3","gpu_utilization":{},
        "memory":{{"used_mb":{},"total_mb":81559}},"temperature_celsius":{},"power_watts":{},
        "power_limit_watts":700,"sm_clock_mhz":1755,"throttle_reasons":[{}],"health":"{}",
        "findings":[{}],"inventory":{{"vendor":"NVIDIA","driver_version":"580.65"}},
        "metrics":{{"sm_active_percent":{},"tensor_active_percent":61,
        "pcie_sent_mb":{},"pcie_received_mb":10,"nvlink_sent_mb":1000,"nvlink_received_mb":1000,
        "performance_state":null}}}})",
        i == 0 ? "" : ",", i, i, i == 1 ? "null" : "92", i == 2 ? 80900 : 12000 + 7000 * i,
        40 + 3 * i, 143.4 + 60 * static_cast<double>(i), i == 0 ? R"("sw_power_cap")" : "",
        i == 3 ? "lost" : "ok",
        i == 3 ? R"({"code":"gone","detail":"no answer","advice":"reset"})" : "",
        i == 1 ? "null" : fmt::format("{}", 92 - 11 * static_cast<int>(i % 8)), 100 * i);
  }
  return parsed(text + "]}");
}

inline JsonValue kernels_json(double scale = 1) {
  std::string text = R"({"kernels":[)";
  const std::string names[] = {
      "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x256x64_warpgroupsize2x1x1_execute",
      "void flash::flash_fwd_kernel", "ncclDevKernel_AllReduce_Sum_bf16_RING_LL",
      std::string(kHostileJsonName), "softmax"};
  for (int i = 0; i < 5; ++i) {
    text += fmt::format(
        R"({}{{"id":"{:016x}","name":"{}","short_name":"{}","total_calls":{},"avg_time_ms":{},
        "total_time_ms":{},"min_time_ms":0.1,"max_time_ms":22.4,"p50_time_ms":{},"p95_time_ms":{},
        "p99_time_ms":{},"share_percent":{},"kind":"{}","devices":[0,1,2,3,{}]}})",
        i == 0 ? "" : ",", i + 1, names[i], names[i], 9800 >> i, 0.318 * scale, 3142.5 / (i + 1),
        0.318 * scale, 0.334 * scale, 12.402 * scale, 31.4 / (i + 1),
        i == 2 ? "collective" : "compute", 5 + i);
  }
  return parsed(text + R"(],"total_kernels":1031,"dropped_executions":12,
      "window":{"from":"2026-01-02T03:03:55Z","to":"2026-01-02T03:04:05Z","coverage":0.93}})");
}

inline JsonValue processes_json() {
  return parsed(fmt::format(R"({{"processes":[
      {{"pid":4711,"user":"ann","command":"python train.py --config {} --lr 3e-4",
        "pod":{{"namespace":"ml","name":"trainer-0"}},"captures":[{{"by":"cuda","blind":null}}],
        "devices":[{{"device":0,"memory_mb":71200,"sm_utilization_percent":91,"total_calls":1200,
                     "kernel_time_ms":5000}},
                   {{"device":1,"memory_mb":512,"sm_utilization_percent":null}}]}},
      {{"pid":4194303,"user":"averylongusername","command":null,"name":"ollama","captures":[],
        "no_kernels_reason":"no agent is in it","devices":[{{"device":2,"memory_mb":1}}]}}],
      "total_processes":2}})",
                            kHostileJsonName));
}

inline TopAnswers answers(std::size_t devices = 4, double scale = 1) {
  return {
      .devices = devices_json(devices),
      .kernels = kernels_json(scale),
      .processes = processes_json(),
      .alerts = parsed(R"({"alerts":[{"severity":"critical","timestamp":"2026-01-02T03:00:00.5Z",
              "message":"GPU 3 is lost"},{"severity":"warning","timestamp":"2026-01-02T03:01:00Z",
              "message":"GPU 2 memory above 95% for 30 seconds"}],"active_alerts":2})"),
      .events = parsed(R"({"events":[{"timestamp":"2026-01-02T03:00:00Z","device":3,
              "severity":"critical","message":"XID 79: GPU has fallen off the bus"}],
              "counts":[{"device":3,"uuid":"GPU-3","kind":"xid","code":79,"count":1}]})"),
      .kernel = {}};
}

/// One kernel in full, the first of kernels_json().
inline JsonValue kernel_json() {
  return parsed(fmt::format(R"({{"id":"0000000000000001","name":"gemm<{}>","kind":"compute",
      "total_calls":9800,"total_time_ms":3142.5,"avg_time_ms":0.318,"min_time_ms":0.1,
      "p50_time_ms":0.318,"p95_time_ms":0.334,"p99_time_ms":0.402,"max_time_ms":22.4,
      "share_percent":31.4,"histogram":{{"buckets":[
      {{"from_ms":0.1,"to_ms":0.2,"count":10}},{{"from_ms":0.2,"to_ms":0.4,"count":9700}},
      {{"from_ms":20.1,"to_ms":null,"count":90}}]}},
      "per_device":[{{"device":0,"total_calls":4900,"total_time_ms":1500,"avg_time_ms":0.3,
      "max_time_ms":22.4}}],
      "per_process":[{{"pid":4711,"total_calls":9800,"total_time_ms":3142.5,"avg_time_ms":0.318,
      "max_time_ms":22.4}}],
      "launch_shapes":[{{"grid":[132,1,1],"block":[384,1,1],"registers":168,"total_calls":9800,
      "total_time_ms":3142.5}}]}})",
                            kHostileJsonName));
}

/// With a history of some seconds behind it.
inline std::shared_ptr<const TopData> machine(std::size_t devices = 4, double scale = 1) {
  TopHistory history;
  TopData data;
  for (int second = 0; second < 40; ++second) {
    data = read_top(answers(devices, scale));
    data.at_seconds += second;
    for (TopDevice& device : data.devices) {
      if (device.busy) *device.busy = std::abs(*device.busy - 7.0 * (second % 11));
      if (device.pcie_sent) *device.pcie_sent += 310.0 * second;
      if (device.nvlink_sent) *device.nvlink_sent += 150'000.0 * second;
    }
    for (TopProcess& process : data.processes) {
      if (process.calls) *process.calls += 980.0 * second;
    }
    history.add(data);
  }
  data.source = "gpu-07:8080";
  return std::make_shared<const TopData>(std::move(data));
}

}  // namespace gpuvigil::testing
