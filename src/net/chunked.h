// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace gpuvigil {

/// The least that can follow in a chunked body that is not whole: "0\r\n\r\n". Beast 1.81 asserts
/// that it is never called again with less after it has seen the last chunk's header, so nothing
/// shorter is shown to it; no valid message waits for that.
inline constexpr std::size_t kMinChunkedRest = 5;

}  // namespace gpuvigil
