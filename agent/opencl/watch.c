// SPDX-License-Identifier: Apache-2.0
#include "watch.h"

#include "agent.h"
#include "kernels.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)

/// One command of so many is measured, and counts for all of them.
#define MEASURED_ONE_OF 64U
/// Whoever was kept from running in between was not at work.
#define LONGEST_COST_NS 20000U

// What a command counts as, in the one word that the driver keeps for its callback: so nothing has
// to be allocated, and nothing can be gone by then.
//   series 10 | kind 3 | device 6 | queue 10 | shape 11 | stream 23 | measured 1
static uint64_t make_ticket(uint32_t series, uint32_t kind, const cl_queue_entry* queue,
                            uint32_t shape) {
  return series | (uint64_t)kind << 10U | (uint64_t)queue->device << 13U |
         (uint64_t)gpuvigil_queue_place(queue) << 19U | (uint64_t)shape << 29U |
         (uint64_t)(queue->stream & 0x7fffffU) << 40U;
}
#define MEASURED (UINT64_C(1) << 63U)
_Static_assert(sizeof(void*) == sizeof(uint64_t), "a ticket fits into what the driver keeps");
_Static_assert(MAX_CL_QUEUES == 1024U && MAX_CL_DEVICES == 64U && MAX_GEOMETRIES == 2048U,
               "these are the bits of a ticket");

static uint64_t ns_of(cl_event event, cl_profiling_info what) {
  cl_ulong ns = 0;
  const cl_int result = gpuvigil_cl.clGetEventProfilingInfo(event, what, sizeof(ns), &ns, NULL);
  return result == CL_SUCCESS ? ns : 0;
}

static void CL_CALLBACK has_run(cl_event event, cl_int status, void* data) {
  const uint64_t ticket = (uint64_t)(uintptr_t)data;
  const uint64_t now = agent_now();
  uint64_t start = 0;
  uint64_t end = 0;
  const bool is_on = agent_is_on();
  if (is_on && status == CL_COMPLETE) {
    start = ns_of(event, CL_PROFILING_COMMAND_START);
    end = ns_of(event, CL_PROFILING_COMMAND_END);
  }
  gpuvigil_cl.clReleaseEvent(event);
  if (!is_on) return;
  cl_device_entry* const device = gpuvigil_device_at(ticket >> 13U & 0x3fU);
  cl_queue_entry* const queue = gpuvigil_queue_at(ticket >> 19U & 0x3ffU);
  agent_execution one = {.series = ticket & 0x3ffU,
                         .device = device->index,
                         .kind = ticket >> 10U & 7U,
                         .stream = ticket >> 40U & 0x7fffffU,
                         .shape = gpuvigil_geometry_at(ticket >> 29U & 0x7ffU),
                         .is_detail = true};
  agent_hold();
  ++queue->completed;
  if (start != 0 && end >= start) {
    gpuvigil_device_heard(device, end, now);
    one.end_ns = gpuvigil_device_time(device, end);
    one.start_ns = one.end_ns - (end - start);
    if (one.end_ns > queue->quiet_until) queue->quiet_until = one.end_ns;
  }
  agent_count(&one);
  agent_release();
  if ((ticket & MEASURED) == 0) return;
  const uint64_t took = agent_now() - now;
  if (took < LONGEST_COST_NS) agent_spent(took * MEASURED_ONE_OF);
}

/// False when nothing is to be done about the command.
static bool begin(watch* w, cl_command_queue queue, cl_event* wanted) {
  *w = (watch){.event = wanted, .wanted = wanted};
  uint32_t every = 1;
  const uint32_t detail = agent_detail(&every);
  if (!LIKELY(agent_is_on()) || detail == GPUVIGIL_DETAIL_OFF) return false;
  cl_queue_entry* const found = gpuvigil_queue_find(queue);
  if (!LIKELY(found != NULL)) {
    agent_lose(GPUVIGIL_LOSS_UNCOUNTED, 1);
    return false;
  }
  w->queue = found;
  // Two threads may both have the same number: it is only to choose by.
  const uint64_t number = __atomic_load_n(&found->seen, __ATOMIC_RELAXED);
  __atomic_store_n(&found->seen, number + 1U, __ATOMIC_RELAXED);
  if (number % MEASURED_ONE_OF == 0) w->before_ns = agent_now();
  w->is_timed = found->is_profiled && (detail == GPUVIGIL_DETAIL_FULL ||
                                       (detail == GPUVIGIL_DETAIL_SAMPLED && number % every == 0));
  return true;
}

/// Now that is known what it counts as.
static void prepare(watch* w, uint32_t series, uint32_t kind, uint32_t shape) {
  w->series = series;
  if (series == AGENT_NONE) w->is_timed = false;
  if (w->is_timed) {
    w->ticket = make_ticket(series, kind, w->queue, shape);
    if (w->wanted == NULL) w->event = &w->own;
  }
  if (w->before_ns != 0) {
    w->ticket |= MEASURED;
    w->enqueued_ns = agent_now();
  }
}

void gpuvigil_watch_kernel(watch* w, cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                           const size_t* global, const size_t* local, cl_event* wanted) {
  if (!begin(w, queue, wanted)) return;
  const uint32_t series = gpuvigil_kernel_series(kernel, w->queue->device);
  const uint32_t shape = w->is_timed ? gpuvigil_geometry_place(dimensions, global, local) : 0;
  prepare(w, series, GPUVIGIL_KIND_COMPUTE, shape);
}

void gpuvigil_watch_transfer(watch* w, cl_command_queue queue, transfer what, cl_event* wanted) {
  if (!begin(w, queue, wanted)) return;
  const uint32_t series = gpuvigil_device_at(w->queue->device)->series[what];
  prepare(w, series, gpuvigil_transfer_kind(what), 0);
}

/// The driver does not call back: it is known only that there was one.
static void give_up(const watch* w, cl_event event) {
  agent_hold();
  ++w->queue->completed;
  agent_release();
  agent_count_untimed(w->series, 1);
  gpuvigil_cl.clReleaseEvent(event);
}

static void follow(const watch* w) {
  const cl_event event = *w->event;
  if (event == NULL) {
    agent_count_untimed(w->series, 1);
    return;
  }
  // Two owners then: whoever is later lets go of it.
  if (w->wanted != NULL) gpuvigil_cl.clRetainEvent(event);
  __atomic_fetch_add(&w->queue->enqueued, 1, __ATOMIC_RELEASE);
  void* const ticket = (void*)(uintptr_t)w->ticket;
  if (gpuvigil_cl.clSetEventCallback(event, CL_COMPLETE, has_run, ticket) != CL_SUCCESS) {
    give_up(w, event);
  }
}

void gpuvigil_watch_end(watch* w, cl_int result) {
  if (w->queue == NULL || result != CL_SUCCESS) return;
  const uint64_t after = w->before_ns != 0 ? agent_now() : 0;
  if (w->is_timed) {
    follow(w);
  } else {
    agent_count_untimed(w->series, 1);
  }
  if (w->before_ns == 0) return;
  const uint64_t took = (w->enqueued_ns - w->before_ns) + (agent_now() - after);
  if (took < LONGEST_COST_NS) agent_spent(took * MEASURED_ONE_OF);
}

void gpuvigil_watch_flush(void) {
  // Of what is not all timed nobody can say how long it kept the device busy.
  if (agent_detail(NULL) != GPUVIGIL_DETAIL_FULL) return;
  const uint64_t now = agent_now();
  agent_hold();
  const uint64_t until = gpuvigil_queues_quiet_until(now);
  agent_release();
  agent_covered(until);
}
