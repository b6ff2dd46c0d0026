// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace gpuvigil {

/// True for what begins like a gzip member.
[[nodiscard]] constexpr bool is_gzip(std::string_view head) {
  return head.size() >= 2 && head[0] == '\x1f' && head[1] == '\x8b';
}

/// When gzip is taken for a bomb: once more than `free_bytes` have come out and they are more than
/// `ratio` times what went in. Recordings of GPU work inflate 7 to 25-fold; deflate can reach 1032.
struct InflateLimit {
  std::uint64_t free_bytes = std::uint64_t{4} << 30U;
  std::uint64_t ratio = 250;
};

/// What gzip bytes inflate to (zlib; this header is the only door to it here). Several members one
/// after the other are one text. A stream that is cut or damaged gives everything that could be
/// inflated, ends there, and says so in damage(); so does one that exceeds the limit, and bytes
/// after the last member that are no gzip.
///
/// Memory: 64 KiB of input and zlib's window of 32 KiB, whatever the size.
class GzipSource final : public ByteSource {
 public:
  explicit GzipSource(std::unique_ptr<ByteSource> compressed, InflateLimit limit = {});
  ~GzipSource() override;

  [[nodiscard]] Result<std::size_t> read(std::span<char> into) override;
  [[nodiscard]] std::uint64_t file_position() const override {
    return compressed_->file_position();
  }
  [[nodiscard]] std::uint64_t file_size() const override { return compressed_->file_size(); }
  [[nodiscard]] bool is_inflated() const override { return true; }
  [[nodiscard]] std::string damage() const override { return damage_; }

 private:
  struct Stream;

  [[nodiscard]] Result<void> refill();
  [[nodiscard]] Result<void> after_member();
  void judge(int outcome);
  void end_with(std::string damage);

  std::unique_ptr<ByteSource> compressed_;
  InflateLimit limit_;
  std::unique_ptr<Stream> stream_;
  std::vector<char> input_;
  std::uint64_t consumed_ = 0;  ///< Compressed bytes that were inflated.
  std::uint64_t produced_ = 0;
  bool input_ended_ = false;
  bool ended_ = false;
  std::string damage_;
};

/// Reads another source on a thread of its own, at most four chunks of 256 KiB ahead: inflating
/// and reading what was inflated then take as long as the slower of the two.
///
/// Threading: the owner calls from one thread; the inner source is touched by the other one only.
class ReadAheadSource final : public ByteSource {
 public:
  explicit ReadAheadSource(std::unique_ptr<ByteSource> inner);
  ~ReadAheadSource() override;

  [[nodiscard]] Result<std::size_t> read(std::span<char> into) override;
  [[nodiscard]] std::uint64_t file_position() const override { return position_; }
  [[nodiscard]] std::uint64_t file_size() const override { return size_; }
  [[nodiscard]] bool is_inflated() const override { return inflated_; }
  [[nodiscard]] std::string damage() const override { return damage_; }

 private:
  struct Shared;

  std::unique_ptr<Shared> shared_;
  std::uint64_t size_;
  bool inflated_;
  std::uint64_t position_ = 0;
  std::size_t taken_ = 0;  ///< Of the chunk at hand.
  bool has_chunk_ = false;
  bool ended_ = false;
  std::string damage_;
};

}  // namespace gpuvigil
