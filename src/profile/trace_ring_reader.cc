// SPDX-License-Identifier: Apache-2.0
#include "profile/trace_ring_reader.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace gpuvigil {
namespace {

constexpr std::uint32_t kMaxStride = 4096;
/// More than any program can launch in a trace.
constexpr std::uint64_t kMostOverwritten = std::uint64_t{1} << 40U;

std::unexpected<Error> corrupt(std::string what) {
  return fail(Errc::kCorrupt, "not the ring of a trace: " + std::move(what));
}

std::uint64_t number_at(SharedBytes ring, std::size_t place) {
  std::uint64_t number = 0;
  copy_words(ring, place, &number, sizeof(number));
  return number;
}

}  // namespace

Result<TraceRingReader> TraceRingReader::open(SharedBytes ring, std::uint64_t id) {
  gpuvigil_trace_header header;
  if (ring.size() < sizeof(header) || ring.size() > GPUVIGIL_TRACE_MAX_BYTES) {
    return corrupt(fmt::format("{} bytes", ring.size()));
  }
  copy_words(ring, 0, &header, sizeof(header));
  if (header.magic != GPUVIGIL_TRACE_MAGIC) return corrupt("it does not begin like one");
  if (header.id != id) return corrupt("it is that of another request");
  if (header.size != ring.size()) return corrupt("it says another size than it has");
  const std::uint64_t end =
      header.offset + std::uint64_t{header.stride} * std::uint64_t{header.capacity};
  const bool fits = header.stride >= sizeof(gpuvigil_trace_entry) && header.stride <= kMaxStride &&
                    header.stride % sizeof(std::uint64_t) == 0 &&
                    header.offset % sizeof(std::uint64_t) == 0 && header.offset >= sizeof(header) &&
                    header.capacity > 0 && end <= ring.size();
  if (!fits) return corrupt("its entries cannot be where it says");
  return TraceRingReader(header);
}

Result<void> TraceRingReader::read(SharedBytes ring,
                                   const std::function<void(const gpuvigil_trace_entry&)>& take) {
  // From the last word to the first: what is done when it was read has all its entries.
  constexpr std::size_t kChanging = offsetof(gpuvigil_trace_header, head);
  copy_words(ring, offsetof(gpuvigil_trace_header, is_done), &header_.is_done,
             sizeof(std::uint64_t));
  copy_words(ring, kChanging, &header_.head, 3 * sizeof(std::uint64_t));
  const std::uint64_t head = header_.head;
  if (head < next_) return corrupt("it has shrunk");
  if (head - next_ > layout_.capacity) {
    const std::uint64_t skipped = head - next_ - layout_.capacity;
    overwritten_ = std::min(kMostOverwritten, overwritten_ + std::min(skipped, kMostOverwritten));
    next_ = head - layout_.capacity;
  }
  for (; next_ < head; ++next_) {
    const std::size_t place =
        layout_.offset + std::size_t{layout_.stride} * (next_ % layout_.capacity);
    gpuvigil_trace_entry entry;
    copy_words(ring, place, &entry, sizeof(entry));
    const bool is_whole = entry.number == next_ + 1 && number_at(ring, place) == next_ + 1;
    if (is_whole) {
      take(entry);
    } else {
      overwritten_ = std::min(kMostOverwritten, overwritten_ + 1);
    }
  }
  return {};
}

}  // namespace gpuvigil
