// SPDX-License-Identifier: Apache-2.0
#pragma once

// Memory that is shown to another process, which can neither write it nor make it shorter.

#include <stdint.h>

/// A memfd of that name and size, mapped at `*mapped` and sealed; descriptor and mapping are the
/// caller's. -1 where the system does not let us. Any thread.
int gpuvigil_sealed_make(const char* name, uint32_t size, void** mapped);
