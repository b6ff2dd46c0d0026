// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "gpuvigil/segment.h"

namespace gpuvigil {

/// A segment as it is mapped: shared with a writer that may change any byte at any time.
using SharedBytes = std::span<const std::byte>;

/// Copies words one by one, so that each is read once and what follows is read later. `offset` and
/// `into` are aligned, `size` is a multiple of a word, and all of it lies inside of the segment.
void copy_words(SharedBytes segment, std::size_t offset, void* into, std::size_t size);

/// The newest layout that this server reads; it also reads the two before it.
inline constexpr std::uint32_t kNewestSegmentAbi = GPUVIGIL_SEGMENT_ABI;
[[nodiscard]] constexpr bool reads_segment_abi(std::uint32_t abi,
                                               std::uint32_t newest = kNewestSegmentAbi) {
  return abi >= 1 && abi <= newest && newest - abi <= 2;
}

/// The parts of a header that never change, looked at once: every table lies inside of the segment.
/// Errors: kCorrupt; kUnavailable (a layout of another time).
[[nodiscard]] Result<gpuvigil_segment_header> read_layout(SharedBytes segment);

/// What one reading copied, consistent in itself unless it is torn.
struct SegmentCopy {
  /// A row that is new or differs from what was seen, with its pages.
  struct Row {
    std::uint32_t index = 0;
    gpuvigil_segment_row row{};
    std::uint32_t first_page = 0;  ///< In `pages`: one for each of row.pages that is not 0.
  };

  gpuvigil_segment_header header{};
  std::vector<gpuvigil_segment_device> devices;  ///< All of them.
  std::vector<std::string> new_names;
  std::vector<Row> changed;
  std::vector<gpuvigil_segment_page> pages;
  std::vector<gpuvigil_segment_recent> recent;  ///< The whole ring, where it has moved.
  std::vector<gpuvigil_segment_shape> shapes;   ///< All of them, and so with the rest.
  std::vector<gpuvigil_segment_stream> streams;
  std::vector<gpuvigil_segment_memory> memories;  ///< As many as there is room for.
};

/// What the last reading saw.
struct SegmentSeen {
  std::uint64_t flush_seq = 0;
  std::uint64_t recent_head = 0;
  std::uint32_t devices = 0;
  std::uint32_t shapes = 0;
  std::uint32_t streams = 0;
  std::vector<gpuvigil_segment_row> rows;
};

/// What a row is, which never changes in an honest segment.
struct RowIdentity {
  std::string name;
  std::uint32_t device = 0;  ///< Below devices.capacity, and told of.
  std::uint32_t kind = 0;    ///< GPUVIGIL_KIND_*, or anything else.
};

/// What a row is at this moment; nothing when there is no such row, or none that can be.
[[nodiscard]] std::optional<RowIdentity> copy_identity(SharedBytes segment,
                                                       const gpuvigil_segment_header& layout,
                                                       std::uint32_t row);

/// A device of which a row told.
[[nodiscard]] gpuvigil_segment_device copy_device(SharedBytes segment,
                                                  const gpuvigil_segment_header& layout,
                                                  std::uint32_t device);

/// Copies what is new. False: nothing is, or its writer is writing just now; with `even_if_torn`
/// the latter is copied as it stands. Errors: kCorrupt.
[[nodiscard]] Result<bool> copy_news(SharedBytes segment, const gpuvigil_segment_header& layout,
                                     const SegmentSeen& seen, bool even_if_torn, SegmentCopy& into);

}  // namespace gpuvigil
