// SPDX-License-Identifier: Apache-2.0
// Forks while the client of this process is connecting, again and again; what client_test.cc runs.
// A program of its own without sanitizers, since that of GCC 12 leaves the locks of its allocator
// as they are in a forked child, where nobody is left to open them.
//
// gpuvigil_forker SOCKET ROUNDS: 0 when every child began with no descriptor of the client's and
// handed over its one record of "early".
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gpuvigil/gpuvigil.h"

#define PATIENCE_MS 30000U
#define LONGEST_PAUSE_NS 1000000U
#define LATE_NS 200000L

static void come_late(void) {
  const struct timespec late = {.tv_nsec = LATE_NS};
  nanosleep(&late, NULL);
}

// What the client calls while it has a descriptor in hand, returning as late as on a busy machine.
int socket(int domain, int type, int protocol) {
  const int result = (int)syscall(SYS_socket, domain, type, protocol);
  come_late();
  return result;
}

int ftruncate(int fd, off_t size) {
  const int result = (int)syscall(SYS_ftruncate, fd, size);
  come_late();
  return result;
}

static unsigned open_descriptors(void) {
  unsigned count = 0;
  DIR* const folder = opendir("/proc/self/fd");
  if (folder == NULL) return 0;
  while (readdir(folder) != NULL) ++count;
  closedir(folder);
  return count;
}

static void spin(unsigned ns) {
  struct timespec begin;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  do {
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - begin.tv_sec) * 1000000000L + now.tv_nsec - begin.tv_nsec < (long)ns);
}

static int child(const gpuvigil_options* options, unsigned descriptors) {
  alarm(2U * PATIENCE_MS / 1000U);
  const unsigned inherited = open_descriptors();
  if (inherited != descriptors) {
    fprintf(stderr, "the child has %u descriptors, the parent had %u\n", inherited, descriptors);
    return 1;
  }
  gpuvigil_client* const client = gpuvigil_open(options);
  gpuvigil_record(gpuvigil_kernel(client, "early", 0), 1, GPUVIGIL_NO_MEMORY);
  const int flushed = gpuvigil_flush(client, PATIENCE_MS);
  char why[200] = "";
  gpuvigil_get_state(client, why, sizeof(why));
  if (flushed != 0) fprintf(stderr, "not flushed: %s\n", why);
  gpuvigil_close(client);
  return flushed == 0 ? 0 : 1;
}

int main(int count, char** arguments) {
  if (count != 3) return 2;
  const gpuvigil_options options = {sizeof(options), arguments[1]};
  const unsigned rounds = (unsigned)strtoul(arguments[2], NULL, 10);
  const unsigned descriptors = open_descriptors();
  for (unsigned round = 0; round < rounds; ++round) {
    gpuvigil_client* const client = gpuvigil_open(&options);
    // Each time a little later: once the thread begins, once it connects, once it is attached.
    spin(round * (LONGEST_PAUSE_NS / rounds));
    const pid_t forked = fork();
    if (forked < 0) return 2;
    if (forked == 0) _exit(child(&options, descriptors));
    int status = 0;
    if (waitpid(forked, &status, 0) != forked || status != 0) {
      fprintf(stderr, "round %u: status %d\n", round, status);
      return 1;
    }
    gpuvigil_close(client);
  }
  return 0;
}
