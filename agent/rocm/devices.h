// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which GPU a record is about. Made once, before records come; then read by any thread.

#include <stdint.h>

#include "rocprofiler_abi.h"

/// As many GPUs as the core takes.
#define ROCM_MOST_DEVICES 64U

/// Tells the core of all GPUs, by the same UUIDs as the server has for them.
void rocm_devices_find(const rocp_calls* calls);

/// The number of that agent's GPU; ROCM_MOST_DEVICES for processors and strangers.
uint32_t rocm_device_of(uint64_t agent);

/// The core's index of a number.
uint32_t rocm_device_index(uint32_t number);
