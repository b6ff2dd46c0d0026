// SPDX-License-Identifier: Apache-2.0
// What the API tells of devices, processes and events.
#include <string>

#include <gtest/gtest.h>
#include <simdjson.h>

#include "views/json_views.h"
#include "views/testing_frame.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using simdjson::dom::element;
using testing::absent_device;
using testing::empty_frame;
using testing::full_device;
using testing::kEdge;

struct Parsed {
  explicit Parsed(std::string json) : text(std::move(json)), root(parser.parse(text)) {}
  std::string text;
  simdjson::dom::parser parser;
  element root;
};

/// A frame of two joined devices, the first of which tells everything.
Frame frame_of_two() {
  Frame frame = empty_frame();
  for (const std::uint32_t index : {0U, 1U}) {
    frame.devices.push_back(full_device(index, "nvml"));
    auto facts = std::make_shared<DeviceInventory>();
    facts->vendor = "NVIDIA";
    facts->numa_node = -1;
    facts->ecc_enabled = true;
    facts->peers = {{.uuid = index == 0 ? "GPU-1" : "GPU-0", .path = "nvlink", .nvlinks = 18}};
    frame.devices.back().sample.inventory = facts;
  }
  auto details = std::make_shared<DeviceDetails>();
  double value = 1;
  for (const DeviceMetric& metric : kDeviceMetrics) {
    details->metrics[metric.id] = metric.unit == Unit::kBytes ? 1048576 : value;
  }
  details->findings = {{.code = "xid_79", .detail = "fell off the bus", .advice = "reboot"}};
  details->links = {{.index = 2, .is_active = true, .version = 4, .remote_type = "switch"}};
  frame.devices.front().sample.details = details;
  return frame;
}

TEST(DevicesJson, HoldsTheWholeCatalogueWithUnitsInItsNames) {
  const Frame frame = frame_of_two();
  const Parsed answer(devices_json(frame, {}));
  const element first = answer.root["devices"].at(0);
  EXPECT_EQ(simdjson::minify(first["metrics"]["memory_free_mb"]), "1");
  EXPECT_EQ(simdjson::minify(first["metrics"]["power_instant_watts"]), "1");
  EXPECT_EQ(simdjson::minify(first["metrics"]["retired_pages_pending"]), "true");
  EXPECT_EQ(first["metrics"].get_object().size(), kDeviceMetricCount);
  EXPECT_EQ(simdjson::minify(first["findings"]),
            R"([{"code":"xid_79","detail":"fell off the bus","advice":"reboot"}])");
  EXPECT_EQ(simdjson::minify(first["links"]),
            R"([{"index":2,"active":true,"version":4,"remote_pci_bus_id":null,)"
            R"("remote_type":"switch","sent_mb":null,"received_mb":null,"crc_errors":null,)"
            R"("replay_errors":null,"recovery_errors":null}])");
  EXPECT_EQ(simdjson::minify(first["inventory"]["numa_node"]), "-1");
  EXPECT_EQ(simdjson::minify(first["inventory"]["ecc_enabled"]), "true");
  EXPECT_TRUE(first["inventory"]["serial"].is_null());
  // The second tells no details: every metric is null, and says why.
  const element second = answer.root["devices"].at(1);
  EXPECT_TRUE(second["metrics"]["sm_active_percent"].is_null());
  EXPECT_EQ(std::string_view(second["metrics"]["reasons"]["sm_active_percent"].get_string()),
            "not sampled yet");
}

TEST(DevicesJson, OneOfThemIsItsRowWithAStamp) {
  const Frame frame = frame_of_two();
  const Parsed all(devices_json(frame, DeviceSelection(std::vector<std::uint32_t>{1})));
  const Parsed one(device_json(frame, frame.devices[1]));
  EXPECT_EQ(all.root["devices"].get_array().size(), 1U);
  EXPECT_EQ(one.root["seq"].get_uint64().value(), 3600U);
  for (const auto field : all.root["devices"].at(0).get_object()) {
    EXPECT_EQ(simdjson::minify(field.value), simdjson::minify(one.root[field.key])) << field.key;
  }
}

TEST(DevicesJson, WithoutADeviceSayHowToGetOne) {
  Frame frame = empty_frame();
  frame.no_device_reason = "no driver";
  for (const std::string& text : {devices_json(frame, {}), topology_json(frame)}) {
    const Parsed answer(text);
    EXPECT_EQ(std::string_view(answer.root["reason"].get_string()), "no driver");
  }
}

TEST(TopologyJson, TellsEachPairOnce) {
  const Parsed answer(topology_json(frame_of_two()));
  EXPECT_EQ(simdjson::minify(answer.root["links"]),
            R"([{"from":0,"to":1,"path":"nvlink","nvlinks":18}])");
  EXPECT_EQ(simdjson::minify(answer.root["devices"].at(0)["numa_node"]), "-1");
}

TEST(ProcessesJson, WhatNobodySaidIsNull) {
  Frame frame = frame_of_two();
  frame.processes.push_back({.pid = 7, .who = {}, .captures = {}, .uses = {}});
  ProcessRow known = frame.processes.front();
  auto who = std::make_shared<ProcessInfo>();
  who->name = "<b>train</b>";
  who->uid = 1000;
  who->place.slurm_job = "42";
  known.pid = 8;
  known.who = who;
  known.captures.push_back({.writer = "cuda",
                            .runtime = "CUPTI 13.0.1",
                            .detail = CaptureDetail::kSampledDetail,
                            .blind = {},
                            .cost_percent = 0.25});
  DeviceProcess told;
  told.memory = Bytes(3ULL << 20U);
  known.uses.push_back({.device = 1, .told = told, .calls = 4, .kernel_ns = 1'500'000});
  frame.processes.push_back(known);
  const Parsed answer(processes_json(frame, select_processes(frame, {})));
  EXPECT_EQ(
      simdjson::minify(answer.root["processes"].at(0)),
      R"({"pid":8,"name":"<b>train</b>","user":null,"uid":1000,"parent_pid":null,)"
      R"("started":null,"command":null,"container":null,"pod":null,)"
      R"("slurm":{"job":"42","step":null},"unit":null,)"
      R"("captures":[{"by":"cuda","runtime":"CUPTI 13.0.1","detail":"sampled","blind":null,)"
      R"("cost_percent":0.25,"streams":null}],"no_kernels_reason":null,)"
      R"("devices":[{"device":1,"type":"compute","memory_mb":3,"sm_utilization_percent":null,)"
      R"("memory_utilization_percent":null,"encoder_utilization_percent":null,)"
      R"("decoder_utilization_percent":null,"total_calls":4,"kernel_time_ms":1.5,)"
      R"("allocated_mb":null,"allocated_peak_mb":null}]})");
  const element unknown = answer.root["processes"].at(1);
  EXPECT_TRUE(unknown["name"].is_null());
  EXPECT_TRUE(unknown["no_kernels_reason"].is_string());
  EXPECT_EQ(answer.root["total_processes"].get_uint64().value(), 2U);
}

TEST(EventsJson, NamesTheDeviceAndWhatToDo) {
  Frame frame = frame_of_two();
  auto log = std::make_shared<EventLog>();
  log->events.push_back({.at = kEdge,
                         .uuid = "GPU-1",
                         .kind = "xid",
                         .code = 79,
                         .severity = EventSeverity::kCritical,
                         .message = "GPU has fallen off the bus",
                         .advice = "reboot"});
  log->events.push_back({.at = kEdge,
                         .uuid = {},
                         .kind = "driver",
                         .code = {},
                         .severity = EventSeverity::kInfo,
                         .message = "back",
                         .advice = {}});
  log->counts.push_back(
      {.uuid = "GPU-1", .kind = "xid", .code = 79, .count = 3, .first = kEdge - 1h, .last = kEdge});
  log->total = 4;
  frame.events = log;
  const Parsed answer(events_json(frame, select_events(frame, {})));
  EXPECT_EQ(simdjson::minify(answer.root["events"].at(0)),
            R"({"timestamp":"2026-01-02T03:04:05.678Z","device":1,"uuid":"GPU-1","kind":"xid",)"
            R"("code":79,"severity":"critical","message":"GPU has fallen off the bus",)"
            R"("advice":"reboot"})");
  EXPECT_TRUE(answer.root["events"].at(1)["device"].is_null());
  EXPECT_EQ(simdjson::minify(answer.root["counts"]),
            R"([{"device":1,"uuid":"GPU-1","kind":"xid","code":79,"count":3,)"
            R"("first":"2026-01-02T02:04:05.678Z","last":"2026-01-02T03:04:05.678Z"}])");
  EXPECT_EQ(answer.root["total_events"].get_uint64().value(), 4U);
}

}  // namespace
}  // namespace gpuvigil
