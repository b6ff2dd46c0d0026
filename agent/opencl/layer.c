// SPDX-License-Identifier: Apache-2.0
#include <CL/cl_layer.h>
#include <string.h>

#include "agent.h"
#include "driver.h"
#include "hooks.h"

// The layer as loaders see it. ocl-icd asks for clInitLayer; Khronos' loader of 2026 for
// clInitLayerWithProperties first, and refuses a layer that has only the other.

#define EXPORTED __attribute__((visibility("default")))

cl_icd_dispatch gpuvigil_cl;
static cl_icd_dispatch layer;

EXPORTED cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t size, void* value,
                                           size_t* size_ret) {
  static const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
  static const char name[] = "gpuvigil";
  const void* from = NULL;
  size_t bytes = 0;
  if (what == CL_LAYER_API_VERSION) {
    from = &version;
    bytes = sizeof(version);
  } else if (what == CL_LAYER_NAME) {
    from = name;
    bytes = sizeof(name);
  } else {
    return CL_INVALID_VALUE;
  }
  if (value != NULL) {
    if (size < bytes) return CL_INVALID_VALUE;
    memcpy(value, from, bytes);
  }
  if (size_ret != NULL) *size_ret = bytes;
  return CL_SUCCESS;
}

EXPORTED cl_int CL_API_CALL clInitLayer(cl_uint count, const cl_icd_dispatch* target,
                                        cl_uint* count_ret, const cl_icd_dispatch** layer_ret) {
  if (target == NULL || count_ret == NULL || layer_ret == NULL) return CL_INVALID_VALUE;
  // A loader may know fewer functions than this header does, or more.
  const size_t known = sizeof(cl_icd_dispatch) / sizeof(void*);
  const size_t common = count < known ? count : known;
  memcpy(&gpuvigil_cl, target, common * sizeof(void*));
  if (agent_is_wanted()) gpuvigil_hooks_set(&layer);
  *count_ret = (cl_uint)common;
  *layer_ret = &layer;
  return CL_SUCCESS;
}

EXPORTED cl_int CL_API_CALL clInitLayerWithProperties(cl_uint count, const cl_icd_dispatch* target,
                                                      cl_uint* count_ret,
                                                      const cl_icd_dispatch** layer_ret,
                                                      const void* properties);
cl_int CL_API_CALL clInitLayerWithProperties(cl_uint count, const cl_icd_dispatch* target,
                                             cl_uint* count_ret, const cl_icd_dispatch** layer_ret,
                                             const void* properties) {
  (void)properties;
  return clInitLayer(count, target, count_ret, layer_ret);
}

EXPORTED cl_int CL_API_CALL clDeinitLayer(void);
cl_int CL_API_CALL clDeinitLayer(void) {
  agent_stop();
  return CL_SUCCESS;
}
