// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cuda/cupti_abi.h"
#include "cuda_program.h"

#define LINE_BYTES 32768

/// Names live as long as the program: records point at them.
static const char* keep(const char* name) {
  static char** kept;
  static size_t count;
  for (size_t i = 0; i < count; ++i) {
    if (strcmp(kept[i], name) == 0) return kept[i];
  }
  char** const more = realloc(kept, (count + 1) * sizeof(*kept));
  if (more == NULL) abort();
  kept = more;
  kept[count] = strdup(name);
  if (kept[count] == NULL) abort();
  return kept[count++];
}

void replay(const char* path, double speed) {
  static char line[LINE_BYTES];
  FILE* const file = fopen(path, "r");
  if (file == NULL) abort();
  const uint64_t begin = monotonic_ns();
  uint64_t first = 0;
  while (fgets(line, sizeof(line), file) != NULL) {
    char* at = line;
    const uint64_t start = strtoull(at, &at, 10);
    const uint64_t end = strtoull(at, &at, 10);
    const uint32_t stream = (uint32_t)strtoul(at, &at, 10);
    const uint32_t device = (uint32_t)strtoul(at, &at, 10);
    if (*at != '\t') abort();
    line[strcspn(line, "\n")] = '\0';
    const fake_work work = {.kind = CUPTI_KIND_CONCURRENT_KERNEL,
                            .device = device,
                            .context = 1,
                            .stream = stream,
                            .name = keep(at + 1),
                            .duration_ns = end - start,
                            .grid = {1, 1, 1},
                            .block = {32, 1, 1}};
    if (first == 0) first = start;
    if (speed > 0) {
      const uint64_t due = begin + (uint64_t)((double)(start - first) / speed);
      const uint64_t now = monotonic_ns();
      if (due > now) wait_ns(due - now);
    }
    program_run(&work);
  }
  fclose(file);
}
