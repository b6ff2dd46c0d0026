// SPDX-License-Identifier: Apache-2.0
#include "keep.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "writer.h"

#define RETRY_MS 1000U
#define RETRY_REFUSED_MS 60000U

uint64_t gpuvigil_keep_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000U + (uint64_t)now.tv_nsec / 1000000U;
}

uint64_t gpuvigil_keep_linked(link_status* status, uint64_t next_try, bool is_urgent) {
  const uint64_t now = gpuvigil_keep_now_ms();
  if (gpuvigil_link_descriptor() >= 0 && !gpuvigil_link_listen(status)) {
    // What a server has had it shall not have again, nor shall another.
    if (gpuvigil_link_is_taken()) gpuvigil_writer_give_up();
    gpuvigil_link_close();
    next_try = now + (status->state == GPUVIGIL_REFUSED ? RETRY_REFUSED_MS : RETRY_MS);
  }
  if (gpuvigil_link_descriptor() >= 0 || (now < next_try && !is_urgent)) return next_try;
  const int segment = gpuvigil_writer_descriptor();
  if (segment < 0) {
    snprintf(status->why, sizeof(status->why), "the system gives no shared memory");
  } else {
    gpuvigil_link_connect(segment, gpuvigil_writer_abi(), status);
  }
  return gpuvigil_keep_now_ms() + RETRY_MS;
}

void gpuvigil_keep_waiting(int wake, uint64_t next_try, uint32_t period_ms) {
  uint64_t number = 0;
  const uint64_t now = gpuvigil_keep_now_ms();
  uint64_t timeout = period_ms;
  if (gpuvigil_link_descriptor() < 0) timeout = next_try > now ? next_try - now : 0;
  if (timeout > RETRY_MS) timeout = RETRY_MS;
  struct pollfd ready[] = {{.fd = wake, .events = POLLIN},
                           {.fd = gpuvigil_link_descriptor(), .events = POLLIN}};
  if (poll(ready, 2, (int)timeout) > 0 && ready[0].revents != 0) {
    (void)!read(wake, &number, sizeof(number));
  }
}
