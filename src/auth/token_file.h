// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "auth/token.h"
#include "base/result.h"

namespace gpuvigil {

/// Where a server keeps what must survive it, readable for its user alone: `$GPUVIGIL_STATE_DIR`,
/// `$STATE_DIRECTORY` (systemd), /var/lib/gpuvigil for root, `$XDG_STATE_HOME/gpuvigil`, or
/// ~/.local/state/gpuvigil. Empty when none of them can be told.
[[nodiscard]] std::string default_state_directory();

/// The tokens of a server in its state directory: `tokens` holds their digests; `cli-token` the
/// token that the command line of the same user takes by itself.
///
/// Files have mode 0600, the directory 0700. A change is written beside the file and renamed over
/// it, under a lock that other processes respect. Links are not followed.
///
/// Threading: one thread at a time.
class TokenFile {
 public:
  explicit TokenFile(std::string directory) : directory_(std::move(directory)) {}

  /// Nothing is there yet: no tokens. Errors: kPermission (others may read or write it, not a file
  /// of this user; the message says what to do), kCorrupt, kTooLarge, kIo.
  [[nodiscard]] Result<std::vector<Token>> load() const;

  /// Adds one. Errors: those of load() and make_token(); kTooLarge when there are kMaxTokens.
  [[nodiscard]] Result<NewToken> create(const TokenRequest& request);

  /// Errors: those of load(); kNotFound.
  [[nodiscard]] Result<void> revoke(std::string_view id);

  /// Makes the first token, with every scope, and keeps it for the command line; nothing when there
  /// are tokens already.
  [[nodiscard]] Result<std::optional<NewToken>> create_first(Timestamp now);

  /// The token kept for the command line. Errors: kNotFound when there is none, kPermission, kIo.
  [[nodiscard]] Result<Secret> cli_token() const;

  [[nodiscard]] const std::string& directory() const { return directory_; }

  /// What changes when the file does: cheap, to look whether load() would tell something new.
  struct Version {
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified_ns = 0;
    friend bool operator==(const Version&, const Version&) = default;
  };
  [[nodiscard]] Version version() const;

 private:
  [[nodiscard]] std::string path(std::string_view name) const;
  template <class Change>
  [[nodiscard]] Result<void> change(Change change_tokens);

  std::string directory_;
};

}  // namespace gpuvigil
