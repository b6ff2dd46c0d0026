// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "apps/doctor_files.h"
#include "apps/doctor_versions.h"
#include "apps/testing_doctor.h"
#include "base/unique_fd.h"

namespace gpuvigil {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

/// A variable of the environment for the length of a scope.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

constexpr std::string_view kMap = "7f00-7f01 r-xp 00000000 08:01 42 ";

TEST_F(Doctor, WhoHoldsCuptiIsTold) {
  expect("profilers", CheckStatus::kSkip, "no process");
  write("/proc/10/maps",
        fmt::format("{}/opt/lib/libgpuvigil_cuda.so\n{}/cuda/libcupti.so.12\n", kMap, kMap));
  write("/proc/10/comm", "train\n");
  write("/proc/11/maps", fmt::format("{}/t/libtorch_cpu.so\n{}/t/libcupti.so.12\n", kMap, kMap));
  write("/proc/11/comm", "python\n");
  write("/proc/12/maps", fmt::format("{}/usr/lib/libc.so.6\n", kMap));
  write("/proc/self/maps", fmt::format("{}/cuda/libcupti.so.12\n", kMap));
  expect("profilers", CheckStatus::kOk, "10 train: gpuvigil's agent, libcupti.so.12");
  EXPECT_THAT(look("profilers").found, HasSubstr("11 python: PyTorch"));
  EXPECT_THAT(look("profilers").found, Not(HasSubstr("\n12 ")));
  write("/proc/13/maps",
        fmt::format("{}/nsys/libToolsInjection64.so\n{}/nsys/libcupti.so.12.4\n", kMap, kMap));
  write("/proc/13/comm", "app\x1b[2J\n");
  expect("profilers", CheckStatus::kWarn, "13 app\uFFFD[2J: Nsight Systems");
  EXPECT_TRUE(look("profilers").found.starts_with("13 "));  // what matters comes first
}

TEST_F(Doctor, ProcessesThatHideAreCounted) {
  write("/proc/10/comm", "other\n");
  EXPECT_THAT(look("profilers").found, HasSubstr("could not be looked into: 1"));
}

TEST_F(Doctor, OnlySoManyHoldersAreNamed) {
  for (int pid = 100; pid < 120; ++pid) {
    write(fmt::format("/proc/{}/maps", pid), fmt::format("{}/c/libcupti.so.12\n", kMap));
  }
  EXPECT_THAT(look("profilers").found, HasSubstr("and 12 more"));
}

TEST(DoctorVersions, AreReadAsFarAsTheyAreNumbers) {
  const auto f = [](std::string_view text, std::optional<VersionNumber> want) {
    EXPECT_EQ(read_version(text), want) << text;
  };
  f("525.105.17", VersionNumber{525, 105, 17});
  f("6.1.0-37-amd64", VersionNumber{6, 1, 0});
  f("13", VersionNumber{13, 0, 0});
  f("5.", VersionNumber{5, 0, 0});
  f("99999999999.1", VersionNumber{4294967295U, 1, 0});
  f("", std::nullopt);
  f("x86_64", std::nullopt);
  f("-1", std::nullopt);
}

TEST(DoctorVersions, ProblemsBeginAndEndWhereTheyAreSaidTo) {
  const auto f = [](Versioned what, VersionNumber version, std::string_view want) {
    const KnownProblem* const found = known_problem(what, version);
    EXPECT_THAT(std::string(found == nullptr ? "" : found->problem), HasSubstr(std::string(want)));
    EXPECT_EQ(found == nullptr, want.empty());
  };
  f(Versioned::kNvidiaDriver, {449, 99, 0}, "too old");
  f(Versioned::kNvidiaDriver, {450, 0, 0}, "without support");
  f(Versioned::kNvidiaDriver, {525, 105, 16}, "XID 119");
  f(Versioned::kNvidiaDriver, {525, 105, 17}, "without support");
  f(Versioned::kNvidiaDriver, {535, 0, 0}, "");
  f(Versioned::kCupti, {12, 9, 1}, "");
  f(Versioned::kCupti, {13, 0, 0}, "crash");
  f(Versioned::kCupti, {13, 0, 1}, "processor time");
  f(Versioned::kCupti, {13, 4, 1}, "");
  f(Versioned::kKernel, {5, 18, 9}, "too old");
  f(Versioned::kKernel, {5, 19, 0}, "");
}

TEST(DoctorVersions, TheReleaseOfACuptiIsInTheNameOfItsFile) {
  EXPECT_EQ(cupti_release("libcupti.so.2025.3.0"), (VersionNumber{13, 0, 0}));
  EXPECT_EQ(cupti_release("libcupti.so.2025.3.1"), (VersionNumber{13, 0, 1}));
  EXPECT_EQ(cupti_release("libcupti.so.2024.1.0"), (VersionNumber{12, 4, 0}));
  EXPECT_EQ(cupti_release("libcupti.so.12"), std::nullopt);
  EXPECT_EQ(cupti_release("libcupti.so"), std::nullopt);
  EXPECT_EQ(cupti_release("libcuda.so.2025.3.0"), std::nullopt);
}

TEST_F(Doctor, VersionsThatAreKnownToBeBadAreNamed) {
  expect("versions", CheckStatus::kSkip, "no version");
  const std::string module = "/proc/driver/nvidia/version";
  write(module, "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 2025\n");
  expect("versions", CheckStatus::kOk, "NVIDIA's driver 580.65.6");
  write(module, "NVRM version: NVIDIA UNIX x86_64 Kernel Module  525.60.13  Wed Nov 30 2022\n");
  expect("versions", CheckStatus::kWarn, "525.60.13 is known to lose");
  write("/usr/local/cuda/lib64/libcupti.so.2025.3.0");
  fs::create_symlink("libcupti.so.2025.3.0", context_.path("/usr/local/cuda/lib64/libcupti.so.13"));
  expect("versions", CheckStatus::kWarn, "CUPTI 13.0.0 is known to crash");
  EXPECT_THAT(look("versions").advice, HasSubstr("535"));
  EXPECT_THAT(look("versions").advice, HasSubstr("13.0 Update 1"));
}

TEST_F(Doctor, AContainerWithoutWhatItNeedsIsToldHowToStart) {
  const auto f = [&](CheckStatus status, std::string_view found, std::string_view advice) {
    expect("container_gpu", status, found);
    EXPECT_THAT(look("container_gpu").advice, HasSubstr(std::string(advice)));
  };
  write("/proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX 580.65.06\n");
  f(CheckStatus::kSkip, "no container", "");
  write("/.dockerenv");
  f(CheckStatus::kWarn, "none of its GPUs", "--gpus all");
  write("/dev/nvidia0");
  write("/dev/nvidiactl");
  f(CheckStatus::kOk, "1 NVIDIA GPUs", "");
  {
    const Variable capabilities("NVIDIA_DRIVER_CAPABILITIES", "compute,graphics");
    f(CheckStatus::kWarn, "lacks utility: libnvidia-ml", "utility,compute");
  }
  {
    const Variable capabilities("NVIDIA_DRIVER_CAPABILITIES", "utility");
    f(CheckStatus::kWarn, "lacks compute", "utility,compute");
  }
  {
    const Variable capabilities("NVIDIA_DRIVER_CAPABILITIES", "all");
    f(CheckStatus::kOk, "1 NVIDIA GPUs", "");
  }
  const Variable visible("NVIDIA_VISIBLE_DEVICES", "void");
  f(CheckStatus::kWarn, "NVIDIA_VISIBLE_DEVICES=void", "NVIDIA_VISIBLE_DEVICES=all");
}

TEST(DoctorDevices, WhatItsModeAllowsAndIsRefusedIsTheControlGroups) {
  EXPECT_THAT(of_device_open("/dev/nvidiactl", EPERM).found, HasSubstr("control group"));
  EXPECT_THAT(of_device_open("/dev/nvidiactl", EPERM).advice, HasSubstr("DeviceAllow="));
  EXPECT_THAT(of_device_open("/dev/kfd", ENODEV).found, HasSubstr("No such device"));
  EXPECT_THAT(of_device_open("/dev/kfd", ENODEV).advice, HasSubstr("load the driver"));
}

TEST_F(Doctor, AdviceNamesTheGroupOfADeviceNode) {
  write("/dev/kfd");
  if (::chown(context_.path("/dev/kfd").c_str(), 0, 44) != 0) GTEST_SKIP() << "not root";
  EXPECT_THAT(group_advice(context_, "/dev/kfd"), HasSubstr("usermod -aG video USER"));
  EXPECT_EQ(::chown(context_.path("/dev/kfd").c_str(), 0, 54321), 0);
  EXPECT_THAT(group_advice(context_, "/dev/kfd"), HasSubstr("group 54321"));
  write("/run/.containerenv");
  EXPECT_THAT(group_advice(context_, "/dev/kfd"), HasSubstr("--group-add 54321"));
}

TEST_F(Doctor, APidNamespaceOfItsOwnIsAWarning) {
  expect("pids", CheckStatus::kSkip, "no /proc/self/ns/pid");
  fs::create_directories(context_.path("/proc/self/ns"));
  const std::string link = context_.path("/proc/self/ns/pid");
  fs::create_symlink("pid:[4026532001]", link);
  expect("pids", CheckStatus::kWarn, "this container only");
  EXPECT_THAT(look("pids").advice, HasSubstr("--pid=host"));
  fs::remove(link);
  fs::create_symlink("pid:[4026531836]", link);
  expect("pids", CheckStatus::kOk, "all processes");
}

TEST_F(Doctor, HiddenPidsAreAWarningForWhoIsNotRoot) {
  write("/proc/self/mountinfo",
        "22 27 0:21 / /proc rw,nosuid shared:13 - proc proc rw,hidepid=invisible\n");
  fs::create_directories(context_.path("/proc/self/ns"));
  fs::create_symlink("pid:[4026531836]", context_.path("/proc/self/ns/pid"));
  const auto is_warned = [&] {  // in a child, which may stop being root
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) std::exit(2);
    std::exit(look("pids").found.find("hidepid") != std::string::npos ? 0 : 1);
  };
  EXPECT_EXIT(is_warned(), testing::ExitedWithCode(0), "");
  write("/proc/self/mountinfo", "22 27 0:21 / /proc rw shared:13 - proc proc rw,hidepid=0\n");
  expect("pids", CheckStatus::kOk, "all processes");
}

TEST_F(Doctor, TheSocketOfProgramsIsFollowedToWhoListens) {
  const std::string path = "/s/agent.sock";
  configure(fmt::format("[server]\nsocket = '{}'\n", path));
  expect("agent_socket", CheckStatus::kSkip, "is not there");
  write("/.dockerenv");
  expect("agent_socket", CheckStatus::kWarn, "/s is not in this container");
  EXPECT_THAT(look("agent_socket").advice, HasSubstr("-v /s:/s:ro"));
  write(path);
  expect("agent_socket", CheckStatus::kFail, "no socket");
  fs::remove(context_.path(path));
  {
    const UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    context_.path(path).copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::listen(socket.get(), 1), 0);
    expect("agent_socket", CheckStatus::kOk, "a server listens at /s/agent.sock");
  }
  expect("agent_socket", CheckStatus::kWarn, "nobody listens at /s/agent.sock");
  write("/proc/self/mountinfo", "1 2 0:3 / /s/agent.sock ro - ext4 /dev/sda1 ro\n");
  expect("agent_socket", CheckStatus::kWarn, "mounted by itself");
  EXPECT_THAT(look("agent_socket").advice, HasSubstr("mount its folder /s"));
  configure("[server]\nsocket = 'off'\n");
  expect("agent_socket", CheckStatus::kSkip, "off");
}

TEST_F(Doctor, AnAgentThatIsSetButNotThereIsAWarning) {
  expect("agents", CheckStatus::kSkip, "no agent");
  const Variable layers("OPENCL_LAYERS", "/other/layer.so:/a/libgpuvigil_opencl.so");
  expect("agents", CheckStatus::kWarn, "OPENCL_LAYERS names /a/libgpuvigil_opencl.so");
  write("/a/libgpuvigil_opencl.so");
  expect("agents", CheckStatus::kOk, "OPENCL_LAYERS");
}

}  // namespace
}  // namespace gpuvigil
