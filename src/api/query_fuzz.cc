// SPDX-License-Identifier: Apache-2.0
//
// Query strings, from their bytes to what routes make of them, and messages of stream clients: each
// is understood, or refused with a reason for every mistake.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/parameters.h"
#include "api/subscription.h"
#include "base/assert.h"
#include "net/target.h"

namespace {

using namespace gpuvigil;

void check(const std::vector<ParameterError>& errors) {
  for (const ParameterError& error : errors) GPUVIGIL_ASSERT(!error.reason.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Frame frame;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto message = read_stream_message(text, frame); !message) {
    GPUVIGIL_ASSERT(!message.error().detail.empty());
  }
  auto target = parse_target("/x?" + std::string(text));
  if (!target) return 0;
  HttpRequest request;
  request.query = std::move(target->query);
  {
    ParameterReader in(request, frame);
    const KernelQuery query = read_kernel_query(in);
    const auto errors = in.finish();
    check(errors);
    GPUVIGIL_ASSERT(!errors.empty() || (query.limit >= 1 && query.limit <= 1000));
  }
  {
    ParameterReader in(request, frame);
    (void)read_alert_query(in);
    check(in.finish());
  }
  if (const auto subscription = read_subscription(request, frame)) {
    GPUVIGIL_ASSERT(subscription->interval >= std::chrono::milliseconds(100));
    GPUVIGIL_ASSERT(subscription->recent <= 100 && subscription->kernels.size() <= 8);
  } else {
    check(subscription.error());
  }
  return 0;
}
