// SPDX-License-Identifier: Apache-2.0
#include "collect/nvml_library.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace gpuvigil {
namespace {

/// What one return code means to us.
struct CodeRow {
  NvmlCode code;
  Errc errc;
  Missing missing;
  std::string_view words;
};

constexpr std::array kCodes = {
    CodeRow{kNvmlUninitialized, Errc::kUnavailable, Missing::kDriverError,
            "the driver's library was shut down"},
    CodeRow{kNvmlInvalidArgument, Errc::kNotFound, Missing::kUnsupported,
            "the driver does not know this device or this question"},
    CodeRow{kNvmlNotSupported, Errc::kIo, Missing::kUnsupported, "this device does not support it"},
    CodeRow{kNvmlNoPermission, Errc::kPermission, Missing::kNoPermission,
            "the driver refuses this user"},
    CodeRow{kNvmlNotFound, Errc::kNotFound, Missing::kNotSampled, "there is nothing of it"},
    CodeRow{kNvmlDriverNotLoaded, Errc::kUnavailable, Missing::kDriverError,
            "the NVIDIA driver is not loaded; load it (modprobe nvidia)"},
    CodeRow{kNvmlTimeout, Errc::kTimeout, Missing::kDriverError, "the driver gave up waiting"},
    CodeRow{kNvmlLibraryNotFound, Errc::kUnavailable, Missing::kDriverError,
            "a part of the driver's libraries is not installed"},
    CodeRow{kNvmlFunctionNotFound, Errc::kIo, Missing::kUnsupported,
            "this driver is too old for it"},
    CodeRow{kNvmlGpuIsLost, Errc::kNotFound, Missing::kLost,
            "the GPU has fallen off the bus; its machine has to be restarted"},
    CodeRow{kNvmlResetRequired, Errc::kNotFound, Missing::kLost,
            "the GPU needs a reset (nvidia-smi --gpu-reset)"},
    CodeRow{kNvmlOperatingSystem, Errc::kPermission, Missing::kNoPermission,
            "the system blocks the device nodes; allow them to this service or container"},
    CodeRow{kNvmlVersionMismatch, Errc::kUnavailable, Missing::kDriverError,
            "the driver was upgraded under the running kernel module; reload it or restart the "
            "machine"},
    CodeRow{kNvmlNoData, Errc::kIo, Missing::kNotSampled, "there is no data yet"},
    CodeRow{kNvmlArgumentVersion, Errc::kIo, Missing::kUnsupported,
            "this driver knows another version of the question"},
    CodeRow{kNvmlDeprecated, Errc::kIo, Missing::kUnsupported, "the driver gives it no more"},
    CodeRow{kNvmlNotReady, Errc::kIo, Missing::kNotSampled, "the driver is not ready yet"},
};

constexpr CodeRow kOther{kNvmlUnknown, Errc::kIo, Missing::kDriverError, "the driver failed"};

constexpr const CodeRow& row_of(NvmlCode code) {
  for (const CodeRow& row : kCodes) {
    if (row.code == code) return row;
  }
  return kOther;
}

/// What a function that fills a buffer of text says; empty when it fails.
template <class Function>
std::string text_of(const Function& function) {
  char text[kNvmlVersionBytes] = {};
  if (function(text, sizeof text) != kNvmlOk) return {};
  text[sizeof text - 1] = '\0';
  return clean_text(text);
}

}  // namespace

Result<std::shared_ptr<const NvmlLibrary>> NvmlLibrary::open(const std::string& name) {
  GPUVIGIL_TRY(auto library, SharedLibrary::open(name.empty() ? std::string(kNvmlName) : name));
  const std::shared_ptr<NvmlLibrary> opened(new NvmlLibrary(std::move(library)));
  const NvmlCode code = opened->functions_.init();
  if (code == kNvmlFunctionNotFound) {
    return fail(Errc::kUnavailable, "the library that was found is not NVIDIA's, or far too old");
  }
  if (code != kNvmlOk) return std::unexpected(nvml_error(code, "nvmlInit"));
  opened->is_initialized_ = true;
  return opened;
}

NvmlLibrary::~NvmlLibrary() {
  if (is_initialized_) functions_.shutdown();
}

NvmlVersions NvmlLibrary::versions() const {
  NvmlVersions versions{.driver = text_of(functions_.driver_version),
                        .library = text_of(functions_.library_version)};
  if (functions_.cuda_version(&versions.cuda) != kNvmlOk) versions.cuda = 0;
  return versions;
}

std::string_view nvml_words(NvmlCode code) {
  return row_of(code).words;
}

Error nvml_error(NvmlCode code, std::string_view what) {
  const CodeRow& row = row_of(code);
  return {row.errc, fmt::format("{} ({}: {})", row.words, what, code)};
}

bool is_nvml_gone(NvmlCode code) {
  return row_of(code).errc == Errc::kUnavailable;
}

Missing nvml_missing(NvmlCode code) {
  return row_of(code).missing;
}

bool is_nvml_unsupported(NvmlCode code) {
  return row_of(code).missing == Missing::kUnsupported;
}

}  // namespace gpuvigil
