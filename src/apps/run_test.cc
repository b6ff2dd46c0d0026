// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/child.h"
#include "apps/run_report.h"
#include "apps/run_setup.h"
#include "apps/run_trace.h"
#include "base/json_reader.h"
#include "monitor/monitor.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(FindAgents, AnInstallationGoesBeforeABuild) {
  const auto f = [](std::vector<std::string> there, std::string_view cuda,
                    std::string_view opencl) {
    const AgentFiles found = find_agents("/opt/g/bin/gpuvigil", [&](const std::string& path) {
      return std::ranges::find(there, path) != there.end();
    });
    EXPECT_EQ(found.cuda, cuda);
    EXPECT_EQ(found.opencl, opencl);
  };
  f({}, "", "");
  f({"/opt/g/agent/cuda/libgpuvigil_cuda.so", "/opt/g/lib/gpuvigil/libgpuvigil_cuda.so"},
    "/opt/g/lib/gpuvigil/libgpuvigil_cuda.so", "");
  f({"/opt/g/agent/cuda/libgpuvigil_cuda.so", "/opt/g/agent/opencl/libgpuvigil_opencl.so"},
    "/opt/g/agent/cuda/libgpuvigil_cuda.so", "/opt/g/agent/opencl/libgpuvigil_opencl.so");
  f({"/opt/g/lib/gpuvigil/libgpuvigil_opencl.so"}, "", "/opt/g/lib/gpuvigil/libgpuvigil_opencl.so");
}

const AgentFiles kAgents = {.cuda = "/a/libgpuvigil_cuda.so",
                            .opencl = "/a/libgpuvigil_opencl.so",
                            .rocm = "/a/libgpuvigil_rocm.so"};

TEST(WatchedEnvironment, WhatIsNotOursStays) {
  const auto f = [](std::vector<std::string> current, std::vector<std::string> want) {
    const WatchedEnvironment made = watched_environment(current, kAgents, "/s");
    EXPECT_EQ(made.variables, want);
    EXPECT_THAT(made.notes, IsEmpty());
  };
  f({}, {"CUDA_INJECTION64_PATH=/a/libgpuvigil_cuda.so", "OPENCL_LAYERS=/a/libgpuvigil_opencl.so",
         "ROCP_TOOL_LIBRARIES=/a/libgpuvigil_rocm.so", "GPUVIGIL_SOCKET=/s"});
  f({"X=1", "OPENCL_LAYERS=/b/other.so", "GPUVIGIL_SOCKET=/else", "=odd", "OPENCL_LAYERSX=y"},
    {"X=1", "=odd", "OPENCL_LAYERSX=y", "CUDA_INJECTION64_PATH=/a/libgpuvigil_cuda.so",
     "OPENCL_LAYERS=/b/other.so:/a/libgpuvigil_opencl.so",
     "ROCP_TOOL_LIBRARIES=/a/libgpuvigil_rocm.so", "GPUVIGIL_SOCKET=/s"});
  // Ours already, from wherever: not twice.
  f({"OPENCL_LAYERS=/b/libgpuvigil_opencl.so:/c.so", "CUDA_INJECTION64_PATH=/b/libgpuvigil_cuda.so",
     "ROCP_TOOL_LIBRARIES=/d.so"},
    {"OPENCL_LAYERS=/b/libgpuvigil_opencl.so:/c.so", "CUDA_INJECTION64_PATH=/a/libgpuvigil_cuda.so",
     "ROCP_TOOL_LIBRARIES=/d.so:/a/libgpuvigil_rocm.so", "GPUVIGIL_SOCKET=/s"});
}

TEST(WatchedEnvironment, WhatWillNotBeSeenIsSaid) {
  const auto f = [](std::vector<std::string> current, const AgentFiles& agents,
                    std::string_view want) {
    const WatchedEnvironment made = watched_environment(current, agents, "/s");
    EXPECT_THAT(made.notes, ElementsAre(HasSubstr(std::string(want))));
  };
  f({"CUDA_INJECTION64_PATH=/nsys.so"}, kAgents, "set to /nsys.so already");
  f({}, {.cuda = "", .opencl = kAgents.opencl, .rocm = kAgents.rocm},
    "libgpuvigil_cuda.so was not found");
  f({}, {.cuda = kAgents.cuda, .opencl = "", .rocm = kAgents.rocm},
    "libgpuvigil_opencl.so was not found");
  f({}, {.cuda = kAgents.cuda, .opencl = "/a:b/x.so", .rocm = kAgents.rocm}, "colon");
  f({}, {.cuda = kAgents.cuda, .opencl = kAgents.opencl, .rocm = ""},
    "libgpuvigil_rocm.so was not found: ROCm");
  f({"GPUVIGIL_AGENT=off"}, kAgents, "GPUVIGIL_AGENT=off");
  const WatchedEnvironment left = watched_environment(
      std::vector<std::string>{"CUDA_INJECTION64_PATH=/nsys.so"}, kAgents, "/s");
  EXPECT_EQ(left.variables.front(), "CUDA_INJECTION64_PATH=/nsys.so");
}

TEST(Child, OnlyWhatSomebodySentToUsAloneIsPassedOn) {
  const auto f = [](int code, pid_t sender, bool want) {
    siginfo_t signal{};
    signal.si_code = code;
    signal.si_pid = sender;
    EXPECT_EQ(should_forward(signal, 77), want) << code << " " << sender;
  };
  f(SI_USER, 5, true);
  f(SI_QUEUE, 5, true);
  f(SI_TKILL, 5, true);
  f(SI_KERNEL, 0, false);  // a terminal's, which the child has already
  f(SI_USER, 77, false);
}

ChildEnd run_to_end(const std::vector<std::string>& command) {
  Child child;
  const auto started = child.start(command, {"PATH=/usr/bin:/bin"});
  EXPECT_TRUE(started);
  if (!started) return {};
  while (true) {
    if (const auto end = child.wait(1s)) return *end;
  }
}

TEST(Child, ItsEndIsToldAsShellsTellIt) {
  EXPECT_EQ(run_to_end({"sh", "-c", "exit 0"}).exit_code, 0);
  EXPECT_EQ(run_to_end({"sh", "-c", "exit 37"}).exit_code, 37);
  const ChildEnd killed = run_to_end({"sh", "-c", "kill -KILL $$"});
  EXPECT_EQ(killed.exit_code, 128 + SIGKILL);
  EXPECT_EQ(killed.signal, SIGKILL);
}

TEST(Child, WhatCannotBeRunIsAnErrorThatNamesIt) {
  const auto f = [](const std::string& command, Errc want) {
    Child child;
    const auto started = child.start({command}, {});
    ASSERT_FALSE(started) << command;
    EXPECT_EQ(started.error().code, want) << command;
    EXPECT_THAT(started.error().message, HasSubstr("cannot run " + command));
  };
  f("/nonexistent/program", Errc::kNotFound);
  f("gpuvigil-has-no-such-command", Errc::kNotFound);
  f("/etc/passwd", Errc::kPermission);
  f("/etc", Errc::kPermission);
}

/// A monitor with one program on one device, seen through a log.
class RunReport : public ::testing::Test {
 protected:
  static constexpr Timestamp kStart{1'000'000s};

  void launch(std::string_view name, KernelKind kind, std::vector<Duration> starts) {
    const SeriesSlot series = log_.series(owner_, device_, name, kind);
    for (const Duration start : starts) {
      const Execution one{
          .start = kStart + start, .end = kStart + start + 500ns, .duration = 500ns, .memory = {}};
      log_.execution(series, one);
    }
  }

  std::shared_ptr<const Frame> frame() { return monitor_.build(kStart + 10s, true); }

  JsonValue trace(std::uint64_t total) {
    std::string text;
    const auto frame = this->frame();
    const auto written = write_trace(log_, *frame, total, [&](std::string_view piece) {
      text += piece;
      return Result<void>();
    });
    EXPECT_TRUE(written);
    auto value = parse_json(text, 1 << 20);
    EXPECT_TRUE(value) << text;
    return value ? *value : JsonValue();
  }

  static RunFacts facts() {
    return {.command = {"prog\x1b[2J", "-x"},
            .end = {.exit_code = 3, .signal = {}},
            .wall = 2s,
            .programs = {.inside = 0, .came = 1, .refused = 0},
            .captures = {},
            .notes = {"a note"},
            .trace = {}};
  }

  Monitor monitor_{MonitorLimits(), kStart};
  ExecutionLog log_{monitor_, 4};
  OwnerId owner_ = log_.open_owner();
  DeviceSlot device_ =
      log_.device({.uuid = "GPU-1", .name = "A GPU", .pci_bus_id = {}, .source = "cuda"});
};

TEST_F(RunReport, ATraceHasWhatIsKnownSinglyAndSaysWhatIsNot) {
  launch("gemm", KernelKind::kCompute, {1us, 1200ns, 5us});
  launch("Memcpy HtoD", KernelKind::kMemcpy, {100ns, 9us});  // one more than it may keep
  const JsonValue trace = this->trace(1000);
  EXPECT_EQ(*trace["otherData"]["executions"].as_int(), 1000);
  EXPECT_EQ(*trace["otherData"]["executions_in_this_file"].as_int(), 4);
  EXPECT_EQ(*trace["otherData"]["executions_not_in_this_file"].as_int(), 996);
  EXPECT_EQ(trace["deviceProperties"].as_array()->front()["name"].string_or(""), "A GPU");
  const auto& events = *trace["traceEvents"].as_array();
  ASSERT_EQ(events.size(), 5U);
  EXPECT_EQ(events[0]["args"]["name"].string_or(""), "GPU 0: A GPU");
  const auto f = [&](std::size_t at, std::string_view name, std::string_view category, double ts,
                     double lane) {
    EXPECT_EQ(events[at]["name"].string_or(""), name);
    EXPECT_EQ(events[at]["cat"].string_or(""), category);
    EXPECT_DOUBLE_EQ(events[at]["ts"].number_or(-1), ts);
    EXPECT_DOUBLE_EQ(events[at]["dur"].number_or(-1), 0.5);
    EXPECT_DOUBLE_EQ(events[at]["tid"].number_or(-1), lane);
  };
  f(1, "Memcpy HtoD", "gpu_memcpy", 0, 0);
  f(2, "gemm", "kernel", 0.9, 0);
  f(3, "gemm", "kernel", 1.1, 1);  // at the same time as the one before
  f(4, "gemm", "kernel", 4.9, 0);
}

TEST_F(RunReport, AnErrorOfTheFileIsPassedOn) {
  launch("gemm", KernelKind::kCompute, {1us});
  const auto written = write_trace(
      log_, *frame(), 1, [](std::string_view) { return Result<void>(fail(Errc::kIo, "full")); });
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message, "full");
}

TEST_F(RunReport, TextHasTheTableAndHowItEnded) {
  launch("gemm", KernelKind::kCompute, {1us, 2us});
  launch("Memset", KernelKind::kMemset, {3us});
  const auto frame = this->frame();
  KernelStats row{.name = make_kernel_name("gemm"),
                  .counters = frame->kernels.front().counters,
                  .percentiles = {},
                  .share_percent = 100,
                  .devices = {0}};
  const KernelList list{.rows = {row}, .total_kernels = 2};
  RunFacts told = facts();
  told.trace = TraceCounts{.in_file = 2, .total = 3};
  told.programs.inside = 1;
  const std::string text = run_text(*frame, list, told);
  for (const auto* want :
       {"p95", "100.0%", "gemm", "1 of 2 kernels; more with --limit", "1 copies and sets",
        "GPU 0: A GPU (GPU-1)", "ended with exit code 3 after 2.00 s; 1 programs reported",
        "1 of them still run", "the trace holds 2 of 3 executions"}) {
    EXPECT_THAT(text, HasSubstr(want));
  }
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("no kernel was seen")));

  told.end = {.exit_code = 137, .signal = 9};
  EXPECT_THAT(run_text(*frame, list, told), HasSubstr("was ended by signal 9"));
  const auto json = parse_json(run_json(*frame, list, told), 1 << 20);
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["kernels"].as_array()->size(), 1U);
  const JsonValue& run = (*json)["run"];
  EXPECT_EQ(*run["exit_code"].as_int(), 137);
  EXPECT_EQ(*run["signal"].as_int(), 9);
  EXPECT_EQ(*run["executions"].as_int(), 3);
  EXPECT_EQ(*run["executions_in_trace"].as_int(), 2);
  EXPECT_EQ(run["command"].as_array()->size(), 2U);
  EXPECT_TRUE(run["no_kernels_reasons"].as_array()->empty());
}

TEST_F(RunReport, WhereNoKernelWasSeenItSaysWhy) {
  const auto frame = this->frame();
  const auto f = [&](const RunFacts& told, std::string_view want) {
    EXPECT_THAT(run_text(*frame, {}, told), HasSubstr("no kernel was seen"));
    EXPECT_THAT(run_text(*frame, {}, told), HasSubstr(std::string(want)));
  };
  RunFacts told = facts();
  f(told, "1 programs reported, and launched no kernel");
  told.captures = {
      {.writer = "cuda", .runtime = {}, .detail = {}, .blind = "a profiler", .cost_percent = {}}};
  f(told, "cuda: a profiler");
  told = facts();
  told.programs = {.inside = 0, .came = 0, .refused = 2};
  f(told, "2 programs wanted to report and were refused");
  f(told, "no agent was loaded");
}

}  // namespace
}  // namespace gpuvigil
