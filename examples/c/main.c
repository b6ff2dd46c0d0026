// SPDX-License-Identifier: Apache-2.0
#include <gpuvigil/gpuvigil.h>
#include <stdio.h>

int main(void) {
  gpuvigil_client* client = gpuvigil_open(NULL);
  gpuvigil_handle* conv2d = gpuvigil_kernel(client, "conv2d", 0);
  gpuvigil_handle* relu = gpuvigil_kernel(client, "relu", 0);

  for (int i = 0; i < 1000; ++i) {
    gpuvigil_record(conv2d, 300000 + (uint64_t)i % 20, (uint64_t)128 << 20);
    gpuvigil_record(relu, 20000, GPUVIGIL_NO_MEMORY);
  }

  char why[200];
  gpuvigil_flush(client, 5000);
  gpuvigil_state state = gpuvigil_get_state(client, why, sizeof(why));
  printf("%s\n", why);
  gpuvigil_close(client);
  return state == GPUVIGIL_CONNECTED ? 0 : 1;
}
