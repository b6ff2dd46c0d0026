// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "driver.h"

/// Puts our functions where `layer` has room for them and the driver has such a function; the rest
/// stays NULL, which means the driver's own.
void gpuvigil_hooks_set(cl_icd_dispatch* layer);
