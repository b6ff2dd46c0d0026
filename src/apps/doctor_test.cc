// SPDX-License-Identifier: Apache-2.0
#include "apps/doctor.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/live_server.h"
#include "apps/testing_doctor.h"
#include "base/json_reader.h"
#include "engine/engine.h"
#include "net/socket.h"

namespace gpuvigil {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST_F(Doctor, ABareMachineHasNoGpuAndThatIsNoFailure) {
  for (const auto* name : {"nvidia", "amd", "drm", "container", "state"}) {
    expect(name, CheckStatus::kSkip, "no");
  }
}

TEST_F(Doctor, WhatIsMissingOfAnNvidiaDriverIsNamed) {
  write("/dev/nvidia0");
  write("/dev/nvidia1");
  write("/dev/nvidiactl");
  write("/dev/nvidia-uvm");
  expect("nvidia", CheckStatus::kWarn, "2 device nodes, but no libnvidia-ml.so.1");
  write("/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1");
  write("/proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX 580.65\x1b[2J\nGCC version\n");
  expect("nvidia", CheckStatus::kOk, "NVRM version: NVIDIA UNIX 580.65\uFFFD[2J");
  fs::remove(context_.path("/dev/nvidia0"));
  fs::remove(context_.path("/dev/nvidia1"));
  expect("nvidia", CheckStatus::kWarn, "but no /dev/nvidia0");
  EXPECT_THAT(look("nvidia").advice, HasSubstr("nvidia-modprobe"));
}

TEST_F(Doctor, ANodeThatThisUserMayNotOpenIsNamed) {
  write("/dev/kfd");
  write("/dev/dri/renderD128");
  write("/dev/dri/card0");
  expect("amd", CheckStatus::kOk, "/dev/kfd");
  expect("drm", CheckStatus::kOk, "/dev/dri/renderD128");
  ::chmod(context_.path("/dev/kfd").c_str(), 0);
  ::chmod(context_.path("/dev/dri/renderD128").c_str(), 0);
  const auto is_locked = [&] {  // in a child, which may stop being root
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) std::exit(2);
    const bool told = look("amd").found == "/dev/kfd cannot be opened" &&
                      look("drm").found == "/dev/dri/renderD128 cannot be opened";
    std::exit(told ? 0 : 1);
  };
  EXPECT_EXIT(is_locked(), testing::ExitedWithCode(0), "");
}

TEST_F(Doctor, LibrariesAreFoundWhereTheLoaderWouldLook) {
  write("/opt/rocm/lib/libamd_smi.so.26.0");
  expect("amd", CheckStatus::kWarn, "/opt/rocm/lib/libamd_smi.so.26.0, but no /dev/kfd");
  write("/dev/nvidia0");
  write("/dev/nvidiactl");
  write("/odd/libnvidia-ml.so.1");
  ::setenv("LD_LIBRARY_PATH", ":/odd", 1);
  expect("nvidia", CheckStatus::kOk, "/odd/libnvidia-ml.so.1");
  ::unsetenv("LD_LIBRARY_PATH");
}

TEST_F(Doctor, AWrongConfigurationFailsWithEachMistake) {
  configure("[server]\nlisten = 'nowhere'\n[what]\nx = 1\n");
  expect("configuration", CheckStatus::kFail, ":2: server.listen");
  EXPECT_THAT(look("configuration").found, HasSubstr(":3: what"));
  configure("");
  expect("configuration", CheckStatus::kOk, context_.config_path);
  ::chmod(context_.config_path.c_str(), 0666);
  expect("configuration", CheckStatus::kFail, "others may write it");
}

TEST_F(Doctor, AStateDirectoryThatOthersMayWriteFails) {
  fs::create_directories(context_.path("/state/gpuvigil"));
  ::chmod(context_.path("/state/gpuvigil").c_str(), 0777);
  expect("state", CheckStatus::kFail, "mode 0777");
  ::chmod(context_.path("/state/gpuvigil").c_str(), 0700);
  expect("state", CheckStatus::kOk, "/state/gpuvigil, mode 0700");
  fs::remove(context_.path("/state/gpuvigil"));
  write("/state/gpuvigil");
  expect("state", CheckStatus::kFail, "no directory");
}

TEST_F(Doctor, ThePortIsFreeOrSomebodysOrOurs) {
  const auto at = Endpoint::parse("127.0.0.1", 0);
  ASSERT_TRUE(at);
  auto taken = listen_on(*at);
  ASSERT_TRUE(taken);
  const std::string address = Endpoint::local(taken->get()).to_string();
  configure(fmt::format("[server]\nlisten = '{}'\n", address));
  expect("port", CheckStatus::kFail, address);
  taken->reset();
  expect("port", CheckStatus::kOk, address + " is free");

  const SystemClock clock;
  Engine engine({}, clock);
  engine.start();
  const auto server = LiveServer::start(engine, {.http = {.port = 0}});
  ASSERT_TRUE(server) << server.error().message;
  configure(fmt::format("[server]\nlisten = '127.0.0.1:{}'\n", (*server)->port()));
  expect("port", CheckStatus::kOk, "answers at http://127.0.0.1:");
  (*server)->stop(std::chrono::seconds(1));
  engine.stop();
}

TEST_F(Doctor, ALimitOfFilesBelowThatOfConnectionsIsAWarning) {
  configure("[limits]\nconnections = 1\n");
  expect("open_files", CheckStatus::kOk, "limits.connections = 1");
  configure("[limits]\nconnections = 100000\n");
  const Finding finding = look("open_files");
  if (finding.status == CheckStatus::kWarn) {
    EXPECT_THAT(finding.advice, HasSubstr("ulimit -n 100064"));
  } else {
    EXPECT_EQ(finding.status, CheckStatus::kOk);
  }
}

TEST_F(Doctor, LimitsOfTheControlGroupAreRead) {
  write("/proc/self/cgroup", "1:name=systemd:/x\n0::/pods/one\n");
  write("/sys/fs/cgroup/pods/one/memory.max", "max\n");
  write("/sys/fs/cgroup/pods/memory.max", "67108864\n");
  write("/sys/fs/cgroup/pods/one/cpu.max", "150000 100000\n");
  expect("container", CheckStatus::kWarn, "memory 64 MiB, 1.50 processors");
  write("/sys/fs/cgroup/pods/one/memory.max", "1073741824\n");
  expect("container", CheckStatus::kOk, "memory 1024 MiB");
  write("/proc/self/cgroup", "0::/\n");
  write("/.dockerenv");
  expect("container", CheckStatus::kOk, "memory unlimited, processors unlimited");
}

TEST_F(Doctor, ASlowClockSourceIsAWarning) {
  const std::string path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
  write(path, "acpi_pm\n");
  expect("clock", CheckStatus::kWarn, "clock source acpi_pm");
  EXPECT_THAT(look("clock").advice, HasSubstr("clocksource=tsc"));
  write(path, "tsc\n");
  EXPECT_THAT(look("clock").found, HasSubstr("clock source tsc"));
}

TEST_F(Doctor, TextHasALineACheckAndJsonIsReadBack) {
  const std::vector<CheckResult> results = {
      {"first", {CheckStatus::kOk, "fine\x1b[2J", ""}},
      {"second", {CheckStatus::kWarn, "one\ntwo", "mend it"}},
      {"third", {CheckStatus::kSkip, "nothing", ""}},
  };
  EXPECT_EQ(doctor_text(results),
            "ok    first         fine\uFFFD[2J\n"
            "warn  second        one\n"
            "                    two\n"
            "                    -> mend it\n"
            "skip  third         nothing\n");
  const auto json = parse_json(doctor_json(results), 1 << 20);
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["status"].string_or(""), "warn");
  const auto& checks = *(*json)["checks"].as_array();
  ASSERT_EQ(checks.size(), 3U);
  EXPECT_TRUE(checks[0]["advice"].is_null());
  EXPECT_EQ(checks[1]["advice"].string_or(""), "mend it");
  EXPECT_EQ(checks[2]["status"].string_or(""), "skip");
}

TEST_F(Doctor, EveryCheckHasANameAndAnAnswer) {
  const auto results = examine(context_);
  std::vector<std::string_view> names;
  for (const auto& [name, finding] : results) {
    names.push_back(name);
    EXPECT_FALSE(finding.found.empty()) << name;
  }
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
}

#ifdef FAKE_NVML

TEST_F(Doctor, SaysWhatTheLibraryOfNvidiaSays) {
  const std::string scenario = context_.path("/nvml");
  ::setenv("GPUVIGIL_NVML", FAKE_NVML, 1);
  ::setenv("GPUVIGIL_FAKE_NVML", scenario.c_str(), 1);
  const auto f = [&](std::string_view more, CheckStatus status, std::string_view found,
                     std::string_view advice) {
    write("/nvml", fmt::format("cuda 13010\ngpu 0 uuid GPU-a\ngpu 1 uuid GPU-b\n{}", more));
    expect("nvml", status, found);
    EXPECT_THAT(look("nvml").advice, HasSubstr(std::string(advice)));
  };
  f("driver 590.48.01", CheckStatus::kOk, "driver 590.48.01, 2 GPUs, CUDA 13.1", "");
  f("driver 418.43", CheckStatus::kWarn, "too old", "535");
  f("driver 590.48.01\ngpu 1 lost", CheckStatus::kWarn, "1 do not answer", "XID 79");
  f("driver 590.48.01\nfail 1 nvmlDeviceGetHandleByIndex_v2 4", CheckStatus::kWarn, "1 are refused",
    "NVIDIA_VISIBLE_DEVICES");
  f("fail nvmlInit_v2 9", CheckStatus::kWarn, "not loaded", "load the driver");
  f("fail nvmlInit_v2 18", CheckStatus::kWarn, "upgraded", "fits this kernel");
  f("fail nvmlInit_v2 17", CheckStatus::kWarn, "blocks", "container");
  f("hang nvmlInit_v2", CheckStatus::kWarn, "does not answer", "hangs");
  f("", CheckStatus::kOk, "driver unknown, 2 GPUs", "");  // and the call that hung comes back
  ::unsetenv("GPUVIGIL_NVML");
  ::unsetenv("GPUVIGIL_FAKE_NVML");
  expect("nvml", CheckStatus::kSkip, "no driver library");
}

#endif

}  // namespace
}  // namespace gpuvigil
