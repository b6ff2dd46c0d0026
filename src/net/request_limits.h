// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace gpuvigil {

/// How large a request may be.
struct RequestLimits {
  std::size_t header_bytes = 16 * 1024;  ///< Request line and fields; a chunk's line; all trailers.
  std::size_t header_fields = 100;       ///< Of the header, and of the trailers.
  std::size_t body_bytes = 1024 * 1024;
};

/// Why a request is not served: an HTTP status and one sentence without a full stop.
struct Refusal {
  unsigned status = 400;
  std::string detail;
};

}  // namespace gpuvigil
