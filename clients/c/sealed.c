// SPDX-License-Identifier: Apache-2.0
#include "sealed.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// Names that older C libraries do not have.
#define SEAL_SEAL 0x0001
#define SEAL_SHRINK 0x0002
#define SEAL_GROW 0x0004
#define SEAL_FUTURE_WRITE 0x0010
#define ADD_SEALS 1033
#define MEMFD_CLOEXEC 1U
#define MEMFD_ALLOW_SEALING 2U

/// Nobody can change its size, and nobody but us can ever write it, whoever holds the descriptor.
static bool seal(int fd) {
  const int seals = SEAL_SEAL | SEAL_SHRINK | SEAL_GROW;
  return fcntl(fd, ADD_SEALS, seals | SEAL_FUTURE_WRITE) == 0 || fcntl(fd, ADD_SEALS, seals) == 0;
}

int gpuvigil_sealed_make(const char* name, uint32_t size, void** mapped) {
  const int fd = (int)syscall(SYS_memfd_create, name, MEMFD_CLOEXEC | MEMFD_ALLOW_SEALING);
  if (fd < 0) return -1;
  *mapped = MAP_FAILED;
  if (ftruncate(fd, (off_t)size) == 0) {
    *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (*mapped == MAP_FAILED) {
    close(fd);
    return -1;
  }
  if (!seal(fd)) {
    munmap(*mapped, size);
    close(fd);
    return -1;
  }
  return fd;
}
