// SPDX-License-Identifier: Apache-2.0
#include "busy.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int by_start(const void* a, const void* b) {
  const uint64_t x = ((const busy_run*)a)->from;
  const uint64_t y = ((const busy_run*)b)->from;
  return (x > y) - (x < y);
}

/// Makes the oldest `count` runs into a sum.
static void seal(busy_union* busy, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) busy->sealed_ns += busy->runs[i].to - busy->runs[i].from;
  if (count > 0) busy->sealed_until = busy->runs[count - 1U].to;
  busy->run_count -= count;
  memmove(busy->runs, busy->runs + count, busy->run_count * sizeof(busy_run));
}

/// Appends a run that begins no earlier than the last of `into`; gives how many there are.
static uint32_t append(busy_run* into, uint32_t count, const busy_run* run) {
  if (count > 0 && run->from <= into[count - 1U].to) {
    if (run->to > into[count - 1U].to) into[count - 1U].to = run->to;
    return count;
  }
  into[count] = *run;
  return count + 1U;
}

/// Merges the late ones in.
static void settle(busy_union* busy) {
  if (busy->late_count == 0) return;
  if (busy->run_count + busy->late_count > BUSY_RUNS) seal(busy, busy->run_count / 2U);
  for (uint32_t i = 0; i < busy->late_count; ++i) {
    busy_run* const run = &busy->late[i];
    if (run->from < busy->sealed_until) run->from = busy->sealed_until;
    if (run->to < run->from) run->to = run->from;
  }
  qsort(busy->late, busy->late_count, sizeof(busy_run), by_start);
  // From the end: what is older than the first late one stays where it is.
  uint32_t kept = busy->run_count;
  while (kept > 0 && busy->runs[kept - 1U].to >= busy->late[0].from) --kept;
  busy_run newer[BUSY_RUNS];
  const uint32_t newer_count = busy->run_count - kept;
  memcpy(newer, busy->runs + kept, newer_count * sizeof(busy_run));
  uint32_t a = 0;
  uint32_t b = 0;
  uint32_t count = kept;
  while (a < newer_count || b < busy->late_count) {
    const bool takes_newer =
        b == busy->late_count || (a < newer_count && newer[a].from <= busy->late[b].from);
    count = append(busy->runs, count, takes_newer ? &newer[a++] : &busy->late[b++]);
  }
  busy->run_count = count;
  busy->late_count = 0;
}

void gpuvigil_busy_add(busy_union* busy, uint64_t from, uint64_t to) {
  if (from < busy->sealed_until) from = busy->sealed_until;
  if (to <= from) return;
  const uint32_t last = busy->run_count;
  // Most come in order, and behind one another: those need no merging.
  if (busy->late_count == 0 && (last == 0 || from >= busy->runs[last - 1U].from)) {
    const busy_run run = {.from = from, .to = to};
    if (last == BUSY_RUNS) seal(busy, BUSY_RUNS / 2U);
    busy->run_count = append(busy->runs, busy->run_count, &run);
    return;
  }
  busy->late[busy->late_count++] = (busy_run){.from = from, .to = to};
  if (busy->late_count == BUSY_LATE) settle(busy);
}

void gpuvigil_busy_add_batch(busy_union* busy, const busy_batch* batch) {
  const uint32_t count = batch->count + 1U;
  const busy_run* const runs = batch->runs;
  uint32_t i = 0;
  // Only the first ones can touch what is there already; the others only follow.
  while (i < count && (busy->run_count == 0 || busy->late_count != 0 ||
                       runs[i].from <= busy->runs[busy->run_count - 1U].to)) {
    gpuvigil_busy_add(busy, runs[i].from, runs[i].to);
    ++i;
  }
  if (i == count) return;
  if (busy->run_count + (count - i) > BUSY_RUNS) seal(busy, BUSY_RUNS / 2U);
  memcpy(busy->runs + busy->run_count, runs + i, (count - i) * sizeof(*runs));
  busy->run_count += count - i;
}

uint64_t gpuvigil_busy_until(busy_union* busy, uint64_t until) {
  settle(busy);
  uint64_t length = busy->sealed_ns;
  for (uint32_t i = 0; i < busy->run_count && busy->runs[i].from < until; ++i) {
    const uint64_t end = busy->runs[i].to < until ? busy->runs[i].to : until;
    length += end - busy->runs[i].from;
  }
  return length;
}
