// SPDX-License-Identifier: Apache-2.0
#include "buffers.h"

#include <stdlib.h>

#define GET(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)
#define SET(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)
#define READY_AT_LEAST 4U

enum state {
  STATE_EMPTY,  // no memory yet
  STATE_FREE,
  STATE_BACK,   // somebody here is about it
  STATE_ASIDE,  // it waits to be read
  STATE_OUT,    // CUPTI has it, and above these bits: since which round
};
#define STATE_BITS 3U
#define STATE_OF(word) ((word) & ((1U << STATE_BITS) - 1U))
#define ROUND_OF(word) ((word) >> STATE_BITS)
#define OUT_SINCE(round) (((round) << STATE_BITS) | STATE_OUT)

typedef struct slot {
  uint32_t state;
  uint8_t* bytes;
  size_t valid;
} slot;

static slot slots[CUDA_MAX_BUFFERS];
static uint32_t used;  // slots below this one were ever given
static uint8_t* spares;
static uint32_t next_spare;
static uint32_t now_round;
static uint32_t set_aside;
static uint64_t given;
static uint64_t returned;
static uint32_t given_in_round;

/// From one state to another, if it is in that; whoever succeeds owns it.
static bool move(slot* s, uint32_t from, uint32_t to) {
  return __atomic_compare_exchange_n(&s->state, &from, to, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED);
}

/// Memory for an empty slot, which the caller owns meanwhile.
static bool fill(slot* s) {
  s->bytes = malloc(CUDA_BUFFER_BYTES);
  return s->bytes != NULL;
}

static void prepare(uint32_t ready) {
  uint32_t free_ones = 0;
  for (uint32_t i = 0; i < CUDA_MAX_BUFFERS && free_ones < ready; ++i) {
    slot* const s = &slots[i];
    if (GET(s->state) == STATE_FREE) ++free_ones;
    if (!move(s, STATE_EMPTY, STATE_BACK)) continue;
    const bool is_filled = fill(s);
    __atomic_store_n(&s->state, is_filled ? STATE_FREE : STATE_EMPTY, __ATOMIC_RELEASE);
    if (!is_filled) return;
    ++free_ones;
  }
}

void cuda_buffers_start(bool may_refuse) {
  if (!may_refuse && spares == NULL) spares = malloc(CUDA_SPARES * CUDA_SPARE_BYTES);
  prepare(READY_AT_LEAST);
}

/// Of a slot that the caller owns.
static uint8_t* hand_out(uint32_t number, size_t* size) {
  slot* const s = &slots[number];
  uint8_t* const bytes = s->bytes;
  uint32_t before = GET(used);
  while (before <= number && !__atomic_compare_exchange_n(&used, &before, number + 1U, false,
                                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
  }
  __atomic_fetch_add(&given, 1, __ATOMIC_RELAXED);
  __atomic_fetch_add(&given_in_round, 1, __ATOMIC_RELAXED);
  *size = CUDA_BUFFER_BYTES;
  __atomic_store_n(&s->state, OUT_SINCE(GET(now_round)), __ATOMIC_RELEASE);
  return bytes;
}

uint8_t* cuda_buffers_give(size_t* size) {
  for (uint32_t i = 0; i < CUDA_MAX_BUFFERS; ++i) {
    if (GET(slots[i].state) == STATE_FREE && move(&slots[i], STATE_FREE, STATE_BACK)) {
      return hand_out(i, size);
    }
  }
  for (uint32_t i = 0; i < CUDA_MAX_BUFFERS; ++i) {
    if (GET(slots[i].state) != STATE_EMPTY || !move(&slots[i], STATE_EMPTY, STATE_BACK)) continue;
    if (fill(&slots[i])) return hand_out(i, size);
    __atomic_store_n(&slots[i].state, STATE_EMPTY, __ATOMIC_RELEASE);
    break;
  }
  *size = 0;
  if (spares == NULL) return NULL;
  // With more than CUDA_SPARES out at once two threads write into one: nobody reads what is in it.
  const uint32_t spare = __atomic_fetch_add(&next_spare, 1, __ATOMIC_RELAXED) % CUDA_SPARES;
  *size = CUDA_SPARE_BYTES;
  return spares + spare * CUDA_SPARE_BYTES;
}

bool cuda_buffers_is_spare(const uint8_t* buffer) {
  if (spares == NULL) return false;
  return (uintptr_t)buffer - (uintptr_t)spares < CUDA_SPARES * CUDA_SPARE_BYTES;
}

uint32_t cuda_buffers_came_back(const uint8_t* buffer) {
  const uint32_t count = __atomic_load_n(&used, __ATOMIC_ACQUIRE);
  for (uint32_t i = 0; i < count; ++i) {
    slot* const s = &slots[i];
    const uint32_t state = __atomic_load_n(&s->state, __ATOMIC_ACQUIRE);
    if (STATE_OF(state) != STATE_OUT || s->bytes != buffer) continue;
    if (!move(s, state, STATE_BACK)) break;
    __atomic_fetch_add(&returned, 1, __ATOMIC_RELAXED);
    return i;
  }
  return CUDA_NO_BUFFER;
}

void cuda_buffers_release(uint32_t number) {
  __atomic_store_n(&slots[number].state, STATE_FREE, __ATOMIC_RELEASE);
}

uint32_t cuda_buffers_put_aside(uint32_t number, size_t valid) {
  slots[number].valid = valid;
  __atomic_store_n(&slots[number].state, STATE_ASIDE, __ATOMIC_RELEASE);
  return __atomic_add_fetch(&set_aside, 1, __ATOMIC_ACQ_REL);
}

uint8_t* cuda_buffers_take_aside(uint32_t* number, size_t* valid) {
  if (__atomic_load_n(&set_aside, __ATOMIC_ACQUIRE) == 0) return NULL;
  const uint32_t count = __atomic_load_n(&used, __ATOMIC_ACQUIRE);
  for (uint32_t i = 0; i < count; ++i) {
    if (GET(slots[i].state) != STATE_ASIDE || !move(&slots[i], STATE_ASIDE, STATE_BACK)) continue;
    __atomic_fetch_sub(&set_aside, 1, __ATOMIC_ACQ_REL);
    *number = i;
    *valid = slots[i].valid;
    return slots[i].bytes;
  }
  return NULL;
}

void cuda_buffers_next_round(void) {
  const uint32_t needed = __atomic_exchange_n(&given_in_round, 0, __ATOMIC_RELAXED);
  SET(now_round, GET(now_round) + 1U);
  prepare(needed > READY_AT_LEAST ? (needed < 32U ? needed : 32U) : READY_AT_LEAST);
}

/// Whether a state is that of a buffer which was given so long ago.
static bool is_overdue(uint32_t state, uint32_t rounds) {
  const uint32_t age = (GET(now_round) - ROUND_OF(state)) & (UINT32_MAX >> STATE_BITS);
  return STATE_OF(state) == STATE_OUT && age >= rounds;
}

uint32_t cuda_buffers_overdue(uint32_t rounds) {
  const uint32_t count = __atomic_load_n(&used, __ATOMIC_ACQUIRE);
  uint32_t overdue = 0;
  for (uint32_t i = 0; i < count; ++i) overdue += is_overdue(GET(slots[i].state), rounds);
  return overdue;
}

uint32_t cuda_buffers_abandon(uint32_t rounds) {
  const uint32_t count = __atomic_load_n(&used, __ATOMIC_ACQUIRE);
  uint32_t abandoned = 0;
  for (uint32_t i = 0; i < count; ++i) {
    slot* const s = &slots[i];
    const uint32_t state = GET(s->state);
    if (!is_overdue(state, rounds) || !move(s, state, STATE_BACK)) continue;
    s->bytes = NULL;  // whoever has it now may free it
    __atomic_store_n(&s->state, STATE_EMPTY, __ATOMIC_RELEASE);
    ++abandoned;
  }
  return abandoned;
}

uint64_t cuda_buffers_given(void) {
  return GET(given);
}

uint64_t cuda_buffers_returned(void) {
  return GET(returned);
}
