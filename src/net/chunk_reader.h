// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/request_limits.h"

namespace gpuvigil {

/// Reads a body in chunks (RFC 9112, 7.1), as strictly as there are ways to misread one. A line
/// ends with CR LF, is not used before it is whole, and is a size with well-formed extensions or a
/// well-formed trailer. Extensions and trailers are then forgotten.
///
/// What comes out does not depend on how the bytes were cut. Threading: one thread at a time.
/// **Invariants:** holds no bytes itself; the body never grows beyond its limit.
class ChunkReader {
 public:
  explicit ChunkReader(const RequestLimits& limits) : limits_(limits) {}

  /// Reads from the front of `bytes`, appends what belongs to the body, and returns how many bytes
  /// it has used; the caller hands in the rest again, with more behind it. Requires that it is
  /// neither done nor has refused.
  std::size_t feed(std::string_view bytes, std::string& body);

  [[nodiscard]] bool is_done() const { return state_ == State::kDone; }
  /// Why this is no body; nothing as long as it may become one.
  [[nodiscard]] const std::optional<Refusal>& refusal() const { return refusal_; }

 private:
  enum class State { kSize, kData, kDataEnd, kTrailers, kDone };

  /// The next line without its end; nothing when it is not whole, or refused.
  std::optional<std::string_view> take_line(std::string_view bytes);
  void on_line(std::string_view line, std::size_t body_size);
  void on_size(std::string_view line, std::size_t body_size);
  void on_trailer(std::string_view line);
  void refuse(unsigned status, std::string detail);

  RequestLimits limits_;
  State state_ = State::kSize;
  std::uint64_t remaining_ = 0;  ///< Of the chunk that is being read.
  std::size_t scanned_ = 0;      ///< Bytes of the next line that are known not to end it.
  std::size_t line_bytes_ = 0;   ///< Of all lines so far: what is not body.
  std::size_t trailer_bytes_ = 0;
  std::size_t trailers_ = 0;
  std::optional<Refusal> refusal_;
};

/// The size that a chunk's line names; nothing when that is no such line ("1f;name=value").
/// Sizes beyond 64 bits are no sizes.
[[nodiscard]] std::optional<std::uint64_t> parse_chunk_line(std::string_view line);

}  // namespace gpuvigil
