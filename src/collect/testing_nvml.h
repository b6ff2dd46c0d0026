// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/shared_library.h"
#include "collect/nvml_library.h"

#ifndef FAKE_NVML
#define FAKE_NVML "fake_nvml/libnvidia-ml.so.1"  // the build says where the double is
#endif

namespace gpuvigil::testing {

/// The fake driver library and the scenario that it plays; tests/doubles/nvml/README.md.
///
/// Threading: one test at a time in a process: the scenario is named by an environment variable.
class FakeNvml {
 public:
  explicit FakeNvml(const std::string& scenario, std::string library = FAKE_NVML)
      : library_(std::move(library)),
        path_(std::filesystem::temp_directory_path() /
              ("gpuvigil-nvml-" + std::to_string(::getpid()))) {
    ::setenv("GPUVIGIL_FAKE_NVML", path_.c_str(), 1);
    play(scenario);
  }
  ~FakeNvml() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
    ::unsetenv("GPUVIGIL_FAKE_NVML");
  }
  FakeNvml(const FakeNvml&) = delete;
  FakeNvml& operator=(const FakeNvml&) = delete;

  /// From the next call on; its times count from now.
  void play(const std::string& scenario) {
    // By renaming, because a call may read it at any time.
    const std::filesystem::path next = path_.string() + ".next";
    std::ofstream(next) << scenario;
    std::filesystem::rename(next, path_);
  }

  [[nodiscard]] const std::string& library() const { return library_; }

  [[nodiscard]] std::shared_ptr<const NvmlLibrary> open() const {
    auto opened = NvmlLibrary::open(library_);
    EXPECT_TRUE(opened.has_value()) << opened.error().message;
    return opened.value_or(nullptr);
  }

  /// How often the function of this name was called in this process; of any name when it is null.
  [[nodiscard]] std::uint64_t calls(const char* name = nullptr) const {
    return control<std::uint64_t(const char*)>("fake_nvml_calls")(name);
  }
  /// How often it was initialised and not shut down again.
  [[nodiscard]] int opened() const { return control<int()>("fake_nvml_opened")(); }

 private:
  template <class Function>
  Function* control(const char* name) const {
    // It stays loaded: the double is linked so.
    const auto library = SharedLibrary::open(library_);
    return reinterpret_cast<Function*>(library->symbol(name));
  }

  std::string library_;
  std::filesystem::path path_;
};

/// A GPU that answers all that is asked every second.
inline constexpr std::string_view kWholeGpu = R"(
driver 590.48.01
library 13.590.48.01
cuda 13010
gpu 0 uuid GPU-11111111-2222-3333-4444-555555555555
gpu 0 name NVIDIA H100 80GB HBM3
gpu 0 serial 1650522003820
gpu 0 vbios 96.00.A5.00.01
gpu 0 bus_id 00000000:00:09.0
gpu 0 minor 0
gpu 0 architecture 9
gpu 0 compute_capability 9 0
gpu 0 cores 16896
gpu 0 pcie_max 5 16
gpu 0 max_clocks 1980 1980 2619 1545
gpu 0 power_default 700000
gpu 0 power_range 200000 700000
gpu 0 thresholds 95 90 - 87
gpu 0 ecc 1
gpu 0 persistence 1
gpu 0 compute_mode 0
gpu 0 mig 0
gpu 0 utilization 87 40
gpu 0 encoder 1
gpu 0 decoder 2
gpu 0 jpeg 3
gpu 0 ofa 4
gpu 0 memory 85520809984 502267904 20780679168
gpu 0 bar1 137438953472 20781727744
gpu 0 temperature 59
gpu 0 clocks 1980 1965 2619 1545
gpu 0 fan 30
gpu 0 performance_state 0
gpu 0 power 629450
gpu 0 power_limit 700000
gpu 0 energy 1000000+629450
gpu 0 clock_reasons 0x4
gpu 0 ecc_errors 1 0 2 0
gpu 0 pcie 5 16
gpu 0 pcie_replays 9
gpu 0 remapped_rows 0 0 0 0
gpu 0 event_types 0xffff
gpu 0 field_3 u64 1
gpu 0 field_4 u64 0
gpu 0 field_82 u32 55
gpu 0 field_186 u32 588390
gpu 0 field_197 u64 1000000+4000
gpu 0 field_198 u64 2000000+8000
process 0 c 11327 2690646016
process 0 c 11345 16451108864
process 0 g 2165 26214400
gpu 0 process_utilization_11345 85 38 0 0
)";

}  // namespace gpuvigil::testing
