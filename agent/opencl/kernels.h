// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which series a kernel counts in, and how launches look. Found without a lock. Any thread.

#include <stdint.h>

#include "agent.h"
#include "driver.h"

/// Places of shapes: 0 is none, 1 that of all for which there was no room.
#define MAX_GEOMETRIES 2048U
#define OTHER_GEOMETRY 1U

/// The series of a kernel on a device (its place).
uint32_t gpuvigil_kernel_series(cl_kernel kernel, uint32_t device);

/// A kernel was made: its handle may have been another's.
void gpuvigil_kernel_made(cl_kernel kernel);

/// The place of a launch's shape. `local` may be NULL: left to the driver.
uint32_t gpuvigil_geometry_place(cl_uint dimensions, const size_t* global, const size_t* local);

/// NULL for 0.
const agent_shape* gpuvigil_geometry_at(uint32_t place);
