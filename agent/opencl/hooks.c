// SPDX-License-Identifier: Apache-2.0
#include "hooks.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "agent.h"
#include "devices.h"
#include "kernels.h"
#include "transfers.h"
#include "watch.h"

#define MAX_PROPERTIES 64U

static void flush(bool is_last) {
  (void)is_last;
  gpuvigil_watch_flush();
}

/// Programs that only ask what there is never get here.
static void start(void) {
  static const agent_plan plan = {
      .writer = "opencl",
      .features = GPUVIGIL_SEGMENT_HAS_BUSY | GPUVIGIL_SEGMENT_HAS_SHAPES |
                  GPUVIGIL_SEGMENT_HAS_STREAMS | GPUVIGIL_SEGMENT_HAS_UNTIMED,
      .flush = flush,
      .flush_ms = 250};
  static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
  static bool is_done;
  pthread_mutex_lock(&once);
  if (!is_done) (void)agent_start(&plan);
  is_done = true;
  pthread_mutex_unlock(&once);
}

// ---- queues: with times, which the program does not see ----

static cl_command_queue CL_API_CALL watched_clCreateCommandQueue(cl_context context,
                                                                 cl_device_id device,
                                                                 cl_command_queue_properties wanted,
                                                                 cl_int* result_ret) {
  start();
  cl_int result = CL_SUCCESS;
  bool is_profiled = agent_is_on();
  cl_command_queue queue = NULL;
  if (is_profiled) {
    queue = gpuvigil_cl.clCreateCommandQueue(context, device, wanted | CL_QUEUE_PROFILING_ENABLE,
                                             &result);
  }
  if (queue == NULL) {  // never refused what the program would have got
    is_profiled = (wanted & CL_QUEUE_PROFILING_ENABLE) != 0;
    queue = gpuvigil_cl.clCreateCommandQueue(context, device, wanted, &result);
  }
  if (queue != NULL && agent_is_on()) gpuvigil_queue_add(queue, device, wanted, is_profiled);
  if (result_ret != NULL) *result_ret = result;
  return queue;
}

/// The program's list with profiling in it. False: there is no room, or it is for the device, where
/// queues take no such wish.
static bool with_profiling(const cl_queue_properties* wanted, cl_queue_properties* into,
                           cl_command_queue_properties* bits) {
  size_t count = 0;
  bool is_there = false;
  *bits = 0;
  for (; wanted != NULL && wanted[count] != 0; count += 2) {
    if (count + 5U > MAX_PROPERTIES) return false;
    into[count] = wanted[count];
    into[count + 1U] = wanted[count + 1U];
    if (wanted[count] != CL_QUEUE_PROPERTIES) continue;
    *bits = (cl_command_queue_properties)wanted[count + 1U];
    into[count + 1U] = wanted[count + 1U] | CL_QUEUE_PROFILING_ENABLE;
    is_there = true;
  }
  if (!is_there) {
    into[count++] = CL_QUEUE_PROPERTIES;
    into[count++] = CL_QUEUE_PROFILING_ENABLE;
  }
  into[count] = 0;
  return true;
}

static cl_command_queue CL_API_CALL watched_clCreateCommandQueueWithProperties(
    cl_context context, cl_device_id device, const cl_queue_properties* properties,
    cl_int* result_ret) {
  start();
  cl_int result = CL_SUCCESS;
  cl_queue_properties ours[MAX_PROPERTIES];
  cl_command_queue_properties wanted = 0;
  bool is_profiled = with_profiling(properties, ours, &wanted) && agent_is_on();
  cl_command_queue queue = NULL;
  if (is_profiled) {
    queue = gpuvigil_cl.clCreateCommandQueueWithProperties(context, device, ours, &result);
  }
  if (queue == NULL) {
    is_profiled = (wanted & CL_QUEUE_PROFILING_ENABLE) != 0;
    queue = gpuvigil_cl.clCreateCommandQueueWithProperties(context, device, properties, &result);
  }
  if (queue != NULL && agent_is_on()) gpuvigil_queue_add(queue, device, wanted, is_profiled);
  if (result_ret != NULL) *result_ret = result;
  return queue;
}

static bool hides_profiling(cl_command_queue queue) {
  const cl_queue_entry* const entry = gpuvigil_queue_find(queue);
  return entry != NULL && (entry->wanted & CL_QUEUE_PROFILING_ENABLE) == 0;
}

static cl_int CL_API_CALL watched_clGetCommandQueueInfo(cl_command_queue queue,
                                                        cl_command_queue_info what, size_t size,
                                                        void* value, size_t* size_ret) {
  const cl_int result = gpuvigil_cl.clGetCommandQueueInfo(queue, what, size, value, size_ret);
  if (result != CL_SUCCESS || value == NULL || !hides_profiling(queue)) return result;
  if (what == CL_QUEUE_PROPERTIES && size >= sizeof(cl_command_queue_properties)) {
    cl_command_queue_properties bits = 0;
    memcpy(&bits, value, sizeof(bits));
    bits &= ~(cl_command_queue_properties)CL_QUEUE_PROFILING_ENABLE;
    memcpy(value, &bits, sizeof(bits));
  }
  return result;
}

/// Deprecated since 1.1, and there still: what the program switches stays hidden from it.
static cl_int CL_API_CALL watched_clSetCommandQueueProperty(cl_command_queue queue,
                                                            cl_command_queue_properties bits,
                                                            cl_bool enables,
                                                            cl_command_queue_properties* before) {
  cl_queue_entry* const entry = gpuvigil_queue_find(queue);
  if (entry == NULL) {
    return gpuvigil_cl.clSetCommandQueueProperty(queue, bits, enables, before);
  }
  const bool is_hidden = hides_profiling(queue);
  const cl_command_queue_properties rest =
      bits & ~(cl_command_queue_properties)CL_QUEUE_PROFILING_ENABLE;
  const cl_int result = gpuvigil_cl.clSetCommandQueueProperty(
      queue, enables == CL_TRUE ? bits : rest, enables, before);
  if (result != CL_SUCCESS) return result;
  if (before != NULL && is_hidden) {
    *before &= ~(cl_command_queue_properties)CL_QUEUE_PROFILING_ENABLE;
  }
  entry->wanted = enables == CL_TRUE ? entry->wanted | bits : entry->wanted & ~bits;
  return result;
}

static cl_int CL_API_CALL watched_clReleaseCommandQueue(cl_command_queue queue) {
  cl_uint references = 0;
  if (gpuvigil_queue_find(queue) != NULL &&
      gpuvigil_cl.clGetCommandQueueInfo(queue, CL_QUEUE_REFERENCE_COUNT, sizeof(references),
                                        &references, NULL) == CL_SUCCESS &&
      references == 1) {
    gpuvigil_queue_remove(queue);
  }
  return gpuvigil_cl.clReleaseCommandQueue(queue);
}

/// Of a queue without profiling there is none to be had.
static cl_int CL_API_CALL watched_clGetEventProfilingInfo(cl_event event, cl_profiling_info what,
                                                          size_t size, void* value,
                                                          size_t* size_ret) {
  cl_command_queue queue = NULL;
  if (gpuvigil_cl.clGetEventInfo(event, CL_EVENT_COMMAND_QUEUE, sizeof(queue), &queue, NULL) ==
          CL_SUCCESS &&
      queue != NULL && hides_profiling(queue)) {
    return CL_PROFILING_INFO_NOT_AVAILABLE;
  }
  return gpuvigil_cl.clGetEventProfilingInfo(event, what, size, value, size_ret);
}

// ---- kernels ----

static cl_kernel CL_API_CALL watched_clCreateKernel(cl_program program, const char* name,
                                                    cl_int* result) {
  const cl_kernel kernel = gpuvigil_cl.clCreateKernel(program, name, result);
  if (kernel != NULL) gpuvigil_kernel_made(kernel);
  return kernel;
}

static cl_int CL_API_CALL watched_clCreateKernelsInProgram(cl_program program, cl_uint room,
                                                           cl_kernel* kernels, cl_uint* count_ret) {
  cl_uint count = 0;
  const cl_int result = gpuvigil_cl.clCreateKernelsInProgram(program, room, kernels, &count);
  if (count_ret != NULL) *count_ret = count;
  if (result != CL_SUCCESS || kernels == NULL) return result;
  for (cl_uint i = 0; i < count && i < room; ++i) gpuvigil_kernel_made(kernels[i]);
  return result;
}

static cl_kernel CL_API_CALL watched_clCloneKernel(cl_kernel from, cl_int* result) {
  const cl_kernel kernel = gpuvigil_cl.clCloneKernel(from, result);
  if (kernel != NULL) gpuvigil_kernel_made(kernel);
  return kernel;
}

static cl_int CL_API_CALL watched_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel,
                                                         cl_uint dimensions, const size_t* offset,
                                                         const size_t* global, const size_t* local,
                                                         cl_uint waits, const cl_event* list,
                                                         cl_event* event) {
  watch w;
  gpuvigil_watch_kernel(&w, queue, kernel, dimensions, global, local, event);
  const cl_int result = gpuvigil_cl.clEnqueueNDRangeKernel(queue, kernel, dimensions, offset,
                                                           global, local, waits, list, w.event);
  gpuvigil_watch_end(&w, result);
  return result;
}

static cl_int CL_API_CALL watched_clEnqueueTask(cl_command_queue queue, cl_kernel kernel,
                                                cl_uint waits, const cl_event* list,
                                                cl_event* event) {
  static const size_t one = 1;
  watch w;
  gpuvigil_watch_kernel(&w, queue, kernel, 1, &one, &one, event);
  const cl_int result = gpuvigil_cl.clEnqueueTask(queue, kernel, waits, list, w.event);
  gpuvigil_watch_end(&w, result);
  return result;
}

#define SET(name) \
  if (gpuvigil_cl.name != NULL) layer->name = watched_##name

void gpuvigil_hooks_set(cl_icd_dispatch* layer) {
  // Without these nothing can be timed, and nothing is to be touched.
  if (gpuvigil_cl.clSetEventCallback == NULL || gpuvigil_cl.clGetEventProfilingInfo == NULL ||
      gpuvigil_cl.clReleaseEvent == NULL || gpuvigil_cl.clRetainEvent == NULL ||
      gpuvigil_cl.clGetDeviceInfo == NULL || gpuvigil_cl.clGetKernelInfo == NULL ||
      gpuvigil_cl.clGetCommandQueueInfo == NULL || gpuvigil_cl.clGetEventInfo == NULL) {
    return;
  }
  SET(clCreateCommandQueue);
  SET(clCreateCommandQueueWithProperties);
  SET(clGetCommandQueueInfo);
  SET(clSetCommandQueueProperty);
  SET(clReleaseCommandQueue);
  SET(clGetEventProfilingInfo);
  SET(clCreateKernel);
  SET(clCreateKernelsInProgram);
  SET(clCloneKernel);
  SET(clEnqueueNDRangeKernel);
  SET(clEnqueueTask);
  gpuvigil_transfers_set(layer);
}
