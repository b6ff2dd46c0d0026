// SPDX-License-Identifier: Apache-2.0
#include "transfers.h"

#include "devices.h"
#include "watch.h"

// Commands that are no kernels: the driver's own, watched.
// Ends in a declaration, so that its uses end like statements do.
#define TRANSFER(name, what, parameters, arguments)             \
  static cl_int CL_API_CALL watched_##name parameters {         \
    watch w;                                                    \
    gpuvigil_watch_transfer(&w, queue, TRANSFER_##what, event); \
    const cl_int result = gpuvigil_cl.name arguments;           \
    gpuvigil_watch_end(&w, result);                             \
    return result;                                              \
  }                                                             \
  struct watched_##name

TRANSFER(clEnqueueReadBuffer, READ,
         (cl_command_queue queue, cl_mem buffer, cl_bool blocks, size_t offset, size_t size,
          void* into, cl_uint waits, const cl_event* list, cl_event* event),
         (queue, buffer, blocks, offset, size, into, waits, list, w.event));
TRANSFER(clEnqueueReadBufferRect, READ,
         (cl_command_queue queue, cl_mem buffer, cl_bool blocks, const size_t* from,
          const size_t* to, const size_t* region, size_t row, size_t slice, size_t host_row,
          size_t host_slice, void* into, cl_uint waits, const cl_event* list, cl_event* event),
         (queue, buffer, blocks, from, to, region, row, slice, host_row, host_slice, into, waits,
          list, w.event));
TRANSFER(clEnqueueReadImage, READ,
         (cl_command_queue queue, cl_mem image, cl_bool blocks, const size_t* origin,
          const size_t* region, size_t row, size_t slice, void* into, cl_uint waits,
          const cl_event* list, cl_event* event),
         (queue, image, blocks, origin, region, row, slice, into, waits, list, w.event));
TRANSFER(clEnqueueWriteBuffer, WRITE,
         (cl_command_queue queue, cl_mem buffer, cl_bool blocks, size_t offset, size_t size,
          const void* from, cl_uint waits, const cl_event* list, cl_event* event),
         (queue, buffer, blocks, offset, size, from, waits, list, w.event));
TRANSFER(clEnqueueWriteBufferRect, WRITE,
         (cl_command_queue queue, cl_mem buffer, cl_bool blocks, const size_t* to,
          const size_t* host, const size_t* region, size_t row, size_t slice, size_t host_row,
          size_t host_slice, const void* from, cl_uint waits, const cl_event* list,
          cl_event* event),
         (queue, buffer, blocks, to, host, region, row, slice, host_row, host_slice, from, waits,
          list, w.event));
TRANSFER(clEnqueueWriteImage, WRITE,
         (cl_command_queue queue, cl_mem image, cl_bool blocks, const size_t* origin,
          const size_t* region, size_t row, size_t slice, const void* from, cl_uint waits,
          const cl_event* list, cl_event* event),
         (queue, image, blocks, origin, region, row, slice, from, waits, list, w.event));
TRANSFER(clEnqueueCopyBuffer, COPY,
         (cl_command_queue queue, cl_mem from, cl_mem to, size_t from_offset, size_t to_offset,
          size_t size, cl_uint waits, const cl_event* list, cl_event* event),
         (queue, from, to, from_offset, to_offset, size, waits, list, w.event));
TRANSFER(clEnqueueCopyBufferRect, COPY,
         (cl_command_queue queue, cl_mem from, cl_mem to, const size_t* from_origin,
          const size_t* to_origin, const size_t* region, size_t from_row, size_t from_slice,
          size_t to_row, size_t to_slice, cl_uint waits, const cl_event* list, cl_event* event),
         (queue, from, to, from_origin, to_origin, region, from_row, from_slice, to_row, to_slice,
          waits, list, w.event));
TRANSFER(clEnqueueCopyImage, COPY,
         (cl_command_queue queue, cl_mem from, cl_mem to, const size_t* from_origin,
          const size_t* to_origin, const size_t* region, cl_uint waits, const cl_event* list,
          cl_event* event),
         (queue, from, to, from_origin, to_origin, region, waits, list, w.event));
TRANSFER(clEnqueueCopyImageToBuffer, COPY,
         (cl_command_queue queue, cl_mem from, cl_mem to, const size_t* origin,
          const size_t* region, size_t offset, cl_uint waits, const cl_event* list,
          cl_event* event),
         (queue, from, to, origin, region, offset, waits, list, w.event));
TRANSFER(clEnqueueCopyBufferToImage, COPY,
         (cl_command_queue queue, cl_mem from, cl_mem to, size_t offset, const size_t* origin,
          const size_t* region, cl_uint waits, const cl_event* list, cl_event* event),
         (queue, from, to, offset, origin, region, waits, list, w.event));
TRANSFER(clEnqueueUnmapMemObject, UNMAP,
         (cl_command_queue queue, cl_mem memory, void* mapped, cl_uint waits, const cl_event* list,
          cl_event* event),
         (queue, memory, mapped, waits, list, w.event));
TRANSFER(clEnqueueFillBuffer, FILL,
         (cl_command_queue queue, cl_mem buffer, const void* pattern, size_t bytes, size_t offset,
          size_t size, cl_uint waits, const cl_event* list, cl_event* event),
         (queue, buffer, pattern, bytes, offset, size, waits, list, w.event));
TRANSFER(clEnqueueFillImage, FILL,
         (cl_command_queue queue, cl_mem image, const void* colour, const size_t* origin,
          const size_t* region, cl_uint waits, const cl_event* list, cl_event* event),
         (queue, image, colour, origin, region, waits, list, w.event));
TRANSFER(clEnqueueMigrateMemObjects, MIGRATE,
         (cl_command_queue queue, cl_uint count, const cl_mem* objects,
          cl_mem_migration_flags flags, cl_uint waits, const cl_event* list, cl_event* event),
         (queue, count, objects, flags, waits, list, w.event));
TRANSFER(clEnqueueNativeKernel, NATIVE,
         (cl_command_queue queue, void(CL_CALLBACK* work)(void*), void* data, size_t size,
          cl_uint count, const cl_mem* objects, const void** places, cl_uint waits,
          const cl_event* list, cl_event* event),
         (queue, work, data, size, count, objects, places, waits, list, w.event));
TRANSFER(clEnqueueSVMMemcpy, COPY,
         (cl_command_queue queue, cl_bool blocks, void* to, const void* from, size_t size,
          cl_uint waits, const cl_event* list, cl_event* event),
         (queue, blocks, to, from, size, waits, list, w.event));
TRANSFER(clEnqueueSVMMemFill, FILL,
         (cl_command_queue queue, void* to, const void* pattern, size_t bytes, size_t size,
          cl_uint waits, const cl_event* list, cl_event* event),
         (queue, to, pattern, bytes, size, waits, list, w.event));
TRANSFER(clEnqueueSVMMap, MAP,
         (cl_command_queue queue, cl_bool blocks, cl_map_flags flags, void* memory, size_t size,
          cl_uint waits, const cl_event* list, cl_event* event),
         (queue, blocks, flags, memory, size, waits, list, w.event));
TRANSFER(clEnqueueSVMUnmap, UNMAP,
         (cl_command_queue queue, void* memory, cl_uint waits, const cl_event* list,
          cl_event* event),
         (queue, memory, waits, list, w.event));
TRANSFER(clEnqueueSVMMigrateMem, MIGRATE,
         (cl_command_queue queue, cl_uint count, const void** memories, const size_t* sizes,
          cl_mem_migration_flags flags, cl_uint waits, const cl_event* list, cl_event* event),
         (queue, count, memories, sizes, flags, waits, list, w.event));

static void* CL_API_CALL watched_clEnqueueMapBuffer(cl_command_queue queue, cl_mem buffer,
                                                    cl_bool blocks, cl_map_flags flags,
                                                    size_t offset, size_t size, cl_uint waits,
                                                    const cl_event* list, cl_event* event,
                                                    cl_int* result_ret) {
  watch w;
  gpuvigil_watch_transfer(&w, queue, TRANSFER_MAP, event);
  cl_int result = CL_INVALID_VALUE;
  void* const mapped = gpuvigil_cl.clEnqueueMapBuffer(queue, buffer, blocks, flags, offset, size,
                                                      waits, list, w.event, &result);
  gpuvigil_watch_end(&w, result);
  if (result_ret != NULL) *result_ret = result;
  return mapped;
}

static void* CL_API_CALL watched_clEnqueueMapImage(cl_command_queue queue, cl_mem image,
                                                   cl_bool blocks, cl_map_flags flags,
                                                   const size_t* origin, const size_t* region,
                                                   size_t* row, size_t* slice, cl_uint waits,
                                                   const cl_event* list, cl_event* event,
                                                   cl_int* result_ret) {
  watch w;
  gpuvigil_watch_transfer(&w, queue, TRANSFER_MAP, event);
  cl_int result = CL_INVALID_VALUE;
  void* const mapped = gpuvigil_cl.clEnqueueMapImage(queue, image, blocks, flags, origin, region,
                                                     row, slice, waits, list, w.event, &result);
  gpuvigil_watch_end(&w, result);
  if (result_ret != NULL) *result_ret = result;
  return mapped;
}

#define SET(name) \
  if (gpuvigil_cl.name != NULL) layer->name = watched_##name

void gpuvigil_transfers_set(cl_icd_dispatch* layer) {
  SET(clEnqueueReadBuffer);
  SET(clEnqueueReadBufferRect);
  SET(clEnqueueReadImage);
  SET(clEnqueueWriteBuffer);
  SET(clEnqueueWriteBufferRect);
  SET(clEnqueueWriteImage);
  SET(clEnqueueCopyBuffer);
  SET(clEnqueueCopyBufferRect);
  SET(clEnqueueCopyImage);
  SET(clEnqueueCopyImageToBuffer);
  SET(clEnqueueCopyBufferToImage);
  SET(clEnqueueUnmapMemObject);
  SET(clEnqueueFillBuffer);
  SET(clEnqueueFillImage);
  SET(clEnqueueMigrateMemObjects);
  SET(clEnqueueNativeKernel);
  SET(clEnqueueSVMMemcpy);
  SET(clEnqueueSVMMemFill);
  SET(clEnqueueSVMMap);
  SET(clEnqueueSVMUnmap);
  SET(clEnqueueSVMMigrateMem);
  SET(clEnqueueMapBuffer);
  SET(clEnqueueMapImage);
}
