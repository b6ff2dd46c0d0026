// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/shared_library.h"
#include "collect/nvml_abi.h"
#include "collect/nvml_functions.h"
#include "model/reading.h"

namespace gpuvigil {

/// The name under which the dynamic linker knows NVIDIA's management library. Never without its
/// number: that link exists only where the development package is installed.
inline constexpr std::string_view kNvmlName = "libnvidia-ml.so.1";

/// What the library and the driver say of themselves; empty or 0 what they do not.
struct NvmlVersions {
  std::string driver;   ///< "590.48.01".
  std::string library;  ///< "13.590.48.01".
  int cuda = 0;         ///< The newest CUDA that this driver runs: 13010 is 13.1.
};

/// NVIDIA's management library, loaded and initialised.
///
/// Threading: the library is safe from any thread, and so is this. Each of its calls may block,
/// some for ever when a GPU hangs: whoever is in a call keeps a share of the library, because it
/// must not be unloaded below them.
class NvmlLibrary {
 public:
  /// `name` is a path or a name; empty: kNvmlName.
  /// Errors: kUnavailable (no library, no driver, or versions that do not fit), kPermission.
  [[nodiscard]] static Result<std::shared_ptr<const NvmlLibrary>> open(const std::string& name);

  /// Shuts it down and unloads it.
  ~NvmlLibrary();
  NvmlLibrary(const NvmlLibrary&) = delete;
  NvmlLibrary& operator=(const NvmlLibrary&) = delete;

  [[nodiscard]] const NvmlFunctions& call() const { return functions_; }
  [[nodiscard]] NvmlVersions versions() const;

 private:
  explicit NvmlLibrary(SharedLibrary library) : library_(std::move(library)) {}

  SharedLibrary library_;
  NvmlFunctions functions_{library_};
  bool is_initialized_ = false;
};

/// "the GPU has fallen off the bus"; what to do where something can be done.
[[nodiscard]] std::string_view nvml_words(NvmlCode code);

/// What a caller does about it: kUnavailable (the driver is gone or is another one, open again),
/// kNotFound (this GPU is gone), kPermission, kTimeout, kIo for the rest. `what` names the call.
[[nodiscard]] Error nvml_error(NvmlCode code, std::string_view what);

/// The driver as a whole is gone or was replaced: the library has to be opened anew.
[[nodiscard]] bool is_nvml_gone(NvmlCode code);

/// Why a reading is absent after this answer, which is not kNvmlOk.
[[nodiscard]] Missing nvml_missing(NvmlCode code);

/// Asking again is in vain as long as device and driver are the same.
[[nodiscard]] bool is_nvml_unsupported(NvmlCode code);

}  // namespace gpuvigil
