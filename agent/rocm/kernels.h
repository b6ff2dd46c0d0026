// SPDX-License-Identifier: Apache-2.0
#pragma once

// The names of kernels by their number, which the library tells once, when their code is loaded.
// Not thread-safe: only held (agent_hold()).

#include <stdint.h>

#include "agent.h"

/// Keeps the name, without the ".kd" of its descriptor. What has no room is "__other__".
void rocm_kernel_named(uint64_t kernel, const char* name);

typedef struct rocm_series {
  uint32_t series;
  uint32_t kind;  ///< GPUVIGIL_KIND_*
} rocm_series;

/// The series in which that kernel counts on a device (its number).
rocm_series rocm_kernel_series(uint64_t kernel, uint32_t device);
