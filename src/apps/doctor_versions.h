// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace gpuvigil {

/// "525.105.17" as {525, 105, 17}; what is not there is 0.
using VersionNumber = std::array<unsigned, 3>;

/// The numbers that `text` begins with, parted by points; none where it begins with no digit.
/// "6.1.0-37-amd64" is {6, 1, 0}. What does not fit a number is as large as one can be.
[[nodiscard]] std::optional<VersionNumber> read_version(std::string_view text);

/// What has versions of which something is to be known.
enum class Versioned {
  kNvidiaDriver,
  kCupti,   ///< By the release of CUDA that it belongs to.
  kKernel,  ///< Linux, where cards of AMD or Intel are read.
};

/// Something that is wrong with all versions from `from` up to, and without, `to`.
struct KnownProblem {
  Versioned what;
  VersionNumber from;
  VersionNumber to;
  std::string_view problem;  ///< A clause about it.
  std::string_view advice;
};

/// What is wrong with that version; null where nothing is known. The first row that fits.
[[nodiscard]] const KnownProblem* known_problem(Versioned what, const VersionNumber& version);

/// The release of a libcupti by its path: that of a toolkit has it in its name ("2025.3.0" belongs
/// to CUDA 13.0); none for others.
[[nodiscard]] std::optional<VersionNumber> cupti_release(std::string_view file_name);

}  // namespace gpuvigil
