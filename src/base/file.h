// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gpuvigil {

/// Bytes one after the other, from wherever they come: a file, what a file inflates to, a member of
/// an archive, memory.
///
/// Threading: one thread at a time.
class ByteSource {
 public:
  ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;

  /// Fills the front of `into`, which must not be empty. Returns how many bytes; 0 only at the end,
  /// and from then on. Errors: kIo.
  [[nodiscard]] virtual Result<std::size_t> read(std::span<char> into) = 0;

  /// How much of the underlying file has been read, for progress; of a compressed one, compressed.
  [[nodiscard]] virtual std::uint64_t file_position() const = 0;
  [[nodiscard]] virtual std::uint64_t file_size() const = 0;

  /// True when offsets in these bytes are not offsets in the file.
  [[nodiscard]] virtual bool is_inflated() const { return false; }

  /// At the end: why fewer bytes came than were promised, or what was ignored, in a clause; empty
  /// when everything was whole.
  [[nodiscard]] virtual std::string damage() const { return {}; }
};

/// Reads until `into` is full or the source has ended; fewer bytes only at the end.
[[nodiscard]] Result<std::size_t> read_fully(ByteSource& source, std::span<char> into);

/// A regular file.
class FileSource final : public ByteSource {
 public:
  /// Opens a regular file and nothing else: what is missing, a directory, a device or a pipe is
  /// refused in one line that names it, and opening never waits for anybody. Errors: kNotFound,
  /// kPermission, kInvalidArgument (not a regular file), kIo.
  [[nodiscard]] static Result<FileSource> open(const std::string& path);

  FileSource(FileSource&& other) noexcept;
  FileSource& operator=(FileSource&&) = delete;
  ~FileSource() override;

  [[nodiscard]] Result<std::size_t> read(std::span<char> into) override;
  [[nodiscard]] std::uint64_t file_position() const override { return position_; }
  [[nodiscard]] std::uint64_t file_size() const override { return size_; }

  /// At most `count` bytes from the beginning, without moving the position.
  [[nodiscard]] Result<std::string> head(std::size_t count) const;

 private:
  FileSource(int descriptor, std::uint64_t size, std::string path);

  int descriptor_;
  std::uint64_t size_;
  std::uint64_t position_ = 0;
  std::string path_;
};

/// Bytes that are in memory already, handed out in pieces of at most `chunk` bytes. The text must
/// outlive it.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes, std::size_t chunk = SIZE_MAX)
      : bytes_(bytes), chunk_(chunk) {}

  [[nodiscard]] Result<std::size_t> read(std::span<char> into) override;
  [[nodiscard]] std::uint64_t file_position() const override { return position_; }
  [[nodiscard]] std::uint64_t file_size() const override { return bytes_.size(); }

 private:
  std::string_view bytes_;
  std::size_t chunk_;
  std::size_t position_ = 0;
};

}  // namespace gpuvigil
