// SPDX-License-Identifier: Apache-2.0
#include "collect/process_records.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kLongRecord = 32;
constexpr std::uint32_t kFirstRoom = 32;
constexpr int kMaxTries = 4;  ///< Processes may start between two questions.

std::vector<NvmlProcess> decode(std::span<const std::byte> buffer, std::size_t records) {
  std::vector<NvmlProcess> processes(records);
  if (records == 0) return processes;
  const std::size_t length = process_record_bytes(buffer, records);
  for (std::size_t i = 0; i < records; ++i) {
    std::memcpy(&processes[i], buffer.data() + i * length, sizeof(NvmlProcess));
  }
  return processes;
}

}  // namespace

std::size_t process_record_bytes(std::span<const std::byte> buffer, std::size_t records) {
  GPUVIGIL_ASSERT(records > 0);
  const auto last = std::find_if(buffer.rbegin(), buffer.rend(),
                                 [](std::byte byte) { return byte != kUnwritten; });
  const auto written = static_cast<std::size_t>(buffer.rend() - last);
  return written > records * sizeof(NvmlProcess) ? kLongRecord : sizeof(NvmlProcess);
}

ProcessList list_processes(const ProcessLister& lister) {
  std::uint32_t room = kFirstRoom;
  for (int tries = 0; tries < kMaxTries; ++tries) {
    // Room for long records, while only `room` of them are asked for.
    std::vector<std::byte> buffer(room * kLongRecord, kUnwritten);
    std::uint32_t count = room;
    const NvmlCode code = lister(&count, buffer.data());
    if (code == kNvmlOk) {
      const bool is_cut = count > room;  // a driver that says more than it can have written
      return {.code = code, .processes = decode(buffer, std::min(count, room)), .is_cut = is_cut};
    }
    if (code != kNvmlInsufficientSize) return {.code = code};
    if (room == kMaxProcessesOfDevice) return {.code = kNvmlOk, .is_cut = true};
    room = std::min(std::max(count + count / 4, room * 2), kMaxProcessesOfDevice);
  }
  return {.code = kNvmlInsufficientSize};
}

}  // namespace gpuvigil
