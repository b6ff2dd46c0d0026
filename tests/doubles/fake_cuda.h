// SPDX-License-Identifier: Apache-2.0
#pragma once

// Doubles of libcuda.so.1 and libcupti, for tests on machines without a GPU. A program that knows
// Doubles of libcuda.so.1 and libcupti, for tests on machines without a GPU. A program that knows
// records of it as CUPTI does: into the buffers that whoever listens gave it.
//
// The driver's double:
//   CUDA_INJECTION64_PATH     loaded by cuInit(), and its InitializeInjection() called
//   FAKE_CUDA_DEVICES=N       1 where nothing is said; their UUIDs end in their numbers
//   FAKE_CUDA_ORDER=2,0,1     what CUDA_VISIBLE_DEVICES does: which of them is ordinal 0, 1, ...
//   FAKE_CUDA_MIG=1           their names are those of parts of a GPU
//   FAKE_CUDA_VERBOSE=1       says on stderr what InitializeInjection() gave
//
// CUPTI's double:
//   FAKE_CUPTI_VERSION=N      what cuptiGetVersion() says, and how long its records are; 130001
//   FAKE_CUPTI_STRIDE=N       bytes of a kernel's record, whatever the version says
//   FAKE_CUPTI_RESULT=N       what cuptiSubscribe() and cuptiActivityEnable() give: 39 is another
//                             subscriber, 999 no driver
//   FAKE_CUPTI_HANG=all       no flush ever returns; "forced": none that is forced
//   FAKE_CUPTI_UNTIMED=N      every Nth kernel has no times
//   FAKE_CUPTI_DROP=N         every Nth record is dropped and counted
//   FAKE_CUPTI_GARBAGE=1      a record of no kind at the end of each buffer
//   FAKE_CUPTI_CLOCK_NS=N     its clock is so far beside CLOCK_REALTIME
//   FAKE_CUPTI_SHARED=1       one buffer for all threads
//   FAKE_CUPTI_MUTE=1         makes no records: what the program itself costs
//
// What would crash or hang with the real one does so here, with a line on stderr: flushing in a
// forked child, calling CUPTI from its callbacks, giving it no buffer before version 27.

#include <stdint.h>

typedef struct fake_work {
  uint32_t kind;  ///< CUPTI_KIND_*
  uint32_t device;
  uint32_t context;
  uint32_t stream;
  const char* name;
  uint64_t start_ns;  ///< 0: now.
  uint64_t duration_ns;
  uint64_t bytes;
  uint64_t address;
  uint64_t graph_node;
  uint32_t graph;
  uint32_t operation;  ///< Of memory.
  uint32_t memory_kind;
  uint32_t peer_device;  ///< Of a copy between two.
  int32_t grid[3];
  int32_t block[3];
  int32_t shared_memory;
  uint16_t registers;
  uint8_t copy_kind;
} fake_work;

int cuInit(unsigned flags);

/// Does it at once. 0, or 3 before cuInit(). Any thread.
int fakecu_run(const fake_work* work);

/// Where fakecu_run() tells of what it did.
typedef void (*fakecu_sink)(const fake_work* work);
void fakecu_set_sink(fakecu_sink sink);
