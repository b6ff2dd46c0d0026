// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstdlib>

namespace gpuvigil::detail {

[[noreturn]] inline void assertion_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "gpuvigil: %s:%d: assertion failed: %s\n", file, line, what);
  std::abort();
}

}  // namespace gpuvigil::detail

/// A bug of ours, never bad input: on in release too, prints and aborts.
#define GPUVIGIL_ASSERT(condition) \
  (static_cast<bool>(condition)    \
       ? static_cast<void>(0)      \
       : ::gpuvigil::detail::assertion_failed(#condition, __FILE__, __LINE__))
