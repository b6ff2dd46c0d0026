// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "trace/json_text.h"
#include "trace/trace_reader.h"

namespace gpuvigil {

/// How far a JSON value reaches from the cursor of a TextWindow.
struct JsonExtent {
  enum class End {
    kWhole,    ///< Its text is in the window.
    kCut,      ///< The text ends inside it.
    kTooLong,  ///< It is longer than the window may become.
  };
  End end = End::kWhole;
  std::size_t size = 0;  ///< Bytes from the cursor; of a value that is not whole, those at hand.
};

/// The part of a long text that is in memory: what lies between a cursor and the last byte read so
/// far. Normally 256 KiB, which stay in a processor's cache; more, up to kMaxBytes, only while one
/// value is longer.
///
/// Threading: one thread.
class TextWindow {
 public:
  static constexpr std::size_t kFirstBytes = std::size_t{256} << 10U;
  static constexpr std::size_t kMaxBytes = std::size_t{4} << 20U;

  TextWindow(ByteSource& source, const ReadProgress& progress);

  /// From the cursor on; kJsonPadding bytes behind it may be read.
  [[nodiscard]] std::string_view text() const { return {buffer_.data() + begin_, end_ - begin_}; }
  /// Where the cursor is in the whole text.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  void consume(std::size_t count) {
    begin_ += count;
    offset_ += count;
  }

  enum class More { kYes, kEnd, kFull };
  /// Reads at least one more byte, keeping everything from the cursor on. Views taken before are
  /// no longer valid.
  [[nodiscard]] More more();

  /// The next byte that is no blank, and the cursor at it; -1 at the end of the text.
  [[nodiscard]] int peek();

  /// The value that begins at the cursor, which peek() has just found there.
  [[nodiscard]] JsonExtent extent();
  /// Where the quotes of that value are, a bit for each byte, if it was a container: of the first
  /// 4 KiB or less of it.
  [[nodiscard]] std::span<const std::uint64_t> quotes() const {
    return std::span(quotes_).first(quoted_blocks_);
  }
  /// Goes behind that value, however long it is; false when the text ends inside it.
  [[nodiscard]] bool skip_value();

  /// Why the text ended where it did, when it was not its own end; empty otherwise.
  [[nodiscard]] std::string damage() const;

 private:
  static constexpr std::size_t kQuotedBlocks = 64;

  [[nodiscard]] std::size_t scan_blocks(BracketState& state, std::size_t& scanned);
  [[nodiscard]] JsonExtent container_extent(BracketState& state, std::size_t& scanned);
  [[nodiscard]] JsonExtent string_extent(std::size_t from);
  [[nodiscard]] JsonExtent scalar_extent();
  void make_room();

  ByteSource& source_;
  const ReadProgress& progress_;
  std::vector<char> buffer_;  ///< Its last kJsonPadding bytes are never filled.
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t offset_ = 0;
  BracketScan scan_ = bracket_scan();
  std::array<std::uint64_t, kQuotedBlocks> quotes_{};
  std::size_t quoted_blocks_ = 0;
  bool ended_ = false;
  std::string read_error_;
};

}  // namespace gpuvigil
