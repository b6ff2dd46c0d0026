// SPDX-License-Identifier: Apache-2.0
#pragma once

// The OpenCL that this layer lies on.

#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_0_APIS
#define CL_USE_DEPRECATED_OPENCL_1_1_APIS
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <CL/cl_icd.h>

/// What the next layer or the loader gave us; NULL where it has no such function. Written once,
/// before the first call.
extern cl_icd_dispatch gpuvigil_cl;
