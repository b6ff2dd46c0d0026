// SPDX-License-Identifier: Apache-2.0
//
// A small program that reports itself, for tests from outside:
//   probe COUNT [NAME]        records COUNT executions of 1000 ns, flushes, says how it stands
//   probe COUNT NAME FIRST    the same, each of its own kernel: NAME with numbers from FIRST on
// On each line that it then reads it records COUNT more, until there are no more lines.
#include <stdio.h>
#include <stdlib.h>

#include "gpuvigil/gpuvigil.h"

/// A million handles would be ours to keep: looked up each time, as a hostile program might.
static void record_each_apart(gpuvigil_client* client, const char* name, long first, long count) {
  char each[128];
  for (long i = first; i < first + count; ++i) {
    snprintf(each, sizeof(each), "%s%ld", name, i);
    gpuvigil_record(gpuvigil_kernel(client, each, 0), 1000, GPUVIGIL_NO_MEMORY);
  }
}

int main(int argc, char** argv) {
  const long count = argc > 1 ? atol(argv[1]) : 1;
  gpuvigil_client* const client = gpuvigil_open(NULL);
  gpuvigil_handle* const kernel = gpuvigil_kernel(client, argc > 2 ? argv[2] : "probe", 0);
  char line[64];
  do {
    if (argc > 3) {
      record_each_apart(client, argv[2], atol(argv[3]), count);
    } else {
      for (long i = 0; i < count; ++i) gpuvigil_record(kernel, 1000, GPUVIGIL_NO_MEMORY);
    }
    char why[200];
    const int flushed = gpuvigil_flush(client, 10000);
    const gpuvigil_state state = gpuvigil_get_state(client, why, sizeof(why));
    printf("%d %d %s\n", flushed, (int)state, why);
    fflush(stdout);
  } while (fgets(line, sizeof(line), stdin) != NULL);
  gpuvigil_close(client);
  return 0;
}
