// SPDX-License-Identifier: Apache-2.0
#pragma once

// The program's own libcupti, found and opened; nothing is linked against it.

#include <stdbool.h>
#include <stddef.h>

#include "cupti_abi.h"

#define CUPTI_WHY_BYTES 200U

typedef struct cupti_calls {
  uint32_t version;  ///< As cuptiGetVersion() counts: 13 is 11.0, 130001 is 13.0 Update 1.
  int (*get_version)(uint32_t* version);
  int (*subscribe)(void** subscriber, cupti_callback callback, void* user);
  int (*register_callbacks)(cupti_buffer_requested requested, cupti_buffer_completed completed);
  int (*enable)(uint32_t kind);
  int (*disable)(uint32_t kind);
  int (*flush_all)(uint32_t flag);
  cupti_next_record next_record;
  int (*dropped)(void* context, uint32_t stream, size_t* count);  ///< NULL where there is none.
} cupti_calls;

/// Opens it and fills `calls`. Which one: what the program has loaded already, as two of them in
/// one process get into each other's way; what GPUVIGIL_CUPTI names, and then no other; by its
/// name, newest first but none that is newer than the driver; beside CUDA_HOME; beside the
/// program's libcudart, where pip and conda put it. False where there is none that serves; `why`,
/// of CUPTI_WHY_BYTES, says why. It stays open. Allocates; may take milliseconds.
bool cupti_open(cupti_calls* calls, char* why);

/// A sentence for people where this release is known to harm its program, else NULL.
const char* cupti_known_harm(uint32_t version);
