// SPDX-License-Identifier: Apache-2.0
#include "api/parameters.h"

#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

const Timestamp kEdge = from_unix_ns(1'767'322'800'000'000'000);  // 2026-01-02T03:00:00Z

Frame two_devices() {
  Frame frame;
  frame.edge = kEdge;
  for (std::uint32_t i = 0; i < 2; ++i) {
    frame.devices.push_back({.info = std::make_shared<DeviceInfo>(
                                 DeviceInfo{.uuid = i == 0 ? "GPU-a" : "GPU-b",
                                            .name = "",
                                            .pci_bus_id = i == 0 ? "00000000:3B:00.0" : "",
                                            .source = "nvml"}),
                             .index = i});
  }
  return frame;
}

HttpRequest request_of(std::vector<std::pair<std::string, std::string>> query) {
  HttpRequest request;
  request.query = std::move(query);
  return request;
}

TEST(Rfc3339, ReadsTimesWithOffsetsAndFractions) {
  const auto f = [](std::string_view text, std::optional<Timestamp> want) {
    EXPECT_EQ(parse_rfc3339(text), want) << text;
  };
  f("2026-01-02T03:00:00Z", kEdge);
  f("2026-01-02t03:00:00z", kEdge);
  f("2026-01-02 03:00:00Z", kEdge);
  f("2026-01-02T05:30:00+02:30", kEdge);
  f("2026-01-01T22:00:00-05:00", kEdge);
  f("2026-01-02T03:00:00.123456789Z", kEdge + 123456789ns);
  f("2026-01-02T03:00:00.5Z", kEdge + 500ms);
  f("2026-01-02T03:00:00", std::nullopt);
  f("2026-01-02", std::nullopt);
  f("2026-13-02T03:00:00Z", std::nullopt);
  f("2026-02-30T03:00:00Z", std::nullopt);
  f("2026-01-02T24:00:00Z", std::nullopt);
  f("2026-01-02T03:00:00.Z", std::nullopt);
  f("2026-01-02T03:00:00.1234567890Z", std::nullopt);
  f("2026-01-02T03:00:00Zx", std::nullopt);
  f("1960-01-02T03:00:00Z", std::nullopt);
  f("", std::nullopt);
}

TEST(Span, ReadsAWholeNumberAndItsUnit) {
  const auto f = [](std::string_view text, std::optional<Duration> want) {
    EXPECT_EQ(parse_span(text), want) << text;
  };
  f("250ms", 250ms);
  f("90s", 90s);
  f("15m", 15min);
  f("1h", 1h);
  f("2d", 48h);
  f("0s", std::nullopt);
  f("-5s", std::nullopt);
  f("1.5h", std::nullopt);
  f("s", std::nullopt);
  f("15", std::nullopt);
  f("4294967295d", std::nullopt);
}

TEST(Parameters, DevicesGoByIndexUuidOrBusId) {
  const Frame frame = two_devices();
  const auto f = [&](std::string_view reference, std::optional<std::uint32_t> want) {
    EXPECT_EQ(find_device(frame, reference), want) << reference;
  };
  f("0", 0);
  f("1", 1);
  f("2", std::nullopt);
  f("GPU-b", 1);
  f("00000000:3B:00.0", 0);
  f("0000:3b:00.0", 0);
  f("3b:00.0", 0);
  f(":00.0", std::nullopt);
  f("", std::nullopt);
  f("*", std::nullopt);
  f("*3B:00.0", std::nullopt);
}

TEST(Parameters, EveryMistakeIsToldAndNothingIsIgnored) {
  const Frame frame = two_devices();
  const HttpRequest request = request_of({{"sort_by", "total_tme"},
                                          {"limit", "0"},
                                          {"device", "7"},
                                          {"kindd", "all"},
                                          {"order", "asc"},
                                          {"order", "desc"}});
  ParameterReader in(request, frame);
  (void)read_kernel_query(in);
  std::string told;
  for (const ParameterError& error : in.finish()) {
    told += error.parameter + ": " + error.reason + "\n";
  }
  for (const std::string_view want :
       {"sort_by: must be one of", "did you mean total_time?", "limit: must be a whole number",
        "device: no such device: 7", "kindd: unknown parameter; did you mean kind?",
        "order: may be given only once"}) {
    EXPECT_NE(told.find(want), std::string::npos) << want << " in\n" << told;
  }
}

TEST(Parameters, NamesSortUpAndEverythingElseDown) {
  const Frame frame = two_devices();
  const auto descending = [&](std::vector<std::pair<std::string, std::string>> query) {
    const HttpRequest request = request_of(std::move(query));
    ParameterReader in(request, frame);
    const KernelQuery read = read_kernel_query(in);
    EXPECT_TRUE(in.finish().empty());
    return read.descending;
  };
  EXPECT_TRUE(descending({}));
  EXPECT_FALSE(descending({{"sort_by", "name"}}));
  EXPECT_TRUE(descending({{"sort_by", "name"}, {"order", "desc"}}));
  EXPECT_FALSE(descending({{"order", "asc"}}));
}

TEST(Parameters, SinceIsATimeOrASpanBackFromTheFrame) {
  const Frame frame = two_devices();
  const HttpRequest request = request_of({{"since", "15m"}, {"state", "all"}});
  ParameterReader in(request, frame);
  EXPECT_EQ(read_alert_query(in).since, kEdge - 15min);
  EXPECT_TRUE(in.finish().empty());
}

}  // namespace
}  // namespace gpuvigil
