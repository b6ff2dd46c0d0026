// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/shared_library.h"
#include "collect/nvml_abi.h"

namespace gpuvigil {

/// One function of the library, which this version of it may lack.
template <class... Arguments>
class NvmlFunction {
 public:
  /// Looks for `name`, then for `older`, which takes the same.
  NvmlFunction(const SharedLibrary& library, const char* name, const char* older = nullptr)
      : call_(reinterpret_cast<Call>(library.symbol(name))) {
    if (call_ == nullptr && older != nullptr) call_ = reinterpret_cast<Call>(library.symbol(older));
  }

  [[nodiscard]] bool is_there() const { return call_ != nullptr; }

  /// kNvmlFunctionNotFound when the library lacks it.
  NvmlCode operator()(Arguments... arguments) const {
    return call_ == nullptr ? kNvmlFunctionNotFound : call_(arguments...);
  }

 private:
  using Call = NvmlCode (*)(Arguments...);
  Call call_;
};

/// Every function of the library that is called. The exported names are the suffixed ones; the
/// header of NVIDIA hides that behind macros.
///
/// Not here on purpose: nvmlDeviceGetPcieThroughput, which blocks 20 ms a call; the counters of
/// PCIe are fields 197 and 198.
struct NvmlFunctions {
  explicit NvmlFunctions(const SharedLibrary& library) : library_(library) {}
  NvmlFunctions(const NvmlFunctions&) = delete;
  NvmlFunctions& operator=(const NvmlFunctions&) = delete;

 private:
  using Device = NvmlDevice;
  using U32 = std::uint32_t;
  using U64 = unsigned long long;
  template <class... Arguments>
  using F = NvmlFunction<Arguments...>;
  const SharedLibrary& library_;

 public:
  // The library and the driver.
  F<> init{library_, "nvmlInit_v2"};
  F<> shutdown{library_, "nvmlShutdown"};
  F<char*, U32> driver_version{library_, "nvmlSystemGetDriverVersion"};
  F<char*, U32> library_version{library_, "nvmlSystemGetNVMLVersion"};
  F<int*> cuda_version{library_, "nvmlSystemGetCudaDriverVersion_v2",
                       "nvmlSystemGetCudaDriverVersion"};
  F<U32, char*, U32> process_name{library_, "nvmlSystemGetProcessName"};

  // Which devices there are.
  F<U32*> count{library_, "nvmlDeviceGetCount_v2"};
  F<U32, Device*> by_index{library_, "nvmlDeviceGetHandleByIndex_v2"};
  F<Device, U32*, U32*> mig_mode{library_, "nvmlDeviceGetMigMode"};
  F<Device, U32*> max_mig_devices{library_, "nvmlDeviceGetMaxMigDeviceCount"};
  F<Device, U32, Device*> mig_by_index{library_, "nvmlDeviceGetMigDeviceHandleByIndex"};
  F<Device, U32*> gpu_instance{library_, "nvmlDeviceGetGpuInstanceId"};
  F<Device, U32*> compute_instance{library_, "nvmlDeviceGetComputeInstanceId"};

  // What a device is.
  F<Device, char*, U32> uuid{library_, "nvmlDeviceGetUUID"};
  F<Device, char*, U32> name{library_, "nvmlDeviceGetName"};
  F<Device, char*, U32> serial{library_, "nvmlDeviceGetSerial"};
  F<Device, char*, U32> vbios_version{library_, "nvmlDeviceGetVbiosVersion"};
  F<Device, NvmlPci*> pci{library_, "nvmlDeviceGetPciInfo_v3", "nvmlDeviceGetPciInfo_v2"};
  F<Device, U32*> minor_number{library_, "nvmlDeviceGetMinorNumber"};
  F<Device, U32*> architecture{library_, "nvmlDeviceGetArchitecture"};
  F<Device, int*, int*> compute_capability{library_, "nvmlDeviceGetCudaComputeCapability"};
  F<Device, U32*> cores{library_, "nvmlDeviceGetNumGpuCores"};
  F<Device, NvmlAttributes*> attributes{library_, "nvmlDeviceGetAttributes_v2"};
  F<Device, U32*> max_pcie_generation{library_, "nvmlDeviceGetMaxPcieLinkGeneration"};
  F<Device, U32*> max_pcie_width{library_, "nvmlDeviceGetMaxPcieLinkWidth"};
  F<Device, int, U32*> max_clock{library_, "nvmlDeviceGetMaxClockInfo"};
  F<Device, U32*> default_power_limit{library_, "nvmlDeviceGetPowerManagementDefaultLimit"};
  F<Device, U32*, U32*> power_limits{library_, "nvmlDeviceGetPowerManagementLimitConstraints"};
  F<Device, int, U32*> temperature_threshold{library_, "nvmlDeviceGetTemperatureThreshold"};
  F<Device, U32*, U32*> ecc_mode{library_, "nvmlDeviceGetEccMode"};
  F<Device, U32*> persistence_mode{library_, "nvmlDeviceGetPersistenceMode"};
  F<Device, U32*> compute_mode{library_, "nvmlDeviceGetComputeMode"};

  // What it says now.
  F<Device, NvmlUtilization*> utilization{library_, "nvmlDeviceGetUtilizationRates"};
  F<Device, U32*, U32*> encoder{library_, "nvmlDeviceGetEncoderUtilization"};
  F<Device, U32*, U32*> decoder{library_, "nvmlDeviceGetDecoderUtilization"};
  F<Device, U32*, U32*> jpeg{library_, "nvmlDeviceGetJpgUtilization"};
  F<Device, U32*, U32*> ofa{library_, "nvmlDeviceGetOfaUtilization"};
  F<Device, NvmlMemoryV2*> memory_v2{library_, "nvmlDeviceGetMemoryInfo_v2"};
  F<Device, NvmlMemory*> memory{library_, "nvmlDeviceGetMemoryInfo"};
  F<Device, NvmlBar1Memory*> bar1{library_, "nvmlDeviceGetBAR1MemoryInfo"};
  F<Device, NvmlTemperature*> temperature_v1{library_, "nvmlDeviceGetTemperatureV"};
  F<Device, int, U32*> temperature{library_, "nvmlDeviceGetTemperature"};
  F<Device, int, U32*> clock{library_, "nvmlDeviceGetClockInfo"};
  F<Device, U32*> fan_speed{library_, "nvmlDeviceGetFanSpeed"};
  F<Device, int*> performance_state{library_, "nvmlDeviceGetPerformanceState"};
  F<Device, U32*> power{library_, "nvmlDeviceGetPowerUsage"};
  F<Device, U32*> power_limit{library_, "nvmlDeviceGetEnforcedPowerLimit",
                              "nvmlDeviceGetPowerManagementLimit"};
  F<Device, U64*> energy{library_, "nvmlDeviceGetTotalEnergyConsumption"};
  F<Device, U64*> clock_reasons{library_, "nvmlDeviceGetCurrentClocksEventReasons",
                                "nvmlDeviceGetCurrentClocksThrottleReasons"};
  F<Device, int, int, U64*> ecc_errors{library_, "nvmlDeviceGetTotalEccErrors"};
  F<Device, U32*> pcie_generation{library_, "nvmlDeviceGetCurrPcieLinkGeneration"};
  F<Device, U32*> pcie_width{library_, "nvmlDeviceGetCurrPcieLinkWidth"};
  F<Device, U32*> pcie_replays{library_, "nvmlDeviceGetPcieReplayCounter"};
  F<Device, U32*, U32*, U32*, U32*> remapped_rows{library_, "nvmlDeviceGetRemappedRows"};
  F<Device, U32, U32*> nvlink_state{library_, "nvmlDeviceGetNvLinkState"};
  F<Device, int, NvmlField*> fields{library_, "nvmlDeviceGetFieldValues"};

  // Who uses it. Processes of compute, graphics and MPS contexts.
  F<Device, U32*, void*> compute_processes{library_, "nvmlDeviceGetComputeRunningProcesses_v3",
                                           "nvmlDeviceGetComputeRunningProcesses_v2"};
  F<Device, U32*, void*> graphics_processes{library_, "nvmlDeviceGetGraphicsRunningProcesses_v3",
                                            "nvmlDeviceGetGraphicsRunningProcesses_v2"};
  F<Device, U32*, void*> mps_processes{library_, "nvmlDeviceGetMPSComputeRunningProcesses_v3",
                                       "nvmlDeviceGetMPSComputeRunningProcesses_v2"};
  F<Device, NvmlProcessUtilization*, U32*, U64> process_utilization{
      library_, "nvmlDeviceGetProcessUtilization"};

  // What happens to it.
  F<NvmlEventSet*> new_event_set{library_, "nvmlEventSetCreate"};
  F<Device, U64*> event_types{library_, "nvmlDeviceGetSupportedEventTypes"};
  F<Device, U64, NvmlEventSet> register_events{library_, "nvmlDeviceRegisterEvents"};
  F<NvmlEventSet, NvmlEvent*, U32> wait_event{library_, "nvmlEventSetWait_v2"};
  F<NvmlEventSet> free_event_set{library_, "nvmlEventSetFree"};

  // Its performance monitor, from Hopper on.
  F<Device, NvmlGpmSupport*> gpm_support{library_, "nvmlGpmQueryDeviceSupport"};
  F<NvmlGpmSample*> new_gpm_sample{library_, "nvmlGpmSampleAlloc"};
  F<NvmlGpmSample> free_gpm_sample{library_, "nvmlGpmSampleFree"};
  F<Device, NvmlGpmSample> take_gpm_sample{library_, "nvmlGpmSampleGet"};
  F<Device, U32, NvmlGpmSample> take_mig_gpm_sample{library_, "nvmlGpmMigSampleGet"};
  F<NvmlGpmMetrics*> gpm_metrics{library_, "nvmlGpmMetricsGet"};
};

}  // namespace gpuvigil
