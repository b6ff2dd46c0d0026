// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

// What of the binary interface of libnvidia-ml.so.1 we use, in our own words: the library is loaded
// while the program runs, so that one build runs with every driver and without any. NVIDIA keeps
// these layouts from version to version; a new layout has a new function or a version number.
//
// Names end in the version of their structure where it has one. Every call returns an NvmlCode.

namespace gpuvigil {

using NvmlCode = int;
using NvmlDevice = struct NvmlDeviceHandle*;
using NvmlEventSet = struct NvmlEventSetHandle*;
using NvmlGpmSample = struct NvmlGpmSampleHandle*;

// Those codes that are told apart; any other is a failure.
inline constexpr NvmlCode kNvmlOk = 0;
inline constexpr NvmlCode kNvmlUninitialized = 1;
inline constexpr NvmlCode kNvmlInvalidArgument = 2;
inline constexpr NvmlCode kNvmlNotSupported = 3;
inline constexpr NvmlCode kNvmlNoPermission = 4;
inline constexpr NvmlCode kNvmlNotFound = 6;
inline constexpr NvmlCode kNvmlInsufficientSize = 7;
inline constexpr NvmlCode kNvmlDriverNotLoaded = 9;
inline constexpr NvmlCode kNvmlTimeout = 10;
inline constexpr NvmlCode kNvmlLibraryNotFound = 12;
inline constexpr NvmlCode kNvmlFunctionNotFound = 13;
inline constexpr NvmlCode kNvmlGpuIsLost = 15;
inline constexpr NvmlCode kNvmlResetRequired = 16;
inline constexpr NvmlCode kNvmlOperatingSystem = 17;  ///< Blocked by a control group, say.
inline constexpr NvmlCode kNvmlVersionMismatch = 18;  ///< Library and kernel module differ.
inline constexpr NvmlCode kNvmlNoData = 21;
inline constexpr NvmlCode kNvmlArgumentVersion = 25;
inline constexpr NvmlCode kNvmlDeprecated = 26;
inline constexpr NvmlCode kNvmlNotReady = 27;
inline constexpr NvmlCode kNvmlUnknown = 999;

inline constexpr unsigned kNvmlNameBytes = 96;     ///< Room for a product name.
inline constexpr unsigned kNvmlUuidBytes = 96;     ///< Room for "MIG-" and a UUID, and older forms.
inline constexpr unsigned kNvmlVersionBytes = 80;  ///< Room for a version of driver or library.

/// What stands where a number would, when there is none: all bits set.
inline constexpr std::uint64_t kNvmlNoValue = ~std::uint64_t{0};
inline constexpr std::uint32_t kNvmlNoInstance = ~std::uint32_t{0};

/// The version that a structure carries: its size, and its number above.
template <class T>
[[nodiscard]] constexpr std::uint32_t nvml_version(std::uint32_t number) {
  return static_cast<std::uint32_t>(sizeof(T)) | number << 24U;
}

struct NvmlMemory {
  std::uint64_t total, free, used;  ///< Bytes; `used` with what the driver keeps.
};

struct NvmlMemoryV2 {
  std::uint32_t version;
  std::uint64_t total, reserved, free, used;  ///< Bytes; `used` without `reserved`.
};

struct NvmlBar1Memory {
  std::uint64_t total, free, used;
};

struct NvmlUtilization {
  std::uint32_t gpu, memory;  ///< Percent of the driver's window, 1/6 to 1 s.
};

struct NvmlPci {
  char legacy_bus_id[16];
  std::uint32_t domain, bus, device, device_id, subsystem_id;
  char bus_id[32];
};

/// A process on a device, as `..._v2` and `..._v3` write it. Some drivers 535 write 32 bytes each,
/// with a number more at the end: the length is found out, see process_record_bytes().
struct NvmlProcess {
  std::uint32_t pid;
  std::uint64_t used_memory;  ///< Bytes; kNvmlNoValue when not available.
  std::uint32_t gpu_instance, compute_instance;
};

struct NvmlProcessUtilization {
  std::uint32_t pid;
  std::uint64_t timestamp_us;
  std::uint32_t sm, memory, encoder, decoder;  ///< Percent.
};

union NvmlValue {
  double f64;
  std::int32_t i32;
  std::uint32_t u32;
  std::uint64_t u64;
  std::int64_t i64;
  std::uint16_t u16;
};

enum class NvmlValueType : std::int32_t { kDouble, kU32, kUlong, kU64, kI64, kI32, kU16 };

struct NvmlField {
  std::uint32_t id, scope;
  std::int64_t timestamp_us, latency_us;
  NvmlValueType type;
  NvmlCode code;
  NvmlValue value;
};

struct NvmlEvent {
  NvmlDevice device;
  std::uint64_t type, data;
  std::uint32_t gpu_instance, compute_instance;
};

struct NvmlGpmMetric {
  std::uint32_t id;
  NvmlCode code;
  double value;
  const char* short_name;
  const char* long_name;
  const char* unit;
};

/// NVIDIA's array grew from 98 to 333; the library reads as many as `count` says.
inline constexpr std::size_t kNvmlMaxGpmMetrics = 333;

struct NvmlGpmMetrics {
  std::uint32_t version;  ///< 1
  std::uint32_t count;
  NvmlGpmSample earlier, later;
  NvmlGpmMetric metrics[kNvmlMaxGpmMetrics];
};

struct NvmlGpmSupport {
  std::uint32_t version;  ///< 1
  std::uint32_t is_supported;
};

struct NvmlTemperature {
  std::uint32_t version;
  std::uint32_t sensor;  ///< 0: the GPU.
  std::int32_t celsius;
};

struct NvmlAttributes {
  std::uint32_t multiprocessors, copy_engines, decoders, encoders, jpegs, ofas;
  std::uint32_t gpu_slices, compute_slices;
  std::uint64_t memory_mib;
};

// Where the fields lie, so that a wrong guess does not build.
static_assert(sizeof(NvmlMemory) == 24 && sizeof(NvmlBar1Memory) == 24);
static_assert(sizeof(NvmlMemoryV2) == 40 && nvml_version<NvmlMemoryV2>(2) == 0x02000028);
static_assert(offsetof(NvmlMemoryV2, total) == 8 && offsetof(NvmlMemoryV2, used) == 32);
static_assert(sizeof(NvmlUtilization) == 8);
static_assert(sizeof(NvmlPci) == 68 && offsetof(NvmlPci, domain) == 16);
static_assert(offsetof(NvmlPci, bus_id) == 36);
static_assert(sizeof(NvmlProcess) == 24 && offsetof(NvmlProcess, used_memory) == 8);
static_assert(offsetof(NvmlProcess, gpu_instance) == 16);
static_assert(sizeof(NvmlProcessUtilization) == 32);
static_assert(offsetof(NvmlProcessUtilization, timestamp_us) == 8);
static_assert(offsetof(NvmlProcessUtilization, decoder) == 28);
static_assert(sizeof(NvmlField) == 40 && offsetof(NvmlField, timestamp_us) == 8);
static_assert(offsetof(NvmlField, type) == 24 && offsetof(NvmlField, code) == 28);
static_assert(offsetof(NvmlField, value) == 32);
static_assert(sizeof(NvmlEvent) == 32 && offsetof(NvmlEvent, type) == 8);
static_assert(offsetof(NvmlEvent, gpu_instance) == 24);
static_assert(sizeof(NvmlGpmMetric) == 40 && offsetof(NvmlGpmMetric, value) == 8);
static_assert(offsetof(NvmlGpmMetrics, earlier) == 8 && offsetof(NvmlGpmMetrics, metrics) == 24);
static_assert(sizeof(NvmlGpmSupport) == 8);
static_assert(sizeof(NvmlTemperature) == 12 && nvml_version<NvmlTemperature>(1) == 0x0100000c);
static_assert(sizeof(NvmlAttributes) == 40 && offsetof(NvmlAttributes, memory_mib) == 32);

// Selectors of calls that answer for several things.
inline constexpr int kNvmlClockGraphics = 0;
inline constexpr int kNvmlClockSm = 1;
inline constexpr int kNvmlClockMemory = 2;
inline constexpr int kNvmlClockVideo = 3;
inline constexpr int kNvmlThresholdShutdown = 0;
inline constexpr int kNvmlThresholdSlowdown = 1;
inline constexpr int kNvmlCorrected = 0;
inline constexpr int kNvmlUncorrected = 1;
inline constexpr int kNvmlVolatile = 0;
inline constexpr int kNvmlAggregate = 1;
inline constexpr std::uint32_t kNvmlEnabled = 1;
inline constexpr std::uint32_t kNvmlAllLinks = ~std::uint32_t{0};  ///< Scope: their sum.

// Bits of NvmlEvent::type.
inline constexpr std::uint64_t kNvmlEventSingleBitEcc = 0x1;
inline constexpr std::uint64_t kNvmlEventDoubleBitEcc = 0x2;
inline constexpr std::uint64_t kNvmlEventXid = 0x8;  ///< `data` is its number.
inline constexpr std::uint64_t kNvmlEventMigConfig = 0x100;
inline constexpr std::uint64_t kNvmlEventSingleBitStorm = 0x200;
inline constexpr std::uint64_t kNvmlEventDramRetirement = 0x400;
inline constexpr std::uint64_t kNvmlEventDramRetirementFailure = 0x800;
inline constexpr std::uint64_t kNvmlEventPoison = 0x1000;
inline constexpr std::uint64_t kNvmlEventFatalPoison = 0x2000;
inline constexpr std::uint64_t kNvmlEventGpuUnavailable = 0x4000;
inline constexpr std::uint64_t kNvmlEventRecoveryAction = 0x8000;

}  // namespace gpuvigil
