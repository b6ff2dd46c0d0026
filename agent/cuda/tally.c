// SPDX-License-Identifier: Apache-2.0
#include "tally.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "memory_ledger.h"
#include "names.h"
#include "record_reader.h"

/// Times that are further from now than this were not made by this clock.
#define FUTURE_NS UINT64_C(1000000000)
#define PAST_NS UINT64_C(3600000000000)

/// How this buffer is read.
typedef struct pass {
  uint64_t shift_ns;  ///< From CLOCK_REALTIME to CLOCK_MONOTONIC.
  uint64_t now_ns;
  uint32_t every;  ///< One of so many in detail; 0: none.
} pass;

/// A copy or set by what its record says of it; the name is made once.
typedef struct transfer {
  uint32_t key;  ///< 0: empty
  uint32_t device;
  uint32_t series;
} transfer;

// Under the lock of agent_hold().
static uint32_t device_index[CUDA_MAX_DEVICES];  // 1 + index; 0: not asked yet
static uint32_t detail_turn;
static cuda_memory memory;
static transfer transfers[256];

static uint32_t index_of(uint32_t device) {
  if (device >= CUDA_MAX_DEVICES) return AGENT_NONE;
  if (device_index[device] == 0) {
    // Known by its UUID since cuda_devices_resolve(), but for what a driver that answers nothing.
    const uint32_t index = agent_device(device, "", "");
    if (index == AGENT_NONE) return AGENT_NONE;
    device_index[device] = index + 1U;
  }
  return device_index[device] - 1U;
}

static bool is_in_detail(const pass* p) {
  if (p->every == 0) return false;
  if (++detail_turn < p->every) return false;
  detail_turn = 0;
  return true;
}

/// Brings the times to the clock of the segment; what cannot be right ended now.
static void set_times(agent_execution* one, uint64_t start, uint64_t end, const pass* p) {
  if (start == 0 || end < start) {
    one->start_ns = one->end_ns = 0;
    return;
  }
  one->start_ns = start - p->shift_ns;
  one->end_ns = end - p->shift_ns;
  if (one->end_ns > p->now_ns + FUTURE_NS || one->end_ns + PAST_NS < p->now_ns) {
    const uint64_t length = end - start < p->now_ns ? end - start : 0;
    one->end_ns = p->now_ns;
    one->start_ns = p->now_ns - length;
  }
}

static void count_kernel(const cupti_kernel* kernel, const pass* p) {
  if (kernel->device >= CUDA_MAX_DEVICES) {
    agent_lose(GPUVIGIL_LOSS_UNCOUNTED, 1);
    return;
  }
  const cuda_name* const name = cuda_name_find(kernel->name, kernel->device, agent_series);
  agent_execution one = {.series = cuda_name_series(name),
                         .device = index_of(kernel->device),
                         .kind = cuda_name_kind(name),
                         .stream = kernel->stream,
                         .correlation = kernel->correlation,
                         .is_detail = is_in_detail(p)};
  set_times(&one, kernel->start, kernel->end, p);
  if (!one.is_detail) {
    agent_count(&one);
    return;
  }
  agent_shape shape = {.registers = kernel->registers_per_thread,
                       .static_shared_bytes = (uint32_t)kernel->static_shared_memory,
                       .dynamic_shared_bytes = (uint32_t)kernel->dynamic_shared_memory};
  for (size_t i = 0; i < 3; ++i) {
    shape.grid[i] = (uint32_t)kernel->grid[i];
    shape.block[i] = (uint32_t)kernel->block[i];
  }
  one.shape = &shape;
  agent_count(&one);
}

/// What records of copies and of sets have in common.
typedef struct interval {
  uint32_t device;
  uint32_t stream;
  uint64_t start;
  uint64_t end;
  uint64_t bytes;
  uint32_t correlation;
} interval;

static void count_transfer(uint32_t key, uint32_t kind, const interval* when, const pass* p) {
  const uint32_t place = (key * UINT32_C(2654435761) ^ when->device) % 256U;
  transfer* const entry = &transfers[place];
  if (entry->key != key || entry->device != when->device) {
    char name[64];
    if (kind == GPUVIGIL_KIND_MEMSET) {
      cuda_set_name(name, key & 0xFFU);
    } else {
      cuda_copy_name(name, key >> 16U & 0xFFU, key >> 8U & 0xFFU, key & 0xFFU);
    }
    *entry = (transfer){
        .key = key, .device = when->device, .series = agent_series(name, kind, when->device)};
  }
  agent_execution one = {.series = entry->series,
                         .device = index_of(when->device),
                         .kind = kind,
                         .stream = when->stream,
                         .bytes = when->bytes,
                         .correlation = when->correlation,
                         .has_bytes = true,
                         .is_detail = is_in_detail(p)};
  set_times(&one, when->start, when->end, p);
  agent_count(&one);
}

/// All three bytes in one number that is never 0.
static uint32_t copy_key(uint8_t copy, uint8_t source, uint8_t destination) {
  return UINT32_C(1) << 24U | (uint32_t)copy << 16U | (uint32_t)source << 8U | destination;
}

static void count_graph(const cupti_graph_trace* graph, const pass* p) {
  char name[32];
  snprintf(name, sizeof(name), "CUDA graph %u", graph->graph);
  agent_execution one = {.series = agent_series(name, GPUVIGIL_KIND_COMPUTE, graph->device),
                         .device = index_of(graph->device),
                         .kind = GPUVIGIL_KIND_COMPUTE,
                         .stream = graph->stream,
                         .is_detail = is_in_detail(p)};
  set_times(&one, graph->start, graph->end, p);
  agent_count(&one);
}

/// At each change: the peak is kept by whoever is told.
static void tell_memory(void) {
  for (uint32_t i = 0; memory.changed != 0 && i < CUDA_MAX_DEVICES; ++i) {
    if ((memory.changed >> i & 1U) == 0) continue;
    const uint32_t index = index_of(i);
    if (index != AGENT_NONE) {
      agent_memory(index, memory.allocated[i], cuda_memory_reserved(&memory, i),
                   memory.pool_used[i]);
    }
  }
  memory.changed = 0;
}

static void count_record(const void* record, const pass* p) {
  switch (cuda_record_kind(record)) {
    case CUPTI_KIND_KERNEL:
    case CUPTI_KIND_CONCURRENT_KERNEL:
      count_kernel(record, p);
      break;
    case CUPTI_KIND_MEMCPY:
    case CUPTI_KIND_MEMCPY2: {
      const cupti_memcpy* const copy = record;  // the other begins alike
      const bool is_between = cuda_record_kind(record) == CUPTI_KIND_MEMCPY2;
      const interval when = {
          copy->device,
          copy->stream,
          copy->start,
          copy->end,
          copy->bytes,
          is_between ? ((const cupti_memcpy2*)record)->correlation : copy->correlation};
      count_transfer(copy_key(copy->copy_kind, copy->source_kind, copy->destination_kind),
                     GPUVIGIL_KIND_MEMCPY, &when, p);
      break;
    }
    case CUPTI_KIND_MEMSET: {
      const cupti_memset* const set = record;
      const interval when = {set->device, set->stream, set->start,
                             set->end,    set->bytes,  set->correlation};
      const uint8_t memory_kind = set->memory_kind <= UINT8_MAX ? (uint8_t)set->memory_kind : 0;
      count_transfer(UINT32_C(1) << 25U | memory_kind, GPUVIGIL_KIND_MEMSET, &when, p);
      break;
    }
    case CUPTI_KIND_MEMORY2:
      cuda_memory_take(&memory, record);
      tell_memory();
      break;
    case CUPTI_KIND_MEMORY_POOL:
      cuda_memory_take_pool(&memory, record);
      tell_memory();
      break;
    case CUPTI_KIND_GRAPH_TRACE:
      count_graph(record, p);
      break;
    default:
      break;
  }
}

static pass begin_pass(void) {
  // Any time will do to measure the distance of the clocks, but 0.
  const uint64_t somewhen = UINT64_C(1) << 62U;
  uint32_t every = 1;
  const uint32_t detail = agent_detail(&every);
  const bool is_sampled = detail == GPUVIGIL_DETAIL_SAMPLED || detail == GPUVIGIL_DETAIL_FULL;
  return (pass){.shift_ns = somewhen - agent_from_realtime(somewhen),
                .now_ns = agent_now(),
                .every = is_sampled ? every : 0};
}

void cuda_tally_buffer(cupti_next_record next, uint8_t* buffer, size_t valid) {
  cuda_reader reader = cuda_reader_open(next, buffer, valid);
  const void* record = NULL;
  agent_hold();
  const pass p = begin_pass();
  while ((record = cuda_reader_next(&reader)) != NULL) count_record(record, &p);
  agent_release();
  if (reader.is_damaged) {
    // How many there were nobody can say; that there were some must be seen.
    agent_lose(GPUVIGIL_LOSS_UNCOUNTED, 1);
    agent_log("a buffer could be read up to record %llu only", (unsigned long long)reader.records);
  }
}

void cuda_tally_lost(cupti_next_record next, uint8_t* buffer, size_t valid) {
  cuda_reader reader = cuda_reader_open(next, buffer, valid);
  const void* record = NULL;
  uint64_t lost = 0;
  while ((record = cuda_reader_next(&reader)) != NULL) {
    const uint32_t kind = cuda_record_kind(record);
    lost += kind != CUPTI_KIND_MEMORY2 && kind != CUPTI_KIND_MEMORY_POOL;
  }
  agent_lose(GPUVIGIL_LOSS_UNCOUNTED, lost);
}

void cuda_tally_forget_names(void) {
  agent_hold();
  cuda_names_forget();
  agent_release();
}
