// SPDX-License-Identifier: Apache-2.0
#include "trace/offline.h"

#include <map>

#include <gtest/gtest.h>

#include "trace/kineto_test_support.h"

namespace gpuvigil {
namespace {

using testing_support::TemporaryFolder;

/// Keeps what it is told, by device.
class KeepingIntake final : public Intake {
 public:
  struct Device {
    DeviceInfo info;
    std::string executions;  ///< "name kind start duration;" each.
    std::uint64_t busy_ns = 0;
    std::int64_t covered_from = 0;
    std::int64_t covered_to = 0;
    std::int64_t rebased = 0;
    DeviceSample sample;
  };

  OwnerId open_owner() override { return static_cast<OwnerId>(owners_++); }
  void close_owner(OwnerId) override { ADD_FAILURE() << "owners stay open"; }
  DeviceSlot device(const DeviceInfo& info) override {
    devices.push_back({});
    devices.back().info = info;
    return static_cast<DeviceSlot>(devices.size() - 1);
  }
  SeriesSlot series(OwnerId, DeviceSlot device, std::string_view name, KernelKind kind) override {
    series_.push_back({device, std::string(name), kind});
    return static_cast<SeriesSlot>(series_.size() - 1);
  }
  void execution(SeriesSlot slot, const Execution& e) override {
    const Series& series = series_.at(static_cast<std::size_t>(slot));
    EXPECT_EQ(e.memory, std::nullopt);
    EXPECT_EQ(*e.start + e.duration, e.end);
    of(series.device).executions += series.name + " " + std::string(to_string(series.kind)) + " " +
                                    std::to_string(to_unix_ns(*e.start)) + " " +
                                    std::to_string(e.duration.count()) + ";";
    ++executions;
  }
  void aggregate(SeriesSlot, const Aggregate&) override { ADD_FAILURE(); }
  void recent(SeriesSlot, const Execution&) override { ADD_FAILURE(); }
  void activity(DeviceSlot device, KernelKind, Timestamp from, Timestamp to) override {
    of(device).busy_ns += static_cast<std::uint64_t>((to - from).count());
  }
  void covered(DeviceSlot device, Timestamp from, Timestamp to) override {
    of(device).covered_from = to_unix_ns(from);
    of(device).covered_to = to_unix_ns(to);
  }
  void sample(DeviceSlot device, const DeviceSample& sample) override {
    of(device).sample = sample;
  }
  void process(OwnerId, std::uint32_t, const CaptureState&) override { ADD_FAILURE(); }
  void attribute(OwnerId, SeriesSlot, const Aggregate&) override { ADD_FAILURE(); }
  void event(const Event&) override { ADD_FAILURE(); }
  void rebase(DeviceSlot device, Duration by) override { of(device).rebased += by.count(); }
  void lost(Loss loss, std::uint64_t count) override { losses.add(loss, count); }

  [[nodiscard]] std::string numbers() const {
    std::string names;
    for (const Device& device : devices) names += device.info.name + " ";
    return names;
  }

  std::vector<Device> devices;
  LossCounters losses;
  std::size_t executions = 0;

 private:
  struct Series {
    DeviceSlot device;
    std::string name;
    KernelKind kind;
  };
  Device& of(DeviceSlot slot) { return devices.at(static_cast<std::size_t>(slot)); }

  std::uint32_t owners_ = 0;
  std::vector<Series> series_;
};

const std::string kProperties =
    R"("deviceProperties":[{"id":0,"name":"zero"},{"id":1,"name":"one","totalGlobalMem":1024},)"
    R"({"id":2,"name":"two"}])";

std::string kernel(int device, const std::string& name = "k", int start = 10) {
  return R"({"ph":"X","cat":"kernel","name":")" + name + R"(","ts":)" + std::to_string(start) +
         R"(,"dur":2,"args":{"device":)" + std::to_string(device) + "}}";
}

std::string trace(const std::string& events) {
  return "{" + kProperties + R"(,"baseTimeNanoseconds":1000000,"traceEvents":[)" + events + "]}";
}

std::vector<TraceSummary> read(KeepingIntake& intake, const std::vector<std::string>& paths) {
  auto summaries = read_into(intake, paths);
  EXPECT_TRUE(summaries) << (summaries ? "" : summaries.error().message);
  return summaries.value_or(std::vector<TraceSummary>());
}

TEST(Offline, DevicesComeByFileThenByTheirNumber) {
  const TemporaryFolder folder;
  const std::string a = folder.bytes("a", trace(kernel(2) + "," + kernel(0)));
  const std::string b = folder.bytes("b", trace(kernel(1)));
  KeepingIntake intake;
  const auto summaries = read(intake, {b, a, b});
  ASSERT_EQ(summaries.size(), 3U);
  EXPECT_EQ(intake.numbers(), "one zero two one ");
  for (std::size_t i = 0; i < intake.devices.size(); ++i) {
    const DeviceInfo& info = intake.devices[i].info;
    EXPECT_TRUE(info.uuid.starts_with("REC-"));
    EXPECT_TRUE(info.uuid.ends_with("-" + std::to_string(i))) << info.uuid;
    EXPECT_EQ(info.uuid.size(), 4U + 16U + 2U);
    EXPECT_EQ(info.source, "replay");
    EXPECT_EQ(info.pci_bus_id, "");
  }
  EXPECT_EQ(intake.devices[0].info.uuid.substr(0, 20), intake.devices[3].info.uuid.substr(0, 20));
}

TEST(Offline, EverythingOfARecordingIsTold) {
  const TemporaryFolder folder;
  const std::string memory =
      R"({"ph":"i","name":"[memory]","ts":30,"args":{"Device Type":1,"Device Id":1,)"
      R"("Total Allocated":77}},{"ph":"i","name":"[memory]","ts":20,"args":{"Device Type":1,)"
      R"("Device Id":1,"Total Allocated":55}})";
  const std::string cpu = R"({"ph":"X","cat":"cpu_op","name":"c","ts":5,"dur":95})";
  const std::string bad = R"({"ph":"X","cat":"kernel","name":"bad","ts":5,"dur":-1})";
  const std::string copy =
      R"({"ph":"X","cat":"gpu_memcpy","name":"k","ts":50,"dur":3,"args":{"device":1}})";
  const std::string path =
      folder.bytes("t", trace(kernel(1) + "," + cpu + "," + bad + "," + kernel(1, "ncclX", 20) +
                              "," + copy + "," + memory) +
                            "!");
  KeepingIntake intake;
  read(intake, {path});
  ASSERT_EQ(intake.devices.size(), 1U);
  const auto& device = intake.devices[0];
  EXPECT_EQ(device.executions,
            "k compute 10000 2000;ncclX collective 20000 2000;k memcpy 50000 3000;");
  EXPECT_EQ(device.busy_ns, 7000U);
  EXPECT_EQ(device.covered_from, 5000);
  EXPECT_EQ(device.covered_to, 100'000);
  EXPECT_EQ(device.rebased, 1'000'000);
  EXPECT_EQ(to_unix_ns(device.sample.at), 1'100'000);
  EXPECT_EQ(device.sample.memory_used, Bytes(77));
  EXPECT_EQ(device.sample.memory_total, Bytes(1024));
  EXPECT_EQ(device.sample.power, missing(Missing::kNotRecorded));
  EXPECT_EQ(device.sample.gpu_utilization, missing(Missing::kNotRecorded));
  EXPECT_EQ(intake.losses[Loss::kExecutionsUnreadable], 1U);
  EXPECT_EQ(intake.losses[Loss::kBytesUnreadable], 1U);
}

TEST(Offline, ADeviceAfterTheOrderWasSettledComesBehind) {
  const TemporaryFolder folder;
  std::string events = kernel(2) + "," + kernel(1);
  for (int i = 0; i < 65'540; ++i) events += "," + kernel(1, "k", i);
  const std::string path = folder.bytes("t", trace(events + "," + kernel(0)));
  KeepingIntake intake;
  const auto summaries = read(intake, {path});
  EXPECT_EQ(intake.numbers(), "one two zero ");
  EXPECT_EQ(intake.executions, summaries.at(0).executions);
  for (const auto& device : intake.devices) EXPECT_EQ(device.rebased, 1'000'000);
}

TEST(Offline, MoreNamesThanTheTableHoldsAreAllTold) {
  const TemporaryFolder folder;
  std::string events = kernel(1);
  for (int i = 0; i < 2; ++i) {
    for (int n = 0; n < 40'000; ++n) events += "," + kernel(n % 2, "k" + std::to_string(n));
  }
  const std::string path = folder.bytes("t", trace(events));
  KeepingIntake intake;
  read(intake, {path});
  EXPECT_EQ(intake.executions, 80'001U);
  EXPECT_EQ(intake.numbers(), "zero one ");
}

TEST(Offline, TheFirstFileThatCannotBeUsedIsTheError) {
  const TemporaryFolder folder;
  const std::string good = folder.bytes("good", trace(kernel(1)));
  const std::string bad = folder.bytes("bad", "{}");
  KeepingIntake intake;
  const auto missing = read_into(intake, std::vector{good, folder.path("none")});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::kNotFound);
  EXPECT_EQ(intake.executions, 0U);  // looked for before anything was read
  const auto corrupt = read_into(intake, std::vector{good, bad});
  ASSERT_FALSE(corrupt);
  EXPECT_EQ(corrupt.error().message, bad + ": byte 2: the document has no \"traceEvents\"");
}

TEST(Offline, ProgressCountsAllFiles) {
  const TemporaryFolder folder;
  const std::string text = trace(kernel(1));
  const std::string a = folder.bytes("a", text);
  const std::string b = folder.bytes("b", text);
  KeepingIntake intake;
  std::uint64_t last = 0;
  ASSERT_TRUE(read_into(intake, std::vector{a, b}, [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_EQ(total, 2 * text.size());
    EXPECT_GE(done, last);
    last = done;
  }));
  EXPECT_EQ(last, 2 * text.size());
}

TEST(Offline, RanksOfAnArchiveComeInTheOrderOfTheirNames) {
  const auto data = testing_support::recorded_data();
  if (!data) GTEST_SKIP() << "no recorded data: set GPUVIGIL_DATA to its folder";
  KeepingIntake intake;
  const std::string path = *data / "kineto/param_dlrm_v100_8ranks.tar.gz";
  const auto summaries = read(intake, {path});
  EXPECT_EQ(summaries.size(), 8U);
  ASSERT_EQ(intake.devices.size(), 8U);
  // The archive holds them as 2, 4, 7, 0, 5, 3, 6, 1; rank 3 alone ran the most.
  std::map<std::uint64_t, std::string> by_file;
  for (const auto& summary : summaries) {
    EXPECT_EQ(summary.devices.size(), 1U);
    by_file[summary.file_id] = std::to_string(summary.devices.at(0).recorded_number);
  }
  std::string order;
  for (const auto& device : intake.devices) {
    order += by_file[std::stoull(device.info.uuid.substr(4, 16), nullptr, 16)];
    EXPECT_EQ(device.info.name, "Tesla V100-SXM2-32GB");
  }
  EXPECT_EQ(order, "01234567");
}

}  // namespace
}  // namespace gpuvigil
