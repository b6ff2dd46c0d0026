// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where a kernel's record is counted, remembered by what stands in the record itself: the address
// of its name, its device, stream and shape. Launches repeat, so that most records are found by one
// comparison. As with names.h an address is believed as long as 16 bytes of the name are the same,
// which is looked at once a pass, and nothing is remembered for longer than one flush.
//
// Under the lock of agent_hold().

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "cupti_abi.h"
#include "launch.h"

#define CUDA_LAUNCH_BITS 10U
#define CUDA_LAUNCHES (1U << CUDA_LAUNCH_BITS)

/// Two words that are compared at once.
typedef uint64_t cuda_words __attribute__((vector_size(16)));

/// One of them: two lines of the cache.
typedef struct cuda_launch {
  /// What of a record decides where it is counted, and some that is the same for all of a kernel:
  /// device to local memory; kind to registers; the name.
  cuda_words place[3];
  uint64_t kind;
  uint64_t name;
  agent_launch counted;
  uint64_t pass;  ///< In which it was looked at last; 0: empty.
} __attribute__((aligned(64))) cuda_launch;

extern cuda_launch cuda_launches[CUDA_LAUNCHES];
extern uint64_t cuda_launch_pass;

/// Begins a pass, of which there is at least one a hold: names are looked at again.
void cuda_launches_begin_pass(void);

/// Forgets everything.
void cuda_launches_forget(void);

/// As cuda_launch_of(), for any record.
cuda_launch* cuda_launch_find(const cupti_kernel* kernel, bool is_detail);

/// How that kernel was launched.
agent_shape cuda_shape_of(const cupti_kernel* kernel);

/// The index of a device by CUPTI's ordinal, below CUDA_MAX_DEVICES; AGENT_NONE where there is no
/// room.
uint32_t cuda_index_of(uint32_t device);

static inline cuda_words cuda_words_at(const cupti_kernel* kernel, uint32_t place) {
  cuda_words words;
  memcpy(&words, (const uint8_t*)kernel + place, sizeof(words));
  return words;
}

static inline uint64_t cuda_word_at(const cupti_kernel* kernel, uint32_t place) {
  uint64_t word;
  memcpy(&word, (const uint8_t*)kernel + place, sizeof(word));
  return word;
}

static inline bool cuda_launch_is(const cuda_launch* launch, const cupti_kernel* kernel) {
  const cuda_words differs = (launch->place[0] ^ cuda_words_at(kernel, 40)) |
                             (launch->place[1] ^ cuda_words_at(kernel, 56)) |
                             (launch->place[2] ^ cuda_words_at(kernel, 72));
  return ((launch->kind ^ cuda_word_at(kernel, 0)) | (launch->name ^ cuda_word_at(kernel, 104)) |
          differs[0] | differs[1]) == 0;
}

/// Where the launch of a record may be: there, or beside it (^ 1). By its name, stream and grid.
static inline uint32_t cuda_launch_place(const cupti_kernel* kernel) {
  const uint64_t mixed = cuda_word_at(kernel, 104) + (cuda_word_at(kernel, 56) << 7U) +
                         cuda_word_at(kernel, 48) * UINT64_C(0xD6E8FEB86659FD93);
  return (uint32_t)(mixed * UINT64_C(0x9E3779B97F4A7C15) >> (64U - CUDA_LAUNCH_BITS));
}

/// Where a record is counted; `is_detail`: also in detail. Valid until the next call.
static inline cuda_launch* cuda_launch_of(const cupti_kernel* kernel, bool is_detail) {
  cuda_launch* const launch = &cuda_launches[cuda_launch_place(kernel)];
  const bool is_known = launch->pass == cuda_launch_pass && cuda_launch_is(launch, kernel) &&
                        (!is_detail || launch->counted.stream != NULL);
  if (__builtin_expect(is_known, 1)) return launch;
  return cuda_launch_find(kernel, is_detail);
}
