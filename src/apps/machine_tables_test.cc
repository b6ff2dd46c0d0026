// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "apps/tables.h"

namespace gpuvigil {
namespace {

JsonValue json(std::string_view text) {
  auto value = parse_json(text, 1 << 20);
  EXPECT_TRUE(value) << text;
  return value ? *value : JsonValue();
}

void expect_lines(const std::string& text, std::vector<std::string_view> wants) {
  for (const auto want : wants)
    EXPECT_NE(text.find(want), std::string::npos) << want << "\n" << text;
}

TEST(ProcessesTable, ARowForEachDeviceAndAReasonForWhatIsNotSeen) {
  const std::string table = processes_table(json(
      R"({"processes":[
          {"pid":41,"user":"ann","command":"python train.py","pod":null,"unit":null,
           "slurm":{"job":"77","step":null},"no_kernels_reason":null,
           "captures":[{"by":"cuda","detail":"sampled","blind":null}],
           "devices":[{"device":0,"memory_mb":512,"sm_utilization_percent":40,"total_calls":1234,
                       "kernel_time_ms":1.5},
                      {"device":1,"memory_mb":null,"total_calls":null,"kernel_time_ms":null}]},
          {"pid":42,"user":null,"command":null,"name":"ollama","captures":[],
           "no_kernels_reason":"no agent","devices":[{"device":0,"memory_mb":1}]},
          {"pid":43,"user":"bob","command":"x","captures":[{"by":"cuda","blind":"a profiler"}],
           "container":{"id":"0123456789abcdef"},
           "no_kernels_reason":"no agent","devices":[{"device":0}]}],
          "total_processes":9})"));
  expect_lines(table, {"41", "ann", "512 MiB", "40.0%", "1,234", "1.50 ms", "cuda(sampled)",
                       "job 77", "python train.py", "ollama", "cuda(blind)", "0123456789ab ",
                       "kernels are not seen of 42, 43: no agent\n", "3 of 9 processes\n"});
  EXPECT_EQ(std::ranges::count(table, '\n'), 7) << table;
  expect_lines(processes_table(json(R"({"demo":true,"processes":[],"total_processes":0})")),
               {"DEMO: simulated machine\nno process uses a device", "0 of 0 processes"});
}

TEST(DevicesTable, WholeUuidsInAHundredColumns) {
  const std::string table = devices_table(json(
      R"({"devices":[{"index":3,"uuid":"GPU-5a0c3c51-86b4-4d8d-a0c1-6f1c6d9d8a10",
          "name":"NVIDIA H100 80GB HBM3 of a very long name","gpu_utilization":100,
          "memory":{"used_mb":72909,"total_mb":81559},"temperature_celsius":45,"power_watts":349.6,
          "health":"warning",
          "findings":[{"code":"ecc","detail":"2 rows","advice":"reset it"}]}]})"));
  expect_lines(table,
               {"100%", "71.2/79.6 GiB", "45", "350", "warning",
                "GPU-5a0c3c51-86b4-4d8d-a0c1-6f1c6d9d8a10\n", "GPU 3: ecc: 2 rows; reset it\n"});
  for (std::size_t begin = 0; begin < table.size();) {
    const std::size_t end = table.find('\n', begin);
    EXPECT_LE(end - begin, 101U) << table;  // of which the degree sign takes two
    begin = end + 1;
  }
  EXPECT_EQ(devices_table(json(R"({"devices":[],"reason":"none"})")), "no device: none\n");
}

TEST(EventsTable, AdviceIsGivenOnceForEachKind) {
  const std::string table = events_table(json(
      R"({"events":[
          {"timestamp":"T2","device":1,"kind":"xid","code":79,"severity":"critical",
           "message":"fell off the bus","advice":"restart"},
          {"timestamp":"T1","device":null,"kind":"xid","code":79,"severity":"critical",
           "message":"fell off the bus","advice":"restart"},
          {"timestamp":"T0","device":0,"kind":"health","code":null,"severity":"info",
           "message":"ok again","advice":null}],"total_events":12})"));
  expect_lines(table, {"T2", "xid 79 ", "fell off the bus\n", "health ", "xid 79: restart\n",
                       "3 shown, 12 happened\n"});
  EXPECT_EQ(table.find("restart"), table.rfind("restart"));
  expect_lines(events_table(json(R"({"events":[],"total_events":0})")), {"no events\n"});
}

TEST(TopologyTable, EachPairBothWaysAndOnlyTheWordsThatOccur) {
  const std::string table = topology_table(json(
      R"({"devices":[{"index":0,"numa_node":0,"cpu_affinity":"0-15"},
                     {"index":1,"numa_node":0,"cpu_affinity":"0-15"},
                     {"index":4,"numa_node":null,"cpu_affinity":null}],
          "links":[{"from":0,"to":1,"path":"nvlink","nvlinks":18},
                   {"from":0,"to":4,"path":"system","nvlinks":0}]})"));
  EXPECT_EQ(table,
            "          GPU 0  GPU 1   GPU 4  NUMA  CPUs\n"
            "  GPU 0       .   nv18  system     0  0-15\n"
            "  GPU 1    nv18      .       -     0  0-15\n"
            "  GPU 4  system      -       .     -  -\n"
            "  nvN       NVLink, with that many links\n"
            "  system    between NUMA nodes, over the link of the CPUs\n");
  expect_lines(topology_table(json(R"({"devices":[{"index":0},{"index":1}],"links":[]})")),
               {"how they are joined is not known\n"});
  EXPECT_EQ(topology_table(json(R"({"devices":[],"reason":"none"})")), "no device: none\n");
}

TEST(TopologyTable, AMatrixHasABound) {
  std::string devices;
  for (int i = 0; i < 70; ++i) devices += fmt::format("{}{{\"index\":{}}}", i > 0 ? "," : "", i);
  const std::string table = topology_table(json("{\"devices\":[" + devices + "],\"links\":[]}"));
  expect_lines(table, {"GPU 63", "and 6 devices more: see --json\n"});
  EXPECT_EQ(table.find("GPU 64"), std::string::npos);
}

TEST(MachineTables, ForeignTextAndWrongTypesAreHarmless) {
  const std::string_view kBad = R"("\u001b[2J\u0007\u202ex\n")";
  std::string answer = R"({"processes":[{"pid":"x","user":@,"command":@,"unit":@,"pod":{"name":@,
      "namespace":@},"slurm":5,"captures":[{"by":@,"detail":@}],"no_kernels_reason":@,
      "devices":[{"device":-1,"memory_mb":-5,"total_calls":1e300}]},7],"total_processes":-1,
      "devices":[{"index":@,"uuid":@,"name":@,"health":@,"cpu_affinity":@,"memory":[],
      "findings":[{"code":@,"detail":@,"advice":@}]}],"reason":@,
      "links":[{"from":0,"to":1,"path":@},{"from":@,"to":null}],
      "events":[{"timestamp":@,"kind":@,"severity":@,"message":@,"advice":@}],"total_events":@})";
  for (std::size_t at = 0; (at = answer.find('@', at)) != std::string::npos;) {
    answer.replace(at, 1, kBad);
    at += kBad.size();
  }
  const JsonValue value = json(answer);
  for (const auto table : {processes_table, devices_table, events_table, topology_table}) {
    const std::string text = table(value);
    EXPECT_EQ(text.find_first_of("\x1b\x07"), std::string::npos) << text;
    EXPECT_EQ(text.find("\u202e"), std::string::npos) << text;
    EXPECT_FALSE(table(JsonValue()).empty());
  }
}

}  // namespace
}  // namespace gpuvigil
