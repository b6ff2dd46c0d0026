// SPDX-License-Identifier: Apache-2.0
#include "apps/doctor_versions.h"

#include <charconv>
#include <limits>

namespace gpuvigil {
namespace {

// Only what its maker or the project says in public; where, stands beside each row.
constexpr std::array kProblems = {
    KnownProblem{Versioned::kNvidiaDriver,
                 {1, 0, 0},
                 {450, 0, 0},
                 "too old for most readings",
                 "install driver 535 or newer"},
    // Release notes of the data centre driver 525, version 3.0, "fixed issues": since the first
    // 525, not before.
    KnownProblem{Versioned::kNvidiaDriver,
                 {525, 0, 0},
                 {525, 105, 17},
                 "known to lose its GPU's processor for system tasks (XID 119)",
                 "install driver 535 or newer, at least 525.105.17"},
    // NVIDIA's table of driver branches: 450 to 525 have reached the end of their life.
    KnownProblem{Versioned::kNvidiaDriver,
                 {450, 0, 0},
                 {535, 0, 0},
                 "without support any more",
                 "install driver 535 or newer"},
    // CUPTI's release notes, CUDA 13.0 Update 1, "resolved issues".
    KnownProblem{Versioned::kCupti,
                 {13, 0, 0},
                 {13, 0, 1},
                 "known to crash programs while it is flushed, so the agent leaves it alone",
                 "install CUPTI of CUDA 13.0 Update 1 or newer"},
    // CUPTI's release notes, CUDA 13.4 Update 1, "resolved issues": they do not say since when.
    KnownProblem{Versioned::kCupti,
                 {13, 0, 1},
                 {13, 4, 1},
                 "known to take more and more processor time in programs that run long",
                 "install CUPTI of CUDA 13.4 Update 1 or newer, or watch the cost of captures in "
                 "GET /api/v1/gpu/processes"},
    // Documentation/gpu/drm-usage-stats.rst came with Linux 5.19; before, drivers had keys of
    // their own or none.
    KnownProblem{Versioned::kKernel,
                 {1, 0, 0},
                 {5, 19, 0},
                 "too old to tell which process uses a card of AMD or Intel",
                 "run Linux 5.19 or newer"},
};

/// The first release of a toolkit is the number of the file's year and quarter: from NVIDIA's
/// packages of each release.
struct CuptiFile {
  unsigned year;
  unsigned number;
  unsigned major;
  unsigned minor;
};
constexpr std::array kCuptiFiles = {
    CuptiFile{2022, 1, 11, 6}, CuptiFile{2022, 2, 11, 7}, CuptiFile{2022, 3, 11, 8},
    CuptiFile{2022, 4, 12, 0}, CuptiFile{2023, 1, 12, 1}, CuptiFile{2023, 2, 12, 2},
    CuptiFile{2023, 3, 12, 3}, CuptiFile{2024, 1, 12, 4}, CuptiFile{2024, 2, 12, 5},
    CuptiFile{2024, 3, 12, 6}, CuptiFile{2025, 1, 12, 8}, CuptiFile{2025, 2, 12, 9},
    CuptiFile{2025, 3, 13, 0}, CuptiFile{2025, 4, 13, 1},
};

}  // namespace

std::optional<VersionNumber> read_version(std::string_view text) {
  VersionNumber version{};
  for (unsigned& part : version) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), part);
    if (error == std::errc::invalid_argument) break;
    if (error == std::errc::result_out_of_range) part = std::numeric_limits<unsigned>::max();
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!text.starts_with('.')) break;
    text.remove_prefix(1);
  }
  if (version[0] == 0) return std::nullopt;
  return version;
}

const KnownProblem* known_problem(Versioned what, const VersionNumber& version) {
  for (const KnownProblem& row : kProblems) {
    if (row.what == what && version >= row.from && version < row.to) return &row;
  }
  return nullptr;
}

std::optional<VersionNumber> cupti_release(std::string_view file_name) {
  constexpr std::string_view kName = "libcupti.so.";
  if (!file_name.starts_with(kName)) return std::nullopt;
  const auto version = read_version(file_name.substr(kName.size()));
  if (!version) return std::nullopt;
  for (const CuptiFile& row : kCuptiFiles) {
    if ((*version)[0] == row.year && (*version)[1] == row.number) {
      return VersionNumber{row.major, row.minor, (*version)[2]};
    }
  }
  return std::nullopt;
}

}  // namespace gpuvigil
