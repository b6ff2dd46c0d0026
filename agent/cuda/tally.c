// SPDX-License-Identifier: Apache-2.0
#include "tally.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "launches.h"
#include "memory_ledger.h"
#include "names.h"
#include "record_reader.h"

/// Times that are further from now than this were not made by this clock.
#define FUTURE_NS UINT64_C(1000000000)
#define PAST_NS UINT64_C(3600000000000)
/// So far ahead of the record that is counted memory is asked for.
#define AHEAD_BYTES 2048U

/// How this buffer is read.
typedef struct pass {
  uint64_t shift_ns;  ///< From CLOCK_REALTIME to CLOCK_MONOTONIC.
  uint64_t now_ns;
  uint64_t first_ns;  ///< Ends before this, or after so long, were not made by this clock.
  uint64_t span_ns;
  uint32_t every;  ///< One of so many in detail; 0: none.
  bool is_traced;  ///< Each is told by itself, too.
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
static pass this_pass;
static cuda_memory memory;
static cuda_strides strides;
static transfer transfers[256];

uint32_t cuda_index_of(uint32_t device) {
  if (device >= CUDA_MAX_DEVICES) return AGENT_NONE;
  if (device_index[device] == 0) {
    // Known by its UUID since cuda_devices_resolve(), but for what a driver that answers nothing.
    const uint32_t index = agent_device(device, "", "");
    if (index == AGENT_NONE) return AGENT_NONE;
    device_index[device] = index + 1U;
  }
  return device_index[device] - 1U;
}

static inline bool is_in_detail(const pass* p) {
  if (p->every <= 1) return p->every == 1;
  if (++detail_turn < p->every) return false;
  detail_turn = 0;
  return true;
}

typedef struct times {
  uint64_t start_ns;
  uint64_t end_ns;
} times;

/// Brings the times to the clock of the segment; what cannot be right ended now. 0: there are none.
static inline times times_of(uint64_t start, uint64_t end, const pass* p) {
  if (start == 0 || end < start) return (times){0};
  const times found = {start - p->shift_ns, end - p->shift_ns};
  if (found.end_ns - p->first_ns <= p->span_ns) return found;
  const uint64_t length = end - start < p->now_ns ? end - start : 0;
  return (times){p->now_ns - length, p->now_ns};
}

static void trace_kernel(const cupti_kernel* kernel, uint32_t row, times when) {
  const agent_shape shape = cuda_shape_of(kernel);
  const agent_execution one = {.series = row,
                               .device = cuda_index_of(kernel->device),
                               .kind = GPUVIGIL_KIND_COMPUTE,
                               .stream = kernel->stream,
                               .start_ns = when.start_ns,
                               .end_ns = when.end_ns,
                               .shape = &shape,
                               .correlation = kernel->correlation};
  agent_trace(&one);
}

/// `is_all`: each is looked at in detail.
AGENT_INLINE void count_kernel(const cupti_kernel* kernel, const pass* p, agent_busy* busy,
                               bool is_all) {
  const bool is_chosen = is_all || is_in_detail(p);
  times when = {kernel->start - p->shift_ns, kernel->end - p->shift_ns};
  const bool is_plain = when.start_ns - 1U < when.end_ns && when.end_ns - p->first_ns <= p->span_ns;
  if (__builtin_expect(!is_plain, 0)) when = times_of(kernel->start, kernel->end, p);
  // What has no times is in no table, and takes no room there.
  const bool is_detail = is_chosen && (is_plain || when.start_ns != 0);
  cuda_launch* const launch = cuda_launch_of(kernel, is_detail);
  agent_launch_count(&launch->counted, busy, when.start_ns, when.end_ns, is_detail);
  if (__builtin_expect(p->is_traced, 0)) trace_kernel(kernel, launch->counted.series, when);
}

static void count_at(agent_execution* one, uint64_t start, uint64_t end, const pass* p) {
  const times when = times_of(start, end, p);
  one->start_ns = when.start_ns;
  one->end_ns = when.end_ns;
  agent_count(one);
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
                         .device = cuda_index_of(when->device),
                         .kind = kind,
                         .stream = when->stream,
                         .bytes = when->bytes,
                         .correlation = when->correlation,
                         .has_bytes = true,
                         .is_detail = is_in_detail(p)};
  count_at(&one, when->start, when->end, p);
}

/// All three bytes in one number that is never 0.
static uint32_t copy_key(uint8_t copy, uint8_t source, uint8_t destination) {
  return UINT32_C(1) << 24U | (uint32_t)copy << 16U | (uint32_t)source << 8U | destination;
}

static void count_graph(const cupti_graph_trace* graph, const pass* p) {
  char name[32];
  snprintf(name, sizeof(name), "CUDA graph %u", graph->graph);
  agent_execution one = {.series = agent_series(name, GPUVIGIL_KIND_COMPUTE, graph->device),
                         .device = cuda_index_of(graph->device),
                         .kind = GPUVIGIL_KIND_COMPUTE,
                         .stream = graph->stream,
                         .is_detail = is_in_detail(p)};
  count_at(&one, graph->start, graph->end, p);
}

/// At each change: the peak is kept by whoever is told.
static void tell_memory(void) {
  for (uint32_t i = 0; memory.changed != 0 && i < CUDA_MAX_DEVICES; ++i) {
    if ((memory.changed >> i & 1U) == 0) continue;
    const uint32_t index = cuda_index_of(i);
    if (index != AGENT_NONE) {
      agent_memory(index, memory.allocated[i], cuda_memory_reserved(&memory, i),
                   memory.pool_used[i]);
    }
  }
  memory.changed = 0;
}

/// Counts the kernel at which the reader stands, and those that follow.
AGENT_INLINE void count_kernels(cuda_reader* reader, const pass* given, bool is_all) {
  const cuda_reader stands = *reader;
  const pass p = *given;  // in registers, as no counter may be a part of it
  agent_busy busy;
  busy.whose = 0;
  const void* record = NULL;
  const void* next = stands.at;
  uint64_t count = 0;
  do {
    record = next;
    // Two lines of a record some ten further on, which the processor does not foresee well, as they
    // are not next to each other. Beyond the buffer this has no effect.
    __builtin_prefetch((const uint8_t*)record + AHEAD_BYTES + offsetof(cupti_kernel, start));
    __builtin_prefetch((const uint8_t*)record + AHEAD_BYTES + offsetof(cupti_kernel, name));
    count_kernel(record, &p, &busy, is_all);
    ++count;
    next = cuda_reader_peek(&stands, record);
  } while (next != NULL);
  agent_busy_tell(&busy, 0, 0, 0);
  cuda_reader_move(reader, record, count - 1U);
}

static void count_all_kernels(cuda_reader* reader, const pass* p) {
  count_kernels(reader, p, true);
}

static void count_some_kernels(cuda_reader* reader, const pass* p) {
  count_kernels(reader, p, false);
}

static void count_record(const void* record, const pass* p) {
  switch (cuda_record_kind(record)) {
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
  const uint64_t now = agent_now();
  const uint64_t first = now > PAST_NS ? now - PAST_NS : 0;
  if (is_sampled && every == 1) detail_turn = 0;
  return (pass){.shift_ns = somewhen - agent_from_realtime(somewhen),
                .now_ns = now,
                .first_ns = first,
                .span_ns = now + FUTURE_NS - first,
                .every = is_sampled ? every : 0,
                .is_traced = agent_is_traced()};
}

void cuda_tally_begin(void) {
  agent_hold();
  cuda_launches_begin_pass();
  this_pass = begin_pass();
}

void cuda_tally_end(void) {
  agent_release();
}

void cuda_tally_buffer(cupti_next_record next, uint8_t* buffer, size_t valid) {
  cuda_reader reader = cuda_reader_open(next, &strides, buffer, valid);
  const void* record = NULL;
  while ((record = cuda_reader_next(&reader)) != NULL) {
    const uint32_t kind = cuda_record_kind(record);
    if (kind != CUPTI_KIND_CONCURRENT_KERNEL && kind != CUPTI_KIND_KERNEL) {
      count_record(record, &this_pass);
    } else if (this_pass.every == 1) {
      count_all_kernels(&reader, &this_pass);
    } else {
      count_some_kernels(&reader, &this_pass);
    }
  }
  if (reader.is_damaged) {
    // How many there were nobody can say; that there were some must be seen.
    agent_lose(GPUVIGIL_LOSS_UNCOUNTED, 1);
    agent_log("a buffer could be read up to record %llu only", (unsigned long long)reader.records);
  }
}

void cuda_tally_lost(cupti_next_record next, uint8_t* buffer, size_t valid) {
  cuda_reader reader = cuda_reader_open(next, NULL, buffer, valid);
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
  cuda_launches_forget();
  agent_release();
}
