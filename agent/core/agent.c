// SPDX-License-Identifier: Apache-2.0
#include "agent.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "budget.h"
#include "extras.h"
#include "keep.h"
#include "launch.h"
#include "link.h"
#include "log.h"
#include "series.h"
#include "shard.h"
#include "tables.h"
#include "trace.h"
#include "writer.h"

#define PUBLISH_MS 250U
#define BUDGET_MS 1000U
#define EXIT_MS 2000U
#define STACK_BYTES (256U * 1024U)
#define SECOND_NS UINT64_C(1000000000)

#define GET(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)
#define SET(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)

// Once a process, by agent_start().
static bool is_started;
static const agent_plan* plan;
static pid_t process;
static int wake = -1;  // an eventfd

static bool is_on;
static uint64_t realtime_ahead;  // of CLOCK_MONOTONIC, modulo 2^64

static bool is_ending;

/// Guards what follows. Never destroyed: whoever waits at exit may wait for ever.
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static bool is_finished;

static uint64_t clock_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

uint64_t agent_now(void) {
  return clock_ns(CLOCK_MONOTONIC);
}

static void compare_clocks(void) {
  SET(realtime_ahead, clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC));
}

uint64_t agent_from_realtime(uint64_t realtime_ns) {
  return realtime_ns == 0 ? 0 : realtime_ns - GET(realtime_ahead);
}

// ---- the agent's thread ----

typedef struct rounds {
  link_status link;
  uint64_t next_try_ms;
  uint64_t next_flush_ms;
  uint64_t budget_since_ns;
  uint64_t cost_before_ns;
  budget budget;
} rounds;

static void flush(rounds* r, bool is_last) {
  compare_clocks();
  if (plan->flush != NULL) plan->flush(is_last);
  r->next_flush_ms = gpuvigil_keep_now_ms() + plan->flush_ms;
}

static void keep_budget(rounds* r) {
  const uint64_t now = agent_now();
  if (now - r->budget_since_ns < BUDGET_MS * UINT64_C(1000000)) return;
  const uint64_t cost = gpuvigil_extras_cost();
  const uint32_t before = r->budget.level;
  r->budget = gpuvigil_budget_next(r->budget, cost - r->cost_before_ns, now - r->budget_since_ns);
  r->cost_before_ns = cost;
  r->budget_since_ns = now;
  if (r->budget.level == before) return;
  const budget_level level = gpuvigil_budget_levels[r->budget.level];
  agent_log("detail %u, one of %u", level.detail, level.every);
  gpuvigil_extras_set_detail(level.detail, level.every);
  if (plan->on_detail != NULL) plan->on_detail(level.detail, level.every);
}

/// Does what the server asks for by itself.
static void heed_server(void) {
  gpuvigil_trace_request request;
  if (!gpuvigil_link_is_taken()) gpuvigil_trace_drop();
  if (!gpuvigil_link_take_request(&request)) return;
  const int ring = gpuvigil_trace_heed(&request);
  if (request.duration_ns == 0) return;
  agent_log("a trace of %llu ms is asked for: %s",
            (unsigned long long)(request.duration_ns / 1000000U), ring >= 0 ? "yes" : "no memory");
  gpuvigil_trace_answer answer = {.magic = GPUVIGIL_TRACE_MAGIC,
                                  .id = request.id,
                                  .size = ring >= 0 ? GPUVIGIL_TRACE_MAX_BYTES : 0};
  if (!gpuvigil_link_send(&answer, sizeof(answer), ring)) gpuvigil_trace_drop();
  if (ring >= 0) close(ring);
}

static uint32_t wait_ms(void) {
  const uint64_t now = agent_now();
  const uint64_t due = gpuvigil_trace_due();
  const uint64_t left = due > now ? (due - now) / 1000000U + 1U : 0;
  return left < PUBLISH_MS ? (uint32_t)left : PUBLISH_MS;
}

static void finish(void) {
  pthread_mutex_lock(&mutex);
  is_finished = true;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}

static void* run(void* unused) {
  rounds r = {.link = {GPUVIGIL_SEARCHING, "looking for a server"},
              .budget_since_ns = agent_now(),
              .budget = gpuvigil_budget_make(getenv("GPUVIGIL_BUDGET_PERCENT"))};
  r.next_flush_ms = gpuvigil_keep_now_ms() + plan->flush_ms;
  bool ends = false;
  while (!ends) {
    ends = GET(is_ending);
    const gpuvigil_state before = r.link.state;
    r.next_try_ms = gpuvigil_keep_linked(&r.link, r.next_try_ms, false);
    if (r.link.state != before) agent_log("%s", r.link.why);
    heed_server();
    const bool is_traced = agent_now() >= gpuvigil_trace_due();
    if (ends || is_traced || gpuvigil_keep_now_ms() >= r.next_flush_ms) flush(&r, ends);
    if (ends) SET(is_on, false);
    gpuvigil_writer_publish(gpuvigil_link_is_taken());
    // Behind it: the names of what the trace holds are in the segment.
    if (ends || is_traced) gpuvigil_trace_finish();
    keep_budget(&r);
    if (!ends) gpuvigil_keep_waiting(wake, r.next_try_ms, wait_ms());
  }
  finish();
  return unused;
}

// ---- the life of the process ----

static void in_child(void) {
  if (!GET(is_on)) return;
  SET(is_on, false);
  gpuvigil_series_after_fork();
  gpuvigil_shard_after_fork();
  gpuvigil_writer_after_fork();
  gpuvigil_link_after_fork();
  gpuvigil_trace_after_fork();
  gpuvigil_log_after_fork();
  if (wake >= 0) close(wake);
  wake = -1;
  if (plan->in_child != NULL) plan->in_child();
}

void agent_stop(void) {
  if (!GET(is_on) || getpid() != process) return;
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += EXIT_MS / 1000U;
  SET(is_ending, true);
  const uint64_t one = 1;
  (void)!write(wake, &one, sizeof(one));
  pthread_mutex_lock(&mutex);
  while (!is_finished) {
    if (pthread_cond_timedwait(&changed, &mutex, &until) == ETIMEDOUT) break;
  }
  if (!is_finished) agent_log("the last flush hangs: not waited for any longer");
  pthread_mutex_unlock(&mutex);
  SET(is_on, false);
}

static void start_condition(void) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&changed, &attributes);
  pthread_condattr_destroy(&attributes);
}

/// The thread takes no signal of the program's, but for those that are its own faults.
static bool start_thread(void) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
  for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); ++i) sigdelset(&all, faults[i]);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  pthread_t thread;
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&thread, &attributes, run, NULL);
  // Programs with much thread-local storage need more than we do.
  if (error != 0) error = pthread_create(&thread, NULL, run, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (error != 0) return false;
  pthread_setname_np(thread, "gpuvigil");
  pthread_detach(thread);
  return true;
}

bool agent_is_wanted(void) {
  if (getauxval(AT_SECURE) != 0) return false;
  const char* const agent = getenv("GPUVIGIL_AGENT");
  return agent == NULL || strcmp(agent, "off") != 0;
}

bool agent_start(const agent_plan* given) {
  if (__atomic_exchange_n(&is_started, true, __ATOMIC_ACQ_REL) || !agent_is_wanted()) return false;
  plan = given;
  process = getpid();
  gpuvigil_log_start(plan->writer);
  gpuvigil_extras_start(plan);
  gpuvigil_link_set_path(NULL);
  compare_clocks();
  start_condition();
  wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake < 0) return false;
  pthread_atfork(NULL, NULL, in_child);
  SET(is_on, true);
  if (!start_thread()) {
    SET(is_on, false);
    return false;
  }
  atexit(agent_stop);
  return true;
}

bool agent_is_on(void) {
  return GET(is_on);
}

// ---- counting ----

uint32_t agent_device(uint32_t number, const char* uuid, const char* name) {
  if (number >= MAX_DEVICES) return AGENT_NONE;
  (void)gpuvigil_series_add_device(number, uuid, name);
  const uint32_t count = gpuvigil_series_device_count();
  for (uint32_t i = 0; i < count; ++i) {
    if (gpuvigil_series_device(i)->number == number) return i;
  }
  return AGENT_NONE;
}

uint32_t agent_series(const char* name, uint32_t kind, uint32_t number) {
  const size_t bytes = strnlen(name, MAX_NAME);
  if (bytes == 0) return agent_series("(unnamed)", kind, number);
  if (number >= MAX_DEVICES) return AGENT_NONE;
  return gpuvigil_series_add(name, (uint32_t)bytes, kind, number);
}

void agent_hold(void) {
  gpuvigil_shard_hold();
}

void agent_release(void) {
  gpuvigil_shard_release();
}

void agent_launch_renew(agent_launch* launch) {
  if (launch->series == AGENT_NONE || gpuvigil_shard_shared == NULL) return;
  launch->row = gpuvigil_shard_shared->cells[launch->series];
  launch->range = launch->row != NULL ? gpuvigil_shard_extremes(launch->row) : NULL;
}

agent_launch agent_launch_of(const agent_execution* like) {
  agent_launch launch = {.series = like->series, .kind = like->kind};
  if (like->series == AGENT_NONE) return launch;
  launch.busy = agent_busy_of(gpuvigil_tables_busy(like->device), agent_kind_is_kernel(like->kind));
  if (like->is_detail) {
    launch.stream = gpuvigil_tables_stream(like);
    launch.shape = gpuvigil_tables_shape(like);
  }
  agent_launch_renew(&launch);
  return launch;
}

void agent_busy_tell(agent_busy* busy, uintptr_t whose, uint64_t start_ns, uint64_t end_ns) {
  busy_pair* const pair = (busy_pair*)(busy->whose & ~(uintptr_t)1);
  if (pair != NULL) {
    gpuvigil_busy_end(&busy->batch);
    if ((busy->whose & 1U) != 0) gpuvigil_busy_add_batch(&pair->kernels, &busy->batch);
    gpuvigil_busy_add_batch(&pair->all, &busy->batch);
  }
  busy->whose = whose;
  gpuvigil_busy_begin(&busy->batch, start_ns, end_ns);
}

void agent_launch_count_any(agent_launch* launch, agent_busy* busy, uint64_t start_ns,
                            uint64_t end_ns, bool is_detail) {
  if (launch->series == AGENT_NONE) {
    agent_lose(GPUVIGIL_LOSS_UNCOUNTED, 1);
    return;
  }
  const uint64_t length = end_ns - start_ns;
  if (start_ns == 0 || end_ns < start_ns || length >= AGENT_LONGEST_NS) {
    agent_count_untimed(launch->series, 1);
    return;
  }
  const execution counted = {.id = launch->series,
                             .duration_ns = length,
                             .memory_bytes = GPUVIGIL_NO_MEMORY,
                             .start_ns = start_ns,
                             .end_ns = end_ns};
  if (!gpuvigil_shard_record_held(&counted)) {
    agent_lose(GPUVIGIL_LOSS_UNCOUNTED, 1);
    return;
  }
  agent_launch_renew(launch);
  agent_launch_count_beside(launch, busy, start_ns, end_ns, is_detail);
}

void agent_count(const agent_execution* one) {
  const bool is_timed = one->start_ns != 0 && one->end_ns >= one->start_ns &&
                        one->end_ns - one->start_ns < AGENT_LONGEST_NS;
  // What has no times is in no table either, and takes no room there.
  agent_execution like = *one;
  like.is_detail = one->is_detail && is_timed;
  agent_launch launch = agent_launch_of(&like);
  agent_busy busy;
  busy.whose = 0;
  agent_launch_count(&launch, &busy, one->start_ns, one->end_ns, like.is_detail);
  agent_busy_tell(&busy, 0, 0, 0);
  agent_trace(one);
}

bool agent_is_traced(void) {
  return gpuvigil_trace_ring != NULL;
}

void agent_trace(const agent_execution* one) {
  if (gpuvigil_trace_ring != NULL) gpuvigil_trace_write(one);
}

void agent_lose(uint32_t loss, uint64_t calls) {
  gpuvigil_writer_count_losses(loss, calls);
}

void agent_memory(uint32_t device, uint64_t allocated, uint64_t pool_reserved, uint64_t pool_used) {
  gpuvigil_tables_remember(device, allocated, pool_reserved, pool_used);
}
