// SPDX-License-Identifier: Apache-2.0
//
// Configuration files: each is read, and written back to the same, or refused with the line of
// every mistake.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "apps/config.h"
#include "base/assert.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gpuvigil;
  const auto config = parse_config({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
  if (!config) {
    GPUVIGIL_ASSERT(!config.error().message.empty());
    return 0;
  }
  const std::string text = format_config(*config);
  const auto again = parse_config(text, "again.toml");
  GPUVIGIL_ASSERT(again && format_config(*again) == text);
  return 0;
}
