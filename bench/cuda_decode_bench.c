// SPDX-License-Identifier: Apache-2.0
// What the CUDA agent does with a record: NVIDIA's iterator, where it is installed, and our count,
// on buffers as CUPTI 13.0 fills them. One JSON line a row; CPU time, median of nine rounds.
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent.h"
#include "agent/cuda/buffers.h"
#include "agent/cuda/cupti_abi.h"
#include "agent/cuda/record_reader.h"
#include "agent/cuda/tally.h"

#define ROUNDS 9
#define BUFFERS 16  // few, as CUPTI gets the same ones again and again
#define AT_ONCE 8   // as the agent reads them
#define PASSES 8
#define KERNELS 300
#define SPACING_NS 300U
#define RECORD_BYTES 216U  // of 13.0
#define RECORDS (CUDA_BUFFER_BYTES / RECORD_BYTES)
#define VALID (RECORDS * RECORD_BYTES)

static uint64_t state = 1;

static uint64_t next_random(void) {
  state ^= state << 13U;
  state ^= state >> 7U;
  state ^= state << 17U;
  return state;
}

static uint64_t cpu_ns(void) {
  struct timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return (uint64_t)used.tv_sec * UINT64_C(1000000000) + (uint64_t)used.tv_nsec;
}

static uint64_t wall_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/// Where there is no libcupti.
static int step(uint8_t* buffer, size_t valid, void** at) {
  uint8_t* const next = *at == NULL ? buffer : (uint8_t*)*at + RECORD_BYTES;
  if (next + RECORD_BYTES > buffer + valid) return CUPTI_MAX_LIMIT_REACHED;
  *at = next;
  return CUPTI_SUCCESS;
}

static cupti_next_record find_iterator(const char** whose) {
  cupti_next_record found = NULL;
  void* const library = dlopen("libcupti.so.13", RTLD_LAZY);
  if (library != NULL) *(void**)&found = dlsym(library, "cuptiActivityGetNextRecord");
  *whose = found != NULL ? "NVIDIA's iterator" : "an iterator of ours: no libcupti is installed";
  return found != NULL ? found : step;
}

/// Names as long as real ones, used as often as real ones: the first half of all kernels.
static void fill(uint8_t* buffers[BUFFERS]) {
  static char names[KERNELS][256];
  static uint64_t lengths[KERNELS];
  for (int i = 0; i < KERNELS; ++i) {
    lengths[i] = 120U + next_random() % 400U;  // each about as long as the last time
    const int filler = 40 + (int)(next_random() % 150);
    snprintf(names[i], sizeof(names[i]), "_ZN2at6native29vectorized_elementwise_kernelI%0*d",
             filler, i);
  }
  const uint64_t begin = wall_ns();
  for (int b = 0; b < BUFFERS; ++b) {
    buffers[b] = calloc(1, CUDA_BUFFER_BYTES);
    if (buffers[b] == NULL) abort();
    for (size_t i = 0; i < RECORDS; ++i) {
      cupti_kernel kernel = {.kind = CUPTI_KIND_CONCURRENT_KERNEL,
                             .stream = 7,
                             .grid = {128, 1, 1},
                             .block = {256, 1, 1}};
      const double at = (double)(next_random() >> 11U) * 0x1p-53;
      const size_t which = (size_t)((double)KERNELS * at * at * at);
      kernel.name = names[which];
      kernel.start = begin - UINT64_C(1000000000) + ((uint64_t)b * RECORDS + i) * SPACING_NS;
      kernel.end = kernel.start + lengths[which] * (90U + next_random() % 20U) / 100U;
      memcpy(buffers[b] + i * RECORD_BYTES, &kernel, sizeof(kernel));
    }
  }
}

/// The next kernels of the same: later by as much as all buffers hold.
static void go_on(uint8_t* buffer) {
  for (size_t i = 0; i < RECORDS; ++i) {
    cupti_kernel* const kernel = (cupti_kernel*)(void*)(buffer + i * RECORD_BYTES);
    kernel->start += BUFFERS * RECORDS * SPACING_NS;
    kernel->end += BUFFERS * RECORDS * SPACING_NS;
  }
}

static int by_value(const void* a, const void* b) {
  const double x = *(const double*)a;
  const double y = *(const double*)b;
  return (x > y) - (x < y);
}

static double median(double* values) {
  qsort(values, ROUNDS, sizeof(*values), by_value);
  return values[ROUNDS / 2];
}

static uint64_t iterate(cupti_next_record next, uint8_t* buffer) {
  cuda_reader reader = cuda_reader_open(next, NULL, buffer, VALID);
  uint64_t sum = 0;
  const void* record = NULL;
  while ((record = cuda_reader_next(&reader)) != NULL) sum += cuda_record_kind(record);
  return sum;
}

int main(void) {
  static const agent_plan plan = {.writer = "cuda",
                                  .features = GPUVIGIL_SEGMENT_HAS_BUSY |
                                              GPUVIGIL_SEGMENT_HAS_SHAPES |
                                              GPUVIGIL_SEGMENT_HAS_STREAMS,
                                  .flush_ms = 1000};
  static uint8_t* buffers[BUFFERS];
  double iterated[ROUNDS];
  double counted[ROUNDS];
  const char* whose = "";
  // Nobody listens there, and what it costs is not held against it: it looks at everything.
  setenv("GPUVIGIL_SOCKET", "/nonexistent", 1);
  setenv("GPUVIGIL_BUDGET_PERCENT", "100", 1);
  const cupti_next_record next = find_iterator(&whose);
  fill(buffers);
  if (!agent_start(&plan)) return 1;
  uint64_t sum = 0;
  for (int round = 0; round < ROUNDS; ++round) {
    uint64_t iterating = 0;
    uint64_t counting = 0;
    for (int pass = 0; pass < PASSES; ++pass) {
      for (int b = 0; b < BUFFERS; ++b) go_on(buffers[b]);
      const uint64_t begin = cpu_ns();
      for (int b = 0; b < BUFFERS; ++b) sum += iterate(next, buffers[b]);
      const uint64_t between = cpu_ns();
      for (int b = 0; b < BUFFERS; ++b) {
        if (b % AT_ONCE == 0) cuda_tally_begin();
        cuda_tally_buffer(next, buffers[b], VALID);
        if (b % AT_ONCE == AT_ONCE - 1) cuda_tally_end();
      }
      counting += cpu_ns() - between;
      iterating += between - begin;
    }
    iterated[round] = (double)iterating / (PASSES * BUFFERS * RECORDS);
    counted[round] = (double)counting / (PASSES * BUFFERS * RECORDS);
  }
  fprintf(stderr, "cuda_decode_bench: %s (%llu)\n", whose, (unsigned long long)sum);
  const double floor_ns = median(iterated);
  const double ours_ns = median(counted);
  printf(
      "{\"bench\": \"cuda\", \"row\": \"record\", \"value\": %.2f, \"unit\": \"ns\", "
      "\"aim\": 12}\n",
      ours_ns);
  printf(
      "{\"bench\": \"cuda\", \"row\": \"record\", \"value\": %.2f, \"unit\": \"ns\", "
      "\"floor\": \"iterate only\", \"peer_value\": %.2f, \"ratio\": %.2f}\n",
      ours_ns, floor_ns, ours_ns / floor_ns);
  return 0;
}
