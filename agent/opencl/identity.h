// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a device is called: by others, and by people.

#include "driver.h"

typedef struct device_identity {
  char uuid[64];
  char name[64];
  char runtime[64];
} device_identity;

/// The device of which this one is a part, or itself.
cl_device_id gpuvigil_identity_root(cl_device_id device);

/// The UUID as the driver gives it, else by its place on the bus, else made of the names of its
/// platform and itself and of how many like it come before it: the same in every program.
void gpuvigil_identity_of(cl_device_id device, device_identity* identity);
