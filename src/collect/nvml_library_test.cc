// SPDX-License-Identifier: Apache-2.0
#include "collect/nvml_library.h"

#include <gtest/gtest.h>

#include "collect/testing_nvml.h"

namespace gpuvigil {
namespace {

using testing::FakeNvml;
using testing::kWholeGpu;

TEST(NvmlLibrary, IsInitialisedWhileItIsHeldAndShutDownAfterwards) {
  const FakeNvml fake{std::string(kWholeGpu)};
  auto library = fake.open();
  ASSERT_NE(library, nullptr);
  EXPECT_EQ(fake.opened(), 1);
  auto other = fake.open();
  library.reset();
  EXPECT_EQ(fake.opened(), 1);
  other.reset();
  EXPECT_EQ(fake.opened(), 0);
}

TEST(NvmlLibrary, SaysWhichVersionsTheyAre) {
  const FakeNvml fake{std::string(kWholeGpu)};
  const auto library = fake.open();
  EXPECT_EQ(library->versions().driver, "590.48.01");
  EXPECT_EQ(library->versions().library, "13.590.48.01");
  EXPECT_EQ(library->versions().cuda, 13010);
}

TEST(NvmlLibrary, AnswersWithCodesAndWithTheNumbersOfTheScenario) {
  const FakeNvml fake{std::string(kWholeGpu)};
  const auto library = fake.open();
  const NvmlFunctions& call = library->call();
  NvmlDevice device = nullptr;
  ASSERT_EQ(call.by_index(0, &device), kNvmlOk);
  EXPECT_EQ(call.by_index(1, &device), kNvmlInvalidArgument);
  NvmlMemoryV2 memory{.version = nvml_version<NvmlMemoryV2>(2)};
  EXPECT_EQ(call.memory_v2(device, &memory), kNvmlOk);
  EXPECT_EQ(memory.used, 20780679168U);
  EXPECT_EQ(memory.reserved, 502267904U);
  NvmlField fields[] = {{.id = 186}, {.id = 185}};
  EXPECT_EQ(call.fields(device, 2, fields), kNvmlOk);
  EXPECT_EQ(fields[0].code, kNvmlOk);
  EXPECT_EQ(fields[0].value.u32, 588390U);
  EXPECT_EQ(fields[1].code, kNvmlNotSupported);
}

TEST(NvmlLibrary, WhatAnOldDriverLacksIsNotFoundAndHarmsNothing) {
  const FakeNvml fake(std::string(kWholeGpu), FAKE_NVML_OLD);
  const auto library = fake.open();
  ASSERT_NE(library, nullptr);
  NvmlDevice device = nullptr;
  ASSERT_EQ(library->call().by_index(0, &device), kNvmlOk);
  EXPECT_FALSE(library->call().memory_v2.is_there());
  NvmlMemoryV2 memory{};
  EXPECT_EQ(library->call().memory_v2(device, &memory), kNvmlFunctionNotFound);
  // Under its older name:
  unsigned long long reasons = 0;
  EXPECT_EQ(library->call().clock_reasons(device, &reasons), kNvmlOk);
  EXPECT_EQ(reasons, 4U);
}

TEST(NvmlLibrary, SaysWhyItCannotBeOpened) {
  const auto f = [](int code, Errc want, std::string_view words) {
    const FakeNvml fake("fail nvmlInit_v2 " + std::to_string(code));
    const auto opened = NvmlLibrary::open(fake.library());
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, want);
    EXPECT_NE(opened.error().message.find(words), std::string::npos) << opened.error().message;
    EXPECT_EQ(fake.opened(), 0);
  };
  f(kNvmlDriverNotLoaded, Errc::kUnavailable, "not loaded");
  f(kNvmlVersionMismatch, Errc::kUnavailable, "upgraded");
  f(kNvmlNoPermission, Errc::kPermission, "refuses");
  f(kNvmlOperatingSystem, Errc::kPermission, "blocks");
  f(kNvmlUnknown, Errc::kIo, "999");
  const auto absent = NvmlLibrary::open("libno-such-library.so.1");
  ASSERT_FALSE(absent.has_value());
  EXPECT_EQ(absent.error().code, Errc::kUnavailable);
  // A library that is another one altogether.
  const auto other = NvmlLibrary::open("libc.so.6");
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().code, Errc::kUnavailable);
}

TEST(NvmlLibrary, TellsWhatAnAnswerMeans) {
  const auto f = [](NvmlCode code, Missing want, bool gone, bool unsupported) {
    EXPECT_EQ(nvml_missing(code), want) << code;
    EXPECT_EQ(is_nvml_gone(code), gone) << code;
    EXPECT_EQ(is_nvml_unsupported(code), unsupported) << code;
  };
  f(kNvmlNotSupported, Missing::kUnsupported, false, true);
  f(kNvmlFunctionNotFound, Missing::kUnsupported, false, true);
  f(kNvmlArgumentVersion, Missing::kUnsupported, false, true);
  f(kNvmlDeprecated, Missing::kUnsupported, false, true);
  f(kNvmlNoPermission, Missing::kNoPermission, false, false);
  f(kNvmlGpuIsLost, Missing::kLost, false, false);
  f(kNvmlNotReady, Missing::kNotSampled, false, false);
  f(kNvmlUninitialized, Missing::kDriverError, true, false);
  f(kNvmlVersionMismatch, Missing::kDriverError, true, false);
  f(kNvmlDriverNotLoaded, Missing::kDriverError, true, false);
  f(kNvmlUnknown, Missing::kDriverError, false, false);
  f(12345, Missing::kDriverError, false, false);
}

}  // namespace
}  // namespace gpuvigil
