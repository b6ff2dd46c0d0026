// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apps/doctor.h"
#include "base/clock.h"
#include "base/result.h"

namespace gpuvigil {

/// What a person who asks for help sends along: versions, the configuration, what doctor found,
/// what the running server says of itself and the newest lines of its log. No command line, no
/// value of the environment and no token goes in, and what looks like a secret is taken out.

/// `text` without what looks like a secret: gpuvigil's tokens, credentials of Authorization headers
/// and URLs, and the value behind a name such as password=, "api_key": or GPUVIGIL_TOKEN=. What is
/// JSON stays JSON.
[[nodiscard]] std::string without_secrets(std::string_view text);

/// One file of an archive.
struct ArchiveMember {
  std::string name;  ///< At most 100 bytes.
  std::string text;
};

/// The files as a tar archive (POSIX ustar), readable by their owner alone.
[[nodiscard]] std::string make_tar(const std::vector<ArchiveMember>& members, Timestamp now);

struct BundleOptions {
  DoctorContext context;
  std::string log;  ///< A file with lines of the log; empty: none goes in.
};

/// How much of a log goes in: its end.
inline constexpr std::size_t kBundleLogBytes = 256 * 1024;

/// The members of the bundle. What cannot be had is told in its place. No errors.
[[nodiscard]] std::vector<ArchiveMember> bundle_members(const BundleOptions& options,
                                                        const std::vector<CheckResult>& results);

/// Writes them to `path`, mode 0600, in one step. Errors: kIo, kPermission.
[[nodiscard]] Result<void> write_bundle(const std::string& path, const BundleOptions& options,
                                        const std::vector<CheckResult>& results);

}  // namespace gpuvigil
