// SPDX-License-Identifier: Apache-2.0
#include "collect/rocm_smi_library.h"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace gpuvigil {
namespace {

/// Its SONAME counts up with ROCm; Debian's has a 1. What the loader does not find is ROCm's.
constexpr std::array kNames = {
    "librocm_smi64.so.7", "librocm_smi64.so.6", "librocm_smi64.so.5",
    "librocm_smi64.so.1", "librocm_smi64.so",   "/opt/rocm/lib/librocm_smi64.so",
};

/// What one return code means to us.
struct CodeRow {
  RsmiCode code;
  Errc errc;
  Missing missing;
  std::string_view words;
};

constexpr std::array kCodes = {
    CodeRow{kRsmiInvalidArguments, Errc::kNotFound, Missing::kUnsupported,
            "the library does not know this device or this question"},
    CodeRow{kRsmiNotSupported, Errc::kIo, Missing::kUnsupported, "this device does not support it"},
    CodeRow{kRsmiFileError, Errc::kUnavailable, Missing::kDriverError,
            "a file of the driver cannot be read; is amdgpu loaded?"},
    CodeRow{kRsmiPermission, Errc::kPermission, Missing::kNoPermission,
            "the driver refuses this user"},
    CodeRow{kRsmiInitError, Errc::kUnavailable, Missing::kDriverError,
            "the library could not begin; is amdgpu loaded?"},
    CodeRow{kRsmiNotImplemented, Errc::kIo, Missing::kUnsupported, "the library cannot do it yet"},
    CodeRow{kRsmiNotFound, Errc::kNotFound, Missing::kUnsupported, "there is no such device"},
    CodeRow{kRsmiNoData, Errc::kIo, Missing::kNotSampled, "there is no data yet"},
    CodeRow{kRsmiBusy, Errc::kTimeout, Missing::kDriverError, "the device is busy"},
    CodeRow{kRsmiNoFunction, Errc::kIo, Missing::kUnsupported, "this release is too old for it"},
};
constexpr CodeRow kOther{0, Errc::kIo, Missing::kDriverError, "the library failed"};

constexpr const CodeRow& row_of(RsmiCode code) {
  for (const CodeRow& row : kCodes) {
    if (row.code == code) return row;
  }
  return kOther;
}

Result<SharedLibrary> load(const std::string& name) {
  if (!name.empty()) return SharedLibrary::open(name);
  for (const char* const one : kNames) {
    if (auto library = SharedLibrary::open(one)) return library;
  }
  return fail(Errc::kUnavailable, "AMD's library librocm_smi64 is not installed");
}

}  // namespace

Result<std::shared_ptr<const RocmSmi>> RocmSmi::open(const std::string& name) {
  GPUVIGIL_TRY(auto library, load(name));
  const std::shared_ptr<RocmSmi> opened(new RocmSmi(std::move(library)));
  const RsmiCode code = opened->functions_.init(kRsmiOwnLocks);
  if (code == kRsmiNoFunction) {
    return fail(Errc::kUnavailable, "the library that was found is not librocm_smi64");
  }
  if (code != kRsmiOk) return std::unexpected(rsmi_error(code, "rsmi_init"));
  opened->is_initialized_ = true;
  return opened;
}

RocmSmi::~RocmSmi() {
  if (is_initialized_) functions_.shut_down();
}

Error rsmi_error(RsmiCode code, std::string_view what) {
  const CodeRow& row = row_of(code);
  return {row.errc, fmt::format("{} ({}: {})", row.words, what, code)};
}

Missing rsmi_missing(RsmiCode code) {
  return row_of(code).missing;
}

}  // namespace gpuvigil
