// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "gpuvigil/gpuvigil.h"
#include "keep.h"
#include "link.h"
#include "series.h"
#include "shard.h"
#include "writer.h"

#define PUBLISH_MS 250U
#define CLOSE_MS 250U
#define EXIT_MS 100U
#define STACK_BYTES (256U * 1024U)
#define MAX_VALUE (UINT64_C(1) << 50U)

struct gpuvigil_client {
  char unused;
};
static gpuvigil_client the_client;

/// One opens or closes at a time; taken before `mutex`.
static pthread_mutex_t life_mutex = PTHREAD_MUTEX_INITIALIZER;

/// Held by the publisher while it makes descriptors, so that a forked child knows all that it has
/// inherited and closes it: else the child would hold its parent's connection, and the server would
/// not see the parent end. Taken after `life_mutex`, before `mutex`; nothing waits under it.
static pthread_mutex_t making_mutex = PTHREAD_MUTEX_INITIALIZER;

/// Guards what follows. `changed` tells those who wait for `flushes_done`.
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static bool is_running;
static bool is_ending;
static uint64_t flushes_wanted;
static uint64_t flushes_done;
static link_status status = {GPUVIGIL_OFF, "not opened"};

// Under life_mutex.
static bool is_prepared;  // once a process
static unsigned opened;
static pthread_t thread;
static int wake = -1;  // an eventfd, while the thread runs

// ---- the publisher: one thread, which owns the segment and the connection ----

static void* publish_until_closed(void* unused) {
  link_status now = {GPUVIGIL_SEARCHING, "looking for a server"};
  uint64_t next_try = 0;
  bool ends = false;
  while (!ends) {
    pthread_mutex_lock(&mutex);
    ends = is_ending;
    const uint64_t wanted = flushes_wanted;
    const bool is_urgent = wanted != flushes_done && now.state == GPUVIGIL_SEARCHING;
    pthread_mutex_unlock(&mutex);

    pthread_mutex_lock(&making_mutex);
    next_try = gpuvigil_keep_linked(&now, next_try, is_urgent && !ends);
    pthread_mutex_unlock(&making_mutex);
    gpuvigil_writer_publish(gpuvigil_link_is_taken());

    pthread_mutex_lock(&mutex);
    status = now;
    // Without an answer those who wait go on waiting, for as long as they like.
    if (gpuvigil_link_is_taken()) flushes_done = wanted;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    if (!ends) gpuvigil_keep_waiting(wake, next_try, PUBLISH_MS);
  }
  return unused;
}

// ---- what callers do, under the mutex ----

static void wake_publisher(void) {
  const uint64_t one = 1;
  (void)!write(wake, &one, sizeof(one));
}

/// True when a server has what was recorded before the call.
static bool flush_locked(unsigned timeout_ms) {
  if (!is_running) return false;
  const uint64_t wanted = ++flushes_wanted;
  wake_publisher();
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += (time_t)(timeout_ms / 1000U);
  until.tv_nsec += (long)(timeout_ms % 1000U) * 1000000L;
  if (until.tv_nsec >= 1000000000L) {
    until.tv_nsec -= 1000000000L;
    ++until.tv_sec;
  }
  while (flushes_done < wanted) {
    if (pthread_cond_timedwait(&changed, &mutex, &until) == ETIMEDOUT) break;
  }
  return flushes_done >= wanted;
}

static void start_condition(void) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&changed, &attributes);
  pthread_condattr_destroy(&attributes);
}

static void before_fork(void) {
  pthread_mutex_lock(&life_mutex);
  pthread_mutex_lock(&making_mutex);
  pthread_mutex_lock(&mutex);
  gpuvigil_shard_lock();
  gpuvigil_series_lock();
}

static void after_fork_in_parent(void) {
  gpuvigil_series_unlock();
  gpuvigil_shard_unlock();
  pthread_mutex_unlock(&mutex);
  pthread_mutex_unlock(&making_mutex);
  pthread_mutex_unlock(&life_mutex);
}

static void after_fork_in_child(void) {
  gpuvigil_series_after_fork();
  gpuvigil_shard_after_fork();
  gpuvigil_writer_after_fork();
  gpuvigil_link_after_fork();
  if (wake >= 0) close(wake);
  wake = -1;
  opened = 0;
  is_running = is_ending = false;
  flushes_wanted = flushes_done = 0;
  status = (link_status){GPUVIGIL_OFF, "this process was forked and has not opened anything"};
  pthread_mutex_init(&mutex, NULL);
  pthread_mutex_init(&making_mutex, NULL);
  pthread_mutex_init(&life_mutex, NULL);
  start_condition();
}

static void prepare_once(void) {
  if (is_prepared) return;
  is_prepared = true;
  start_condition();
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/// The publisher takes no signal of the program's.
static int start_thread(void) {
  pthread_attr_t attributes;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
  for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); ++i) sigdelset(&all, faults[i]);
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&thread, &attributes, publish_until_closed, NULL);
  // Programs with much thread-local storage need more than we do.
  if (error != 0) error = pthread_create(&thread, NULL, publish_until_closed, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return error;
}

static void set_status(gpuvigil_state state, const char* why) {
  pthread_mutex_lock(&mutex);
  status.state = state;
  snprintf(status.why, sizeof(status.why), "%s", why);
  pthread_mutex_unlock(&mutex);
}

static void set_running(bool runs) {
  pthread_mutex_lock(&mutex);
  is_running = runs;
  is_ending = false;
  pthread_mutex_unlock(&mutex);
}

static void start_publisher(const gpuvigil_options* options) {
  const bool has_path = options != NULL && options->size >= sizeof(gpuvigil_options);
  gpuvigil_link_set_path(has_path ? options->socket_path : NULL);
  wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  set_status(GPUVIGIL_SEARCHING, "looking for a server");
  set_running(true);
  if (wake >= 0 && start_thread() == 0) {
    pthread_setname_np(thread, "gpuvigil");
    return;
  }
  set_running(false);
  if (wake >= 0) close(wake);
  wake = -1;
  set_status(GPUVIGIL_OFF, "the system gives no thread");
}

static void stop_publisher(void) {
  pthread_mutex_lock(&mutex);
  const bool was_running = is_running;
  if (was_running) flush_locked(CLOSE_MS);
  is_ending = true;
  pthread_mutex_unlock(&mutex);
  if (!was_running) return;
  wake_publisher();
  pthread_join(thread, NULL);
  if (gpuvigil_link_is_taken()) gpuvigil_writer_give_up();
  gpuvigil_link_close();
  set_running(false);
  close(wake);
  wake = -1;
  set_status(GPUVIGIL_OFF, "closed");
}

gpuvigil_client* gpuvigil_open(const gpuvigil_options* options) {
  if (getauxval(AT_SECURE) != 0) {
    set_status(GPUVIGIL_OFF, "this program is set-user-ID");
    return &the_client;
  }
  pthread_mutex_lock(&life_mutex);
  prepare_once();
  if (opened++ == 0) {
    gpuvigil_shard_resume();
    start_publisher(options);
  }
  pthread_mutex_unlock(&life_mutex);
  return &the_client;
}

void gpuvigil_close(gpuvigil_client* client) {
  (void)client;
  pthread_mutex_lock(&life_mutex);
  if (opened > 0 && --opened == 0) stop_publisher();
  pthread_mutex_unlock(&life_mutex);
}

__attribute__((destructor)) static void flush_at_exit(void) {
  if (pthread_mutex_trylock(&mutex) != 0) return;  // somebody is about it, or died in it
  if (is_running && status.state == GPUVIGIL_CONNECTED) flush_locked(EXIT_MS);
  pthread_mutex_unlock(&mutex);
}

int gpuvigil_flush(gpuvigil_client* client, unsigned timeout_ms) {
  (void)client;
  pthread_mutex_lock(&mutex);
  const bool is_flushed = flush_locked(timeout_ms);
  pthread_mutex_unlock(&mutex);
  return is_flushed ? 0 : -1;
}

gpuvigil_state gpuvigil_get_state(gpuvigil_client* client, char* why, size_t why_size) {
  (void)client;
  pthread_mutex_lock(&mutex);
  const gpuvigil_state state = status.state;
  if (why != NULL && why_size > 0) snprintf(why, why_size, "%s", status.why);
  pthread_mutex_unlock(&mutex);
  return state;
}

int gpuvigil_device(gpuvigil_client* client, unsigned number, const char* uuid, const char* name) {
  (void)client;
  const size_t most = sizeof(((gpuvigil_segment_device*)0)->uuid) - 1U;
  const bool is_good =
      number < MAX_DEVICES && uuid != NULL && uuid[0] != '\0' && strnlen(uuid, most + 1U) <= most;
  const int error =
      is_good ? gpuvigil_series_add_device(number, uuid, name != NULL ? name : "") : EINVAL;
  if (error == 0) return 0;
  errno = error;
  return -1;
}

gpuvigil_handle* gpuvigil_kernel(gpuvigil_client* client, const char* name, unsigned device) {
  (void)client;
  const size_t bytes = name != NULL ? strnlen(name, MAX_NAME + 1U) : 0;
  if (bytes == 0 || bytes > MAX_NAME || device >= MAX_DEVICES) {
    errno = EINVAL;
    return NULL;
  }
  const uint32_t id = gpuvigil_series_add(name, (uint32_t)bytes, GPUVIGIL_KIND_BY_NAME, device);
  if (id == NO_SERIES) {
    errno = ENOSPC;
    return NULL;
  }
  return gpuvigil_series_handle(id);
}

void gpuvigil_record(gpuvigil_handle* kernel, uint64_t duration_ns, uint64_t memory_bytes) {
  const bool is_good = kernel != NULL && duration_ns < MAX_VALUE &&
                       (memory_bytes < MAX_VALUE || memory_bytes == GPUVIGIL_NO_MEMORY);
  if (!is_good) {
    gpuvigil_writer_count_losses(GPUVIGIL_LOSS_REFUSED, 1);
  } else if (!gpuvigil_shard_record(kernel->id, duration_ns, memory_bytes)) {
    gpuvigil_writer_count_losses(GPUVIGIL_LOSS_UNCOUNTED, 1);  // there is no memory
  }
}
