// SPDX-License-Identifier: Apache-2.0
//
// The agent in a CUDA program. The driver loads it within cuInit() and calls InitializeInjection();
// from then on CUPTI fills our buffers, this library counts what is in them, and once a second asks
// for those that are not full. Nothing is done at a launch.
//
// It is a guest of the program's profilers as well: it takes no subscription unless it is told to
// (GPUVIGIL_CUPTI_POLICY=owner), so that PyTorch's profiler can take the callbacks over; meanwhile
// it is blind, says so, and asks for them again when that must be over.
//
//   GPUVIGIL_CUPTI_POLICY   guest | owner | off
//   GPUVIGIL_CUPTI          the path of libcupti
//   GPUVIGIL_CUPTI_REARM_S  after so many silent seconds the callbacks are asked for again; 60;
//                           0: never
//   GPUVIGIL_GRAPH          node | graph: what of a CUDA graph is one execution
//   GPUVIGIL_FLUSH_MS       how often what is not full is asked for; 1000, at least 250
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent.h"
#include "buffers.h"
#include "cupti_library.h"
#include "devices.h"
#include "tally.h"

/// A buffer that was given so many flushes ago and is still out makes us ask whether it comes back.
#define SUSPICIOUS_ROUNDS 5U
/// So many buffers are read one after the other; that takes some hundred microseconds at most.
#define READ_AT_ONCE 8U
/// So many buffers wait for the driver to say what its devices are; then nobody is waited for.
#define MOST_ASIDE (CUDA_MAX_BUFFERS / 2U)
#define SECOND_NS UINT64_C(1000000000)

#define GET(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)
#define SET(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)

static cupti_calls cupti;
static bool is_armed;  // set once all above is; read with acquire
static bool is_owner;
static bool traces_graphs;
static uint64_t rearm_ns;
static _Thread_local bool is_in_flush __attribute__((tls_model("initial-exec")));

// The agent's thread.
static bool is_blind;
static bool is_disabled;  // to save its cost
static uint64_t quiet_since_ns;
static uint64_t given_before;
static uint64_t returned_before;

static uint64_t thread_ns(void) {
  struct timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return (uint64_t)used.tv_sec * SECOND_NS + (uint64_t)used.tv_nsec;
}

// ---- what CUPTI calls, on any thread of the program's, with its own locks held ----

static void on_request(uint8_t** buffer, size_t* size, size_t* most_records) {
  *most_records = 0;
  *buffer = cuda_buffers_give(size);
}

static void drain(void) {
  uint32_t number = 0;
  size_t valid = 0;
  uint8_t* buffer = cuda_buffers_take_aside(&number, &valid);
  while (buffer != NULL) {
    cuda_tally_begin();
    // No more of them: others may wait.
    for (uint32_t i = 0; i < READ_AT_ONCE && buffer != NULL; ++i) {
      cuda_tally_buffer(cupti.next_record, buffer, valid);
      cuda_buffers_release(number);
      buffer = cuda_buffers_take_aside(&number, &valid);
    }
    cuda_tally_end();
  }
}

/// Buffers are read a few at a time: what counting needs has left the caches since the last one.
/// The first ones wait for the driver to say what its devices are, unless too many do.
static void put_aside(uint32_t number, size_t valid) {
  const uint32_t waiting = cuda_buffers_put_aside(number, valid);
  if (waiting < (cuda_devices_are_known() ? READ_AT_ONCE : MOST_ASIDE)) return;
  (void)cuda_devices_resolve();
  drain();
}

static void take_buffer(uint8_t* buffer, size_t valid) {
  if (cuda_buffers_is_spare(buffer)) {
    cuda_tally_lost(cupti.next_record, buffer, valid);
    return;
  }
  const uint32_t number = cuda_buffers_came_back(buffer);
  // Another's: given before its callbacks were replaced by ours.
  if (number == CUDA_NO_BUFFER) return;
  if (valid != 0) {
    put_aside(number, valid);
  } else {
    cuda_buffers_release(number);
  }
}

static void on_complete(void* context, uint32_t stream, uint8_t* buffer, size_t size,
                        size_t valid) {
  (void)context;
  (void)stream;
  if (buffer == NULL || !agent_is_on()) return;
  if (is_in_flush) {  // that thread's time is counted as it is
    take_buffer(buffer, valid < size ? valid : size);
    return;
  }
  const uint64_t before = thread_ns();
  take_buffer(buffer, valid < size ? valid : size);
  agent_spent(thread_ns() - before);
}

static void on_callback(void* user, int domain, uint32_t id, const void* data) {
  (void)user;
  (void)domain;
  (void)id;
  (void)data;
}

// ---- taking and giving up the callbacks ----

static uint32_t reason_of(int result) {
  switch (result) {
    case CUPTI_MULTIPLE_SUBSCRIBERS:
      return GPUVIGIL_BLIND_PROFILER;
    case CUPTI_NOT_INITIALIZED:
    case CUPTI_UNKNOWN:
      return GPUVIGIL_BLIND_NO_DRIVER;
    default:
      return GPUVIGIL_BLIND_REFUSED;
  }
}

/// Kernels are what it is about; what else an old release does not know is not seen.
static int enable(void) {
  static const uint32_t others[] = {CUPTI_KIND_MEMCPY, CUPTI_KIND_MEMCPY2, CUPTI_KIND_MEMSET,
                                    CUPTI_KIND_MEMORY2, CUPTI_KIND_MEMORY_POOL};
  // Before kernels: whoever traces graphs as a whole does not trace what is in them.
  if (traces_graphs) (void)cupti.enable(CUPTI_KIND_GRAPH_TRACE);
  const int result = cupti.enable(CUPTI_KIND_CONCURRENT_KERNEL);
  if (result != CUPTI_SUCCESS) return result;
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); ++i) (void)cupti.enable(others[i]);
  return result;
}

static void disable(void) {
  static const uint32_t all[] = {CUPTI_KIND_CONCURRENT_KERNEL, CUPTI_KIND_MEMCPY,
                                 CUPTI_KIND_MEMCPY2,           CUPTI_KIND_MEMSET,
                                 CUPTI_KIND_MEMORY2,           CUPTI_KIND_MEMORY_POOL};
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); ++i) (void)cupti.disable(all[i]);
  if (traces_graphs) (void)cupti.disable(CUPTI_KIND_GRAPH_TRACE);
}

static int take_callbacks(void) {
  const int result = cupti.register_callbacks(on_request, on_complete);
  return result != CUPTI_SUCCESS ? result : enable();
}

static void stand_down(uint32_t reason, const char* why) {
  agent_log("sees nothing: %s", why);
  agent_blind(reason);
}

static bool subscribe(void) {
  void* subscriber = NULL;
  const int result = cupti.subscribe(&subscriber, on_callback, NULL);
  if (result == CUPTI_SUCCESS) return true;
  stand_down(reason_of(result), "cuptiSubscribe() refuses; another profiler may be attached");
  return false;
}

static void arm(void) {
  char text[CUPTI_WHY_BYTES] = "";
  if (!cupti_open(&cupti, text)) {
    stand_down(GPUVIGIL_BLIND_NO_DRIVER, text);
    return;
  }
  snprintf(text, sizeof(text), "CUPTI %u", cupti.version);
  agent_runtime(text);
  const char* const harm = cupti_known_harm(cupti.version);
  if (harm != NULL) {
    stand_down(GPUVIGIL_BLIND_UNSUPPORTED, harm);
    return;
  }
  if (is_owner && !subscribe()) return;
  cuda_buffers_start(cupti.version >= CUPTI_API_MAY_REFUSE_BUFFERS);
  quiet_since_ns = agent_now();
  const int result = take_callbacks();
  if (result != CUPTI_SUCCESS) {
    snprintf(text, sizeof(text), "CUPTI answers %d", result);
    stand_down(reason_of(result), text);
    return;
  }
  agent_log("counts by CUPTI %u", cupti.version);
  __atomic_store_n(&is_armed, true, __ATOMIC_RELEASE);
}

// ---- the agent's thread ----

static void flush_cupti(uint32_t flag) {
  is_in_flush = true;
  (void)cupti.flush_all(flag);
  is_in_flush = false;
}

static void count_dropped(void) {
  size_t dropped = 0;
  // Never from a callback, where it waits for a lock that is held there.
  if (cupti.dropped == NULL || cupti.dropped(NULL, 0, &dropped) != CUPTI_SUCCESS) return;
  if (dropped != 0) agent_lose(GPUVIGIL_LOSS_UNCOUNTED, dropped);
}

/// True when buffers were asked for or came back since the last time.
static bool has_moved(void) {
  const uint64_t given = cuda_buffers_given();
  const uint64_t returned = cuda_buffers_returned();
  const bool moved = given != given_before || returned != returned_before;
  given_before = given;
  returned_before = returned;
  return moved;
}

/// Of buffers that are long overdue each has to come back when CUPTI is made to give all; those
/// that do not were given to whoever took the callbacks.
static bool was_replaced(void) {
  if (cuda_buffers_overdue(SUSPICIOUS_ROUNDS) == 0) return false;
  flush_cupti(CUPTI_FLUSH_FORCED);
  const uint32_t lost = cuda_buffers_abandon(SUSPICIOUS_ROUNDS);
  if (lost != 0) agent_log("%u buffers went to another profiler", lost);
  return lost != 0;
}

static void look_around(uint64_t now) {
  const bool moved = has_moved();
  if (moved) quiet_since_ns = now;
  if (is_blind && moved) {
    is_blind = false;
    agent_blind(0);
    agent_log("sees again");
  } else if (!is_blind && was_replaced()) {
    is_blind = true;
    quiet_since_ns = now;
    // What came back meanwhile came before.
    (void)has_moved();
    stand_down(GPUVIGIL_BLIND_PROFILER, "another profiler took the callbacks");
  }
  if (rearm_ns == 0 || is_owner || is_disabled || now - quiet_since_ns < rearm_ns) return;
  // Whoever profiles does so for a while. Where nobody does, this changes nothing.
  quiet_since_ns = now;
  (void)take_callbacks();
}

static void flush(bool is_last) {
  if (!__atomic_load_n(&is_armed, __ATOMIC_ACQUIRE)) return;
  const uint64_t began = agent_now();
  const bool are_known = cuda_devices_resolve();
  flush_cupti(is_last ? CUPTI_FLUSH_FORCED : 0);
  // At the end whoever has not said what its devices are never will.
  if (are_known || is_last) drain();
  count_dropped();
  if (is_last) return;
  look_around(began);
  if (!is_blind && !is_disabled) agent_covered(began);
  cuda_tally_forget_names();
  cuda_buffers_next_round();
}

static void on_detail(uint32_t detail, uint32_t every) {
  (void)every;
  if (!__atomic_load_n(&is_armed, __ATOMIC_ACQUIRE)) return;
  const bool is_off = detail == GPUVIGIL_DETAIL_OFF;
  if (is_off == is_disabled) return;
  is_disabled = is_off;
  quiet_since_ns = agent_now();
  if (is_blind) return;  // what is enabled now is another's
  if (is_off) {
    disable();
  } else {
    (void)take_callbacks();
  }
}

// ---- the beginning ----

/// A whole number from the environment, or `otherwise` where there is none from `least` to `most`.
static uint64_t number_of(const char* name, uint64_t otherwise, uint64_t least, uint64_t most) {
  const char* const said = getenv(name);
  char* end = NULL;
  if (said == NULL || said[0] < '0' || said[0] > '9') return otherwise;
  const uint64_t value = strtoull(said, &end, 10);
  return *end == '\0' && value >= least && value <= most ? value : otherwise;
}

static bool says(const char* name, const char* what) {
  const char* const said = getenv(name);
  return said != NULL && strcmp(said, what) == 0;
}

/// The driver calls it. It always says that all went well: what it cannot do is no concern of the
/// program's.
__attribute__((visibility("default"))) int InitializeInjection(void);

int InitializeInjection(void) {
  static agent_plan plan = {
      .writer = "cuda",
      .features = GPUVIGIL_SEGMENT_HAS_BUSY | GPUVIGIL_SEGMENT_HAS_SHAPES |
                  GPUVIGIL_SEGMENT_HAS_STREAMS | GPUVIGIL_SEGMENT_HAS_MEMORY |
                  GPUVIGIL_SEGMENT_HAS_UNTIMED,
      .flush = flush,
      .on_detail = on_detail,
  };
  if (says("GPUVIGIL_CUPTI_POLICY", "off")) return 1;
  is_owner = says("GPUVIGIL_CUPTI_POLICY", "owner");
  traces_graphs = says("GPUVIGIL_GRAPH", "graph");
  rearm_ns = number_of("GPUVIGIL_CUPTI_REARM_S", 60, 0, 86400) * SECOND_NS;
  plan.flush_ms = (uint32_t)number_of("GPUVIGIL_FLUSH_MS", 1000, 250, 60000);
  if (agent_start(&plan)) arm();
  return 1;
}
