// SPDX-License-Identifier: Apache-2.0
#include "collect/drm_backend.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/testing_tree.h"
#include "collect/sample_report.h"

namespace gpuvigil {
namespace {

constexpr Timestamp kNoon = Timestamp(std::chrono::seconds(1'800'000'000));
constexpr Duration kSecond = std::chrono::seconds(1);

/// A machine whose kernel shows what a test writes.
class Machine {
 public:
  void card(int number, std::string_view driver, std::string_view bus_id) const {
    device(number, "uevent",
           fmt::format("DRIVER={}\nPCI_ID=1002:738C\nPCI_SLOT_NAME={}\n", driver, bus_id));
  }
  void device(int number, const std::string& file, std::string_view bytes) const {
    tree.write(fmt::format("sys/class/drm/card{}/device/{}", number, file), bytes);
  }
  /// An open file of a process that is a client of a device.
  void client(int pid, int file, std::string_view fdinfo) const {
    const std::string link = fmt::format("proc/{}/fd/{}", pid, file);
    tree.remove(link);
    tree.link(link, "/dev/dri/renderD128");
    tree.write(fmt::format("proc/{}/fdinfo/{}", pid, file), fdinfo);
  }
  std::unique_ptr<Backend> open() const {
    auto backend = DrmBackend::open(tree.path(""), [this] { return now; });
    EXPECT_TRUE(backend) << backend.error().message;
    return *std::move(backend);
  }

  /// One round: the list, and the sample of the device at that place in it.
  DeviceSample round(Backend& backend, Timestamp at, std::size_t index = 0) {
    now = at - kNoon;
    return sample_of(backend, at, index);
  }

  testing::Tree tree;
  Duration now{};

 private:
  static DeviceSample sample_of(Backend& backend, Timestamp at, std::size_t index);
};

/// Its cards, each of which is a board.
Result<std::vector<DeviceInfo>> devices_of(Backend& backend) {
  GPUVIGIL_TRY(const auto boards, backend.boards());
  std::vector<DeviceInfo> devices;
  for (const Board& board : boards) {
    EXPECT_EQ(board.devices.size(), 1U);
    devices.push_back(board.devices.front());
  }
  return devices;
}

DeviceSample Machine::sample_of(Backend& backend, Timestamp at, std::size_t index) {
  const auto devices = devices_of(backend);
  EXPECT_TRUE(devices);
  EXPECT_GT(devices->size(), index);
  auto sample = backend.sample(devices->at(index), at);
  EXPECT_TRUE(sample) << sample.error().message;
  EXPECT_EQ(refuse_nonsense(*sample), 0U);
  return *sample;
}

const DeviceDetails& details(const DeviceSample& sample) {
  return **sample.details;
}

void add_amd_card(const Machine& machine) {
  machine.card(0, "amdgpu", "0000:1e:00.0");
  const auto f = [&](const char* file, const char* bytes) { machine.device(0, file, bytes); };
  f("product_name", "Instinct MI100\n");
  f("unique_id", "d1a2b3c4e5f60718\n");
  f("serial_number", "692231000123\n");
  f("vbios_version", "113-D3430400-037\n");
  f("numa_node", "1\n");
  f("local_cpulist", "0-15,32-47\n");
  f("gpu_busy_percent", "87\n");
  f("mem_busy_percent", "41\n");
  f("mem_info_vram_total", "34342961152\n");
  f("mem_info_vram_used", "6782976\n");
  f("pp_dpm_sclk", "0: 300Mhz\n1: 495Mhz *\n2: 1502Mhz\n");
  f("pp_dpm_mclk", "0: 167Mhz\n1: 1200Mhz *\n");
  f("pcie_replay_count", "3\n");
  f("current_link_speed", "16.0 GT/s PCIe\n");
  f("max_link_speed", "32.0 GT/s PCIe\n");
  f("current_link_width", "16\n");
  f("max_link_width", "16\n");
  f("ras/umc_err_count", "ue: 1\nce: 22\n");
  f("hwmon/hwmon4/temp1_label", "edge\n");
  f("hwmon/hwmon4/temp1_input", "31000\n");
  f("hwmon/hwmon4/temp1_crit", "100000\n");
  f("hwmon/hwmon4/temp1_emergency", "105000\n");
  f("hwmon/hwmon4/temp2_label", "junction\n");
  f("hwmon/hwmon4/temp2_input", "34500\n");
  f("hwmon/hwmon4/temp3_label", "mem\n");
  f("hwmon/hwmon4/temp3_input", "30000\n");
  f("hwmon/hwmon4/power1_average", "39500000\n");
  f("hwmon/hwmon4/power1_cap", "290000000\n");
  f("hwmon/hwmon4/power1_cap_default", "290000000\n");
  f("hwmon/hwmon4/pwm1", "51\n");
  f("hwmon/hwmon4/pwm1_max", "255\n");
  f("hwmon/hwmon4/freq1_label", "sclk\n");
  f("hwmon/hwmon4/freq1_input", "497000000\n");
}

TEST(DrmBackend, IsNotThereWithoutACardThatItKnows) {
  Machine machine;
  const auto f = [&] {
    const auto backend = DrmBackend::open(machine.tree.path(""));
    ASSERT_FALSE(backend);
    EXPECT_EQ(backend.error().code, Errc::kUnavailable);
  };
  f();
  machine.card(0, "nvidia", "0000:01:00.0");
  machine.card(1, "amdgpu", "nowhere");
  machine.tree.write("sys/class/drm/card2-DP-1/device/uevent", "DRIVER=amdgpu\n");
  machine.tree.write("sys/class/drm/version", "drm 1.1.0\n");
  f();
}

TEST(DrmBackend, ListsCardsByTheirNumber) {
  Machine machine;
  machine.card(10, "xe", "0000:0a:00.0");
  machine.card(2, "i915", "0000:00:02.0");
  machine.card(1, "amdgpu", "0000:1e:00.0");
  machine.device(1, "unique_id", "0x2150e7d042a1124\n");
  const auto devices = devices_of(*machine.open());
  ASSERT_TRUE(devices);
  ASSERT_EQ(devices->size(), 3U);
  EXPECT_EQ(devices->at(0).uuid, "GPU-02150e7d042a1124");
  EXPECT_EQ(devices->at(0).name, "AMD GPU 1002:738C");
  EXPECT_EQ(devices->at(0).pci_bus_id, "0000:1e:00.0");
  EXPECT_EQ(devices->at(0).source, "drm");
  EXPECT_EQ(devices->at(1).uuid, "PCI-0000:00:02.0");
  EXPECT_EQ(devices->at(2).uuid, "PCI-0000:0a:00.0");
}

TEST(DrmBackend, ReadsACardOfAmd) {
  Machine machine;
  add_amd_card(machine);
  const auto backend = machine.open();
  const DeviceSample sample = machine.round(*backend, kNoon);
  EXPECT_EQ(sample.health, Health::kOk);
  EXPECT_EQ(sample.gpu_utilization, Percent(87));
  EXPECT_EQ(sample.memory_total, Bytes(34'342'961'152));
  EXPECT_EQ(sample.memory_used, Bytes(6'782'976));
  EXPECT_EQ(sample.temperature, Celsius(31));
  EXPECT_EQ(sample.power, Watts(39.5));
  EXPECT_EQ(sample.power_limit, Watts(290));
  EXPECT_EQ(sample.sm_clock, Megahertz(497));  // the sensor, not the step of the table
  EXPECT_EQ(sample.memory_clock, Megahertz(1200));
  EXPECT_EQ(sample.throttle_reasons, missing(Missing::kUnsupported));
  const MetricSet& metrics = details(sample).metrics;
  EXPECT_EQ(metrics[MetricId::kMemoryCopyUtilization], 41);
  EXPECT_EQ(metrics[MetricId::kHotspotTemperature], 34.5);
  EXPECT_EQ(metrics[MetricId::kMemoryTemperature], 30);
  EXPECT_EQ(metrics[MetricId::kSlowdownTemperature], 100);
  EXPECT_EQ(metrics[MetricId::kShutdownTemperature], 105);
  EXPECT_EQ(metrics[MetricId::kFanSpeed], 20);
  EXPECT_EQ(metrics[MetricId::kSmClockMax], 1502);
  EXPECT_EQ(metrics[MetricId::kPcieReplays], 3);
  EXPECT_EQ(metrics[MetricId::kPcieGeneration], 4);
  EXPECT_EQ(metrics[MetricId::kPcieGenerationMax], 5);
  EXPECT_EQ(metrics[MetricId::kPcieWidth], 16);
  EXPECT_EQ(metrics[MetricId::kEccUncorrectedVolatile], 1);
  EXPECT_EQ(metrics[MetricId::kEccCorrectedVolatile], 22);
  EXPECT_EQ(metrics[MetricId::kPowerInstant], missing(Missing::kUnsupported));
  EXPECT_EQ(metrics[MetricId::kMemoryFree], 34'342'961'152.0 - 6'782'976.0);
}

TEST(DrmBackend, KnowsWhatACardIs) {
  Machine machine;
  add_amd_card(machine);
  machine.tree.write("sys/module/amdgpu/version", "6.3.6\n");
  const auto backend = machine.open();
  const auto inventory = machine.round(*backend, kNoon).inventory;
  ASSERT_TRUE(inventory);
  EXPECT_EQ(inventory->vendor, "AMD");
  EXPECT_EQ(inventory->serial, "692231000123");
  EXPECT_EQ(inventory->vbios, "113-D3430400-037");
  EXPECT_EQ(inventory->driver_version, "6.3.6");
  EXPECT_EQ(inventory->numa_node, 1);
  EXPECT_EQ(inventory->cpu_affinity, "0-15,32-47");
}

TEST(DrmBackend, WhatACardDoesNotShowIsMissing) {
  Machine machine;
  machine.card(0, "amdgpu", "0000:1e:00.0");
  machine.device(0, "gpu_busy_percent", "not a number\n");
  const auto backend = machine.open();
  const DeviceSample sample = machine.round(*backend, kNoon);
  EXPECT_EQ(sample.gpu_utilization, missing(Missing::kDriverError));
  EXPECT_EQ(sample.temperature, missing(Missing::kUnsupported));
  EXPECT_EQ(sample.memory_used, missing(Missing::kUnsupported));
  EXPECT_EQ(sample.power, missing(Missing::kUnsupported));
  EXPECT_EQ(sample.sm_clock, missing(Missing::kUnsupported));
}

TEST(DrmBackend, AnAcceleratorWithoutAnEdgeTellsItsHottestPlace) {
  Machine machine;
  machine.card(0, "amdgpu", "0000:1e:00.0");
  machine.device(0, "hwmon/hwmon1/temp2_label", "junction\n");
  machine.device(0, "hwmon/hwmon1/temp2_input", "55000\n");
  const auto backend = machine.open();
  EXPECT_EQ(machine.round(*backend, kNoon).temperature, Celsius(55));
}

TEST(DrmBackend, ReadsACardOfIntelAndItsPowerFromEnergy) {
  Machine machine;
  machine.card(0, "i915", "0000:03:00.0");
  machine.tree.write("sys/class/drm/card0/gt/gt0/rps_act_freq_mhz", "1900\n");
  machine.tree.write("sys/class/drm/card0/gt/gt0/rps_RP0_freq_mhz", "2400\n");
  machine.device(0, "hwmon/hwmon2/energy1_input", "5000000\n");
  machine.device(0, "hwmon/hwmon2/power1_max", "190000000\n");
  const auto backend = machine.open();
  const DeviceSample first = machine.round(*backend, kNoon);
  EXPECT_EQ(first.power, missing(Missing::kNotSampled));
  EXPECT_EQ(first.gpu_utilization, missing(Missing::kNotSampled));
  EXPECT_EQ(first.sm_clock, Megahertz(1900));
  EXPECT_EQ(first.power_limit, Watts(190));
  EXPECT_EQ(details(first).metrics[MetricId::kSmClockMax], 2400);
  EXPECT_EQ(details(first).metrics[MetricId::kEnergy], 5);

  machine.device(0, "hwmon/hwmon2/energy1_input", "305000000\n");
  EXPECT_EQ(machine.round(*backend, kNoon + 2 * kSecond).power, Watts(150));
  machine.device(0, "hwmon/hwmon2/energy1_input", "100\n");  // the counter began again
  EXPECT_EQ(machine.round(*backend, kNoon + 3 * kSecond).power, missing(Missing::kNotSampled));
}

TEST(DrmBackend, ReadsTheClockOfXe) {
  Machine machine;
  machine.card(0, "xe", "0000:03:00.0");
  machine.device(0, "tile0/gt0/freq0/act_freq", "2050\n");
  machine.device(0, "tile0/gt0/freq0/rp0_freq", "2400\n");
  machine.device(0, "hwmon/hwmon2/temp2_label", "pkg\n");
  machine.device(0, "hwmon/hwmon2/temp2_input", "47000\n");
  const auto backend = machine.open();
  const DeviceSample sample = machine.round(*backend, kNoon);
  EXPECT_EQ(sample.sm_clock, Megahertz(2050));
  EXPECT_EQ(sample.temperature, Celsius(47));
}

TEST(DrmBackend, ACardThatIsGoneIsNotFound) {
  Machine machine;
  machine.card(0, "amdgpu", "0000:1e:00.0");
  const auto backend = machine.open();
  const auto devices = devices_of(*backend);
  machine.tree.remove("sys/class/drm/card0");
  EXPECT_TRUE(devices_of(*backend)->empty());
  const auto sample = backend->sample(devices->at(0), kNoon);
  ASSERT_FALSE(sample);
  EXPECT_EQ(sample.error().code, Errc::kNotFound);
}

constexpr const char* kAmd =
    "drm-driver: amdgpu\ndrm-pdev: 0000:1e:00.0\ndrm-client-id: {}\ndrm-memory-vram: {} KiB\n"
    "drm-engine-gfx: {} ns\ndrm-engine-compute: {} ns\n";

TEST(DrmProcesses, TellMemoryAndTheirShareOfTheTime) {
  Machine machine;
  machine.card(0, "amdgpu", "0000:1e:00.0");
  machine.client(100, 5, fmt::format(kAmd, 1, 1024, 0, 1'000'000'000));
  machine.client(200, 3, fmt::format(kAmd, 2, 512, 5, 0));
  const auto backend = machine.open();
  const DeviceSample first = machine.round(*backend, kNoon);
  EXPECT_EQ(first.processes, 2U);
  ASSERT_TRUE(details(first).processes);
  ASSERT_EQ(details(first).processes->size(), 2U);
  EXPECT_EQ(details(first).processes->at(0).sm_utilization, missing(Missing::kNotSampled));

  machine.client(100, 5, fmt::format(kAmd, 1, 2048, 0, 1'500'000'000));
  const DeviceSample second = machine.round(*backend, kNoon + kSecond);
  const auto& processes = *details(second).processes;
  EXPECT_EQ(processes[0].pid, 100U);
  EXPECT_EQ(processes[0].type, DeviceProcess::Type::kCompute);
  EXPECT_EQ(processes[0].memory, Bytes(2048U << 10U));
  EXPECT_EQ(processes[0].sm_utilization, Percent(50));
  EXPECT_EQ(processes[1].pid, 200U);
  EXPECT_EQ(processes[1].type, DeviceProcess::Type::kGraphics);
  EXPECT_EQ(processes[1].sm_utilization, Percent(0));
}

TEST(DrmProcesses, AClientInSeveralFilesAndProcessesCountsOnce) {
  Machine machine;
  machine.card(0, "amdgpu", "0000:1e:00.0");
  const auto same = fmt::format(kAmd, 7, 1024, 0, 5);
  machine.client(300, 4, same);
  machine.client(100, 5, same);
  machine.client(100, 6, same);
  machine.client(100, 7, fmt::format(kAmd, 8, 1, 0, 5));
  const auto backend = machine.open();
  const DeviceSample sample = machine.round(*backend, kNoon);
  ASSERT_EQ(details(sample).processes->size(), 1U);
  EXPECT_EQ(details(sample).processes->front().pid, 100U);
  EXPECT_EQ(details(sample).processes->front().memory, Bytes(1025U << 10U));
}

TEST(DrmProcesses, BelongToTheirDevice) {
  Machine machine;
  machine.card(0, "amdgpu", "0000:1e:00.0");
  machine.card(1, "amdgpu", "0000:2f:00.0");
  machine.client(100, 5, fmt::format(kAmd, 1, 1024, 0, 5));
  const auto backend = machine.open();
  EXPECT_EQ(machine.round(*backend, kNoon, 0).processes, 1U);
  EXPECT_EQ(machine.round(*backend, kNoon, 1).processes, 0U);
}

TEST(DrmProcesses, OneThatOnlyHasTheDeviceOpenUsesItNot) {
  Machine machine;
  machine.card(0, "amdgpu", "0000:1e:00.0");
  machine.client(100, 5, fmt::format(kAmd, 1, 0, 0, 0));
  const auto backend = machine.open();
  EXPECT_EQ(machine.round(*backend, kNoon).processes, 0U);
}

TEST(DrmProcesses, OfRocmAreNotCalledIdle) {
  Machine machine;
  machine.card(0, "amdgpu", "0000:1e:00.0");
  machine.client(100, 5, fmt::format(kAmd, 1, 1024, 0, 0));
  machine.tree.write("sys/class/kfd/kfd/proc/100/vram_1", "0\n");
  const auto backend = machine.open();
  machine.round(*backend, kNoon);
  const DeviceSample sample = machine.round(*backend, kNoon + kSecond);
  const DeviceProcess& process = details(sample).processes->front();
  EXPECT_EQ(process.type, DeviceProcess::Type::kCompute);
  EXPECT_EQ(process.sm_utilization, missing(Missing::kUnsupported));
}

TEST(DrmProcesses, OfRocmHoldWhatTheComputeDriverSays) {
  Machine machine;
  machine.card(0, "amdgpu", "0000:1e:00.0");
  const std::string node = "sys/class/kfd/kfd/topology/nodes/1/";
  machine.tree.write("sys/class/kfd/kfd/topology/nodes/0/gpu_id", "0\n");
  machine.tree.write("sys/class/kfd/kfd/topology/nodes/0/properties", "location_id 7680\n");
  machine.tree.write(node + "gpu_id", "51234\n");
  machine.tree.write(node + "properties",
                     "simd_count 480\nsimd_per_cu 4\nlocation_id 7680\ndomain 0\n"
                     "gfx_target_version 90008\n");
  machine.client(100, 5, fmt::format(kAmd, 1, 1024, 0, 0));
  machine.tree.write("sys/class/kfd/kfd/proc/100/vram_51234", "5368709120\n");
  machine.tree.write("sys/class/kfd/kfd/proc/200/vram_51234", "4096\n");  // of another user
  machine.tree.write("sys/class/kfd/kfd/proc/300/vram_51234", "0\n");
  machine.tree.write("sys/class/kfd/kfd/proc/400/vram_9", "4096\n");  // of another device
  const auto backend = machine.open();
  const DeviceSample sample = machine.round(*backend, kNoon);
  const auto& processes = *details(sample).processes;
  ASSERT_EQ(processes.size(), 2U);
  EXPECT_EQ(processes[0].pid, 100U);
  EXPECT_EQ(processes[0].memory, Bytes(5'368'709'120));
  EXPECT_EQ(processes[1].pid, 200U);
  EXPECT_EQ(processes[1].memory, Bytes(4096));
  EXPECT_EQ(sample.inventory->architecture, "gfx908");
  EXPECT_EQ(sample.inventory->multiprocessors, 120U);
}

TEST(GfxName, IsWhatCompilersSay) {
  const auto f = [](std::uint64_t version, const char* want) {
    EXPECT_EQ(gfx_name(version), want);
  };
  f(90'008, "gfx908");
  f(90'010, "gfx90a");
  f(90'402, "gfx942");
  f(100'301, "gfx1031");
  f(110'000, "gfx1100");
  f(0, "");
  f(91'600, "");
  f(18'446'744'073'709'551'615U, "");
}

TEST(DrmProcesses, NewOnesAreFoundAfterAFewRoundsAndGoneOnesAtOnce) {
  Machine machine;
  machine.card(0, "amdgpu", "0000:1e:00.0");
  machine.client(100, 5, fmt::format(kAmd, 1, 1024, 0, 5));
  const auto backend = machine.open();
  machine.round(*backend, kNoon);
  machine.client(200, 5, fmt::format(kAmd, 2, 1024, 0, 5));
  machine.tree.remove("proc/100");
  EXPECT_EQ(machine.round(*backend, kNoon + kSecond).processes, 0U);
  for (unsigned i = 2; i < DrmClients::kFullEvery; ++i)
    machine.round(*backend, kNoon + i * kSecond);
  EXPECT_EQ(machine.round(*backend, kNoon + DrmClients::kFullEvery * kSecond).processes, 1U);
}

TEST(DrmProcesses, OfIntelTellHowBusyTheDeviceIs) {
  Machine machine;
  machine.card(0, "xe", "0000:03:00.0");
  const auto f = [&](int pid, std::uint64_t cycles, std::uint64_t total) {
    machine.client(pid, 5,
                   fmt::format("drm-driver: xe\ndrm-pdev: 0000:03:00.0\ndrm-client-id: {}\n"
                               "drm-total-vram0: 64 MiB\ndrm-cycles-ccs: {}\n"
                               "drm-total-cycles-ccs: {}\ndrm-engine-capacity-ccs: 2\n",
                               pid, cycles, total));
  };
  f(100, 0, 1000);
  f(200, 500, 1000);
  const auto backend = machine.open();
  EXPECT_EQ(machine.round(*backend, kNoon).gpu_utilization, missing(Missing::kNotSampled));
  f(100, 1000, 2000);
  f(200, 1000, 2000);
  const DeviceSample sample = machine.round(*backend, kNoon + kSecond);
  EXPECT_EQ(sample.gpu_utilization, Percent(75));  // 1.5 of the 2 engines that there are
  EXPECT_EQ(details(sample).processes->at(0).sm_utilization, Percent(50));
}

TEST(DrmClients, CountsWhatIsBeyondItsLimit) {
  Machine machine;
  for (int i = 0; i < 5; ++i) machine.client(100, i, fmt::format(kAmd, i, 1, 0, 5));
  DrmClients clients(machine.tree.path(""), 2);
  clients.scan(kSecond);
  EXPECT_EQ(clients.clients_dropped(), 3U);
}

TEST(DrmClients, ManyFilesOfOneClientAreNotTooManyClients) {
  Machine machine;
  for (int i = 0; i < 5; ++i) machine.client(100, i, fmt::format(kAmd, 1, 1, 0, 5));
  DrmClients clients(machine.tree.path(""), 1);
  clients.scan(kSecond);
  EXPECT_EQ(clients.clients_dropped(), 0U);
}

TEST(DrmClients, ReadTheRealMachine) {
  DrmClients clients("");
  clients.scan(kSecond);
  clients.scan(2 * kSecond);
  EXPECT_EQ(clients.clients_dropped(), 0U);
}

}  // namespace
}  // namespace gpuvigil
