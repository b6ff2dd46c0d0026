// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the parts of the test program share.

#include <stdint.h>

#include "tests/doubles/fake_cuda.h"

/// Runs it, and counts it as launched.
void program_run(const fake_work* work);

/// Another profiler in the same process, as PyTorch's: it takes the callbacks of CUPTI for itself,
/// and never gives them back; at its end it only disables what it had enabled.
void profiler_start(void);
void profiler_stop(void);

/// Launches what a file says, a line each: start in ns, end in ns, stream, device, name; between
/// tabs. As fast as `speed` times the original, or at once where it is 0.
void replay(const char* path, double speed);

void wait_ns(uint64_t ns);
uint64_t monotonic_ns(void);
