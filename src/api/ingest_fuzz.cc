// SPDX-License-Identifier: Apache-2.0
//
// Bodies of POST /executions and /samples: whatever comes, all of it is taken or nothing, and what
// is taken is within its limits.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "api/ingest.h"
#include "base/assert.h"

namespace {

using namespace gpuvigil;

void check(const Submission& taken, Timestamp now) {
  GPUVIGIL_ASSERT(taken.executions.size() <= kMaxSubmittedItems);
  GPUVIGIL_ASSERT(taken.samples.size() <= kMaxSubmittedItems);
  for (const SubmittedExecution& one : taken.executions) {
    GPUVIGIL_ASSERT(!one.name.empty() && !one.device.empty());
    GPUVIGIL_ASSERT(one.execution.duration >= Duration::zero());
    GPUVIGIL_ASSERT(one.execution.end <= now + std::chrono::seconds(10));
  }
  for (const SubmittedSample& one : taken.samples) GPUVIGIL_ASSERT(!one.device.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Frame frame = [] {
    Frame made;
    DeviceRow row;
    row.info = std::make_shared<const DeviceInfo>(
        DeviceInfo{.uuid = "GPU-a", .name = "", .pci_bus_id = "0000:3b:00.0", .source = "demo"});
    made.devices.push_back(row);
    return made;
  }();
  const IngestContext context{.frame = frame,
                              .now = Timestamp(std::chrono::seconds(1'800'000'000))};
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const auto taken = read_executions(body, context)) check(*taken, context.now);
  if (const auto taken = read_samples(body, context)) check(*taken, context.now);
  return 0;
}
