// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "driver.h"

/// The part of gpuvigil_hooks_set() that copies, fills and maps.
void gpuvigil_transfers_set(cl_icd_dispatch* layer);
