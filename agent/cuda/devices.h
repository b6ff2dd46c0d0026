// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the ordinals in CUPTI's records mean: the driver is asked once it is initialised. Ordinals
// are those of this process (CUDA_VISIBLE_DEVICES), so only UUIDs mean anything outside of it.

#include <stdbool.h>
#include <stdint.h>

/// Asks the driver, unless it has answered already; true once it has. It is loaded, never opened.
/// Any thread, nothing held.
bool cuda_devices_resolve(void);

bool cuda_devices_are_known(void);

/// "GPU-8a7bcd..." or "MIG-..." from the 16 bytes of a UUID, into `text` of at least 41 bytes. The
/// driver gives the UUID of the part where it is one, and says so in the name only.
void cuda_device_uuid(char* text, const uint8_t bytes[16], const char* name);
