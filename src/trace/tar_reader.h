// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"

namespace gpuvigil {

/// The size of tar's header and of the blocks that a member fills.
inline constexpr std::size_t kTarBlock = 512;

/// True for the first kTarBlock bytes of a tar archive with names and check sum as POSIX has them.
[[nodiscard]] bool is_tar(std::string_view head);

/// Walks a tar archive (ustar, with GNU's and POSIX's long names) in one pass. A ByteSource of the
/// member at hand.
///
///   while (tar.next_file()) ... tar.name() ... tar.read(...) ...
///
/// An archive that is cut or damaged ends there, and the damage says so.
class TarReader final : public ByteSource {
 public:
  /// `archive` must outlive this.
  explicit TarReader(ByteSource& archive) : archive_(archive) {}

  /// Goes to the next regular file, past whatever is left of this one. False at the end. Errors:
  /// kIo of the archive's source.
  [[nodiscard]] Result<bool> next_file();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }

  [[nodiscard]] Result<std::size_t> read(std::span<char> into) override;
  [[nodiscard]] std::uint64_t file_position() const override { return archive_.file_position(); }
  [[nodiscard]] std::uint64_t file_size() const override { return archive_.file_size(); }
  [[nodiscard]] std::string damage() const override;

 private:
  struct Header;

  [[nodiscard]] Result<std::optional<Header>> read_header();
  [[nodiscard]] Result<std::string> read_text();
  [[nodiscard]] Result<void> skip_rest();

  ByteSource& archive_;
  std::string name_;
  std::uint64_t size_ = 0;
  std::uint64_t left_ = 0;     ///< Of the member.
  std::uint64_t padding_ = 0;  ///< Behind it, up to a whole block.
  std::string damage_;
};

}  // namespace gpuvigil
