// SPDX-License-Identifier: Apache-2.0
#include "profile/segment_copy.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "base/assert.h"

namespace gpuvigil {
namespace {

constexpr int kTries = 3;
constexpr std::uint32_t kMaxStride = 4096;
constexpr std::uint32_t kMaxNameBytes = 8192;

std::unexpected<Error> corrupt(std::string what) {
  return fail(Errc::kCorrupt, "not a segment: " + std::move(what));
}

std::string copy_text(SharedBytes segment, std::size_t offset, std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    const auto* const byte = reinterpret_cast<const char*>(segment.data() + offset + i);
    text[i] = __atomic_load_n(byte, __ATOMIC_ACQUIRE);
  }
  return text;
}

struct TableRule {
  const char* name;
  gpuvigil_segment_table gpuvigil_segment_header::* table;
  std::size_t entry;  ///< Bytes of ours; theirs may be larger.
  std::uint32_t most;
  std::uint32_t feature = 0;  ///< Without which there is none.
};

constexpr std::array kTables = {
    TableRule{"devices", &gpuvigil_segment_header::devices, sizeof(gpuvigil_segment_device), 64},
    TableRule{"rows", &gpuvigil_segment_header::rows, sizeof(gpuvigil_segment_row), 4096},
    TableRule{"recent", &gpuvigil_segment_header::recent, sizeof(gpuvigil_segment_recent), 4096},
    TableRule{"names", &gpuvigil_segment_header::names, 1, GPUVIGIL_SEGMENT_MAX_BYTES},
    TableRule{"pages", &gpuvigil_segment_header::pages, sizeof(gpuvigil_segment_page), UINT16_MAX},
    TableRule{"shapes", &gpuvigil_segment_header::shapes, sizeof(gpuvigil_segment_shape), 4096,
              GPUVIGIL_SEGMENT_HAS_SHAPES},
    TableRule{"streams", &gpuvigil_segment_header::streams, sizeof(gpuvigil_segment_stream), 4096,
              GPUVIGIL_SEGMENT_HAS_STREAMS},
    TableRule{"memories", &gpuvigil_segment_header::memories, sizeof(gpuvigil_segment_memory), 64,
              GPUVIGIL_SEGMENT_HAS_MEMORY},
};

/// Layout 1 knew of no such.
bool has_feature(const gpuvigil_segment_header& header, std::uint32_t feature) {
  return header.abi >= 2 && (header.features & feature) != 0;
}

Result<void> check_table(const TableRule& rule, const gpuvigil_segment_table& table,
                         std::size_t size) {
  const bool is_bytes = rule.entry == 1;
  const bool fits = is_bytes ? table.stride == 1
                             : table.stride >= rule.entry && table.stride <= kMaxStride &&
                                   table.stride % sizeof(std::uint64_t) == 0 &&
                                   table.offset % sizeof(std::uint64_t) == 0;
  const std::uint64_t end =
      table.offset + std::uint64_t{table.stride} * std::uint64_t{table.capacity};
  if (!fits || table.capacity > rule.most || table.offset < sizeof(gpuvigil_segment_header) ||
      end > size) {
    return corrupt(fmt::format("its table of {} cannot be", rule.name));
  }
  return {};
}

std::size_t place_of(const gpuvigil_segment_table& table, std::uint32_t index) {
  return table.offset + std::size_t{table.stride} * index;
}

std::uint64_t current_seq(SharedBytes segment) {
  std::uint64_t seq = 0;
  copy_words(segment, offsetof(gpuvigil_segment_header, flush_seq), &seq, sizeof(seq));
  return seq;
}

/// One attempt to copy what is new; every place is checked before it is gone to.
class Attempt {
 public:
  Attempt(SharedBytes segment, const gpuvigil_segment_header& layout, const SegmentSeen& seen,
          SegmentCopy& into)
      : segment_(segment), layout_(layout), seen_(seen), into_(into) {
    into_ = {};
    copy_words(segment_, 0, &into_.header, sizeof(into_.header));
  }

  Result<void> copy() {
    const gpuvigil_segment_header& header = into_.header;
    const auto seen_rows = static_cast<std::uint32_t>(seen_.rows.size());
    if (header.devices_used > layout_.devices.capacity || header.devices_used < seen_.devices ||
        header.rows_used > layout_.rows.capacity || header.rows_used < seen_rows ||
        header.recent_head < seen_.recent_head) {
      return corrupt("it has shrunk, or is larger than itself");
    }
    copy_all(layout_.devices, header.devices_used, into_.devices);
    for (std::uint32_t i = 0; i < header.rows_used; ++i) GPUVIGIL_CHECK(copy_row(i));
    if (header.recent_head != seen_.recent_head) {
      copy_all(layout_.recent, layout_.recent.capacity, into_.recent);
    }
    return copy_extras();
  }

 private:
  Result<void> copy_row(std::uint32_t index) {
    gpuvigil_segment_row row;
    copy_words(segment_, place_of(layout_.rows, index), &row, sizeof(row));
    const bool is_new = index >= seen_.rows.size();
    if (!is_new && std::memcmp(&row, &seen_.rows[index], sizeof(row)) == 0) return {};
    if (is_new) GPUVIGIL_CHECK(copy_name(index, row));
    into_.changed.push_back(
        {.index = index, .row = row, .first_page = static_cast<std::uint32_t>(into_.pages.size())});
    for (const std::uint16_t place : row.pages) {
      if (place == 0) continue;
      if (place > layout_.pages.capacity) {
        return corrupt(fmt::format("row {} has a page that there is not", index));
      }
      copy_words(segment_, place_of(layout_.pages, place - 1U), &into_.pages.emplace_back(),
                 sizeof(gpuvigil_segment_page));
    }
    return {};
  }

  Result<void> copy_name(std::uint32_t index, const gpuvigil_segment_row& row) {
    const std::uint64_t end = std::uint64_t{row.name_offset} + row.name_bytes;
    if (row.name_bytes == 0 || row.name_bytes > kMaxNameBytes || end > layout_.names.capacity ||
        row.device >= into_.header.devices_used) {
      return corrupt(fmt::format("row {} has a name or a device that there is not", index));
    }
    into_.new_names.push_back(
        copy_text(segment_, layout_.names.offset + std::size_t{row.name_offset}, row.name_bytes));
    return {};
  }

  Result<void> copy_extras() {
    const gpuvigil_segment_header& header = into_.header;
    const bool has_shapes = layout_.shapes.capacity != 0;
    const bool has_streams = layout_.streams.capacity != 0;
    if ((has_shapes &&
         (header.shapes_used > layout_.shapes.capacity || header.shapes_used < seen_.shapes)) ||
        (has_streams &&
         (header.streams_used > layout_.streams.capacity || header.streams_used < seen_.streams))) {
      return corrupt("it has shrunk, or is larger than itself");
    }
    if (has_shapes) copy_all(layout_.shapes, header.shapes_used, into_.shapes);
    if (has_streams) copy_all(layout_.streams, header.streams_used, into_.streams);
    copy_all(layout_.memories, std::min(layout_.memories.capacity, header.devices_used),
             into_.memories);
    return {};
  }

  template <class Entry>
  void copy_all(const gpuvigil_segment_table& table, std::uint32_t count,
                std::vector<Entry>& into) {
    into.resize(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      copy_words(segment_, place_of(table, i), &into[i], sizeof(Entry));
    }
  }

  SharedBytes segment_;
  const gpuvigil_segment_header& layout_;
  const SegmentSeen& seen_;
  SegmentCopy& into_;
};

}  // namespace

void copy_words(SharedBytes segment, std::size_t offset, void* into, std::size_t size) {
  const std::byte* const from = segment.data() + offset;
  auto* const to = static_cast<std::byte*>(into);
  for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
    const auto* const word = reinterpret_cast<const std::uint64_t*>(from + at);
    const std::uint64_t value = __atomic_load_n(word, __ATOMIC_ACQUIRE);
    std::memcpy(to + at, &value, sizeof(value));
  }
}

Result<gpuvigil_segment_header> read_layout(SharedBytes segment) {
  gpuvigil_segment_header header;
  if (segment.size() < sizeof(header) || segment.size() > GPUVIGIL_SEGMENT_MAX_BYTES) {
    return corrupt(fmt::format("{} bytes", segment.size()));
  }
  copy_words(segment, 0, &header, sizeof(header));
  if (header.magic != GPUVIGIL_SEGMENT_MAGIC) return corrupt("it does not begin like one");
  if (!reads_segment_abi(header.abi)) {
    return fail(Errc::kUnavailable,
                fmt::format("its layout is number {}; this gpuvigil reads {} and the two before",
                            header.abi, kNewestSegmentAbi));
  }
  if (header.sketch_scheme != GPUVIGIL_SKETCH_SCHEME) {
    return fail(Errc::kUnavailable, fmt::format("its sketches are of scheme {}; known is {}",
                                                header.sketch_scheme, GPUVIGIL_SKETCH_SCHEME));
  }
  if (header.size != segment.size()) return corrupt("it says another size than it has");
  for (const TableRule& rule : kTables) {
    if (rule.feature != 0 && !has_feature(header, rule.feature)) {
      header.*rule.table = {};
      continue;
    }
    GPUVIGIL_CHECK(check_table(rule, header.*rule.table, segment.size()));
  }
  return header;
}

std::optional<RowIdentity> copy_identity(SharedBytes segment, const gpuvigil_segment_header& layout,
                                         std::uint32_t row) {
  gpuvigil_segment_header now;
  copy_words(segment, 0, &now, sizeof(now));
  if (row >= std::min(now.rows_used, layout.rows.capacity)) return std::nullopt;
  gpuvigil_segment_row copy;
  copy_words(segment, place_of(layout.rows, row), &copy, sizeof(copy));
  const std::uint64_t end = std::uint64_t{copy.name_offset} + copy.name_bytes;
  if (copy.name_bytes == 0 || copy.name_bytes > kMaxNameBytes || end > layout.names.capacity ||
      copy.device >= std::min(now.devices_used, layout.devices.capacity)) {
    return std::nullopt;
  }
  return RowIdentity{.name = copy_text(segment, layout.names.offset + std::size_t{copy.name_offset},
                                       copy.name_bytes),
                     .device = copy.device,
                     .kind = copy.kind};
}

gpuvigil_segment_device copy_device(SharedBytes segment, const gpuvigil_segment_header& layout,
                                    std::uint32_t device) {
  GPUVIGIL_ASSERT(device < layout.devices.capacity);
  gpuvigil_segment_device copy;
  copy_words(segment, place_of(layout.devices, device), &copy, sizeof(copy));
  return copy;
}

Result<bool> copy_news(SharedBytes segment, const gpuvigil_segment_header& layout,
                       const SegmentSeen& seen, bool even_if_torn, SegmentCopy& into) {
  for (int i = 0; i < kTries; ++i) {
    const std::uint64_t before = current_seq(segment);
    if (before == seen.flush_seq) return false;
    const bool writes = before % 2 != 0;
    const bool is_final = even_if_torn && i + 1 == kTries;
    if (writes && !is_final) continue;
    const auto copied = Attempt(segment, layout, seen, into).copy();
    const bool is_whole = !writes && current_seq(segment) == before;
    // Of a torn copy nothing can be said, unless it is all that there will ever be.
    if (!is_whole && !is_final) continue;
    GPUVIGIL_CHECK(copied);
    into.header.flush_seq = before;
    return true;
  }
  return false;
}

}  // namespace gpuvigil
