// SPDX-License-Identifier: Apache-2.0
//
// The ring of a trace as a hostile program writes it, between one reading and the next.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/assert.h"
#include "profile/testing_ring.h"
#include "profile/trace_ring_reader.h"

namespace {

using gpuvigil::TraceRingReader;
using gpuvigil::testing::RingImage;

constexpr std::uint32_t kCapacity = 8;
constexpr std::uint64_t kMostOverwritten = std::uint64_t{1} << 40U;

/// One step of an input: a word of the ring, or with kRead one look at it.
struct Step {
  static constexpr std::size_t kBytes = 9;
  static constexpr std::uint8_t kRead = 0xFF;
  std::uint8_t word = 0;
  std::uint64_t value = 0;
};

Step next_step(std::span<const std::uint8_t>& input) {
  Step step;
  step.word = input.front();
  std::memcpy(&step.value, input.data() + 1, sizeof(step.value));
  input = input.subspan(Step::kBytes);
  return step;
}

/// What the desk relies on: no more than fits, each newer than all before.
void check_reading(TraceRingReader& reader, const RingImage& ring, std::uint64_t& newest) {
  std::uint64_t taken = 0;
  const auto read = reader.read(ring.bytes(), [&](const gpuvigil_trace_entry& entry) {
    ++taken;
    GPUVIGIL_ASSERT(entry.number > newest || newest == UINT64_MAX);
    newest = entry.number;
  });
  GPUVIGIL_ASSERT(taken <= reader.header().capacity);
  GPUVIGIL_ASSERT(reader.overwritten() <= kMostOverwritten);
  GPUVIGIL_ASSERT(!read || newest <= reader.header().head);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMostReadings = 16;
  std::span<const std::uint8_t> input(data, size);
  RingImage ring(1, kCapacity);
  ring.write(0, 100, 200);
  ring.write(1, 200, 300);
  auto reader = TraceRingReader::open(ring.bytes(), 1);
  GPUVIGIL_ASSERT(reader.has_value());
  std::uint64_t newest = 0;
  const std::size_t words = ring.bytes().size() / sizeof(std::uint64_t);
  for (std::size_t readings = 0; input.size() >= Step::kBytes && readings < kMostReadings;) {
    const Step step = next_step(input);
    if (step.word == Step::kRead) {
      ++readings;
      check_reading(*reader, ring, newest);
      // Another that comes to it only now refuses it, or may read it as it is.
      if (auto late = TraceRingReader::open(ring.bytes(), 1)) {
        std::uint64_t none = 0;
        check_reading(*late, ring, none);
      }
    } else {
      std::memcpy(ring.writable().data() + (step.word % words) * sizeof(std::uint64_t), &step.value,
                  sizeof(step.value));
    }
  }
  return 0;
}
