// SPDX-License-Identifier: Apache-2.0
#include "link.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gpuvigil/segment.h"

#define SYSTEM_SOCKET "/run/gpuvigil/agent.sock"
#define USER_SOCKET "gpuvigil/agent.sock"

static int descriptor = -1;
static bool is_taken;
static gpuvigil_trace_request request;  // the newest; without its magic there is none
/// Where to look, in this order; an empty one ends it. One byte more than fits into an address, so
/// that what is too long is refused and not cut.
static char places[2][sizeof(((struct sockaddr_un*)0)->sun_path) + 1U];

__attribute__((format(printf, 3, 4))) static void tell(link_status* status, gpuvigil_state state,
                                                       const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  status->state = state;
  vsnprintf(status->why, sizeof(status->why), format, arguments);
  va_end(arguments);
}

void gpuvigil_link_set_path(const char* path) {
  const char* const given = path != NULL ? path : getenv("GPUVIGIL_SOCKET");
  const char* const runtime = getenv("XDG_RUNTIME_DIR");
  size_t next = 0;
  memset(places, 0, sizeof(places));
  if (given != NULL && given[0] != '\0') {
    snprintf(places[next], sizeof(places[0]), "%s", given);
    return;
  }
  if (runtime != NULL && runtime[0] == '/') {
    snprintf(places[next++], sizeof(places[0]), "%s/%s", runtime, USER_SOCKET);
  }
  snprintf(places[next], sizeof(places[0]), "%s", SYSTEM_SOCKET);
}

/// Connects without waiting; an errno when nobody answers.
static int try_path(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const size_t length = strlen(path);
  if (length >= sizeof(address.sun_path)) return ENAMETOOLONG;
  memcpy(address.sun_path, path, length + 1U);
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  if (connect(fd, (const struct sockaddr*)&address, sizeof(address)) != 0) {
    const int error = errno;
    close(fd);
    return error;
  }
  descriptor = fd;
  return 0;
}

/// Connects to the first of the places that answers; `path` is the last that was tried.
static int find_server(const char** path) {
  int error = 0;
  for (size_t i = 0; i < 2 && places[i][0] != '\0'; ++i) {
    *path = places[i];
    error = try_path(*path);
    if (error == 0) break;
  }
  return error;
}

bool gpuvigil_link_send(void* text, size_t size, int beside) {
  struct iovec bytes = {.iov_base = text, .iov_len = size};
  union {
    struct cmsghdr aligned;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {.space = {0}};
  struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
  if (beside < 0) {
    return sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size;
  }
  message.msg_control = control.space;
  message.msg_controllen = sizeof(control.space);
  struct cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(rights), &beside, sizeof(beside));
  return sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size;
}

void gpuvigil_link_connect(int segment, uint32_t abi, link_status* status) {
  const char* path = "";
  const int error = find_server(&path);
  if (error != 0) {
    tell(status, GPUVIGIL_SEARCHING, "no server answers at %s (%s)", path, strerror(error));
    return;
  }
  gpuvigil_hello hello = {
      .magic = GPUVIGIL_HELLO_MAGIC, .abi = abi, .size = GPUVIGIL_SEGMENT_MAX_BYTES};
  if (!gpuvigil_link_send(&hello, sizeof(hello), segment)) {
    tell(status, GPUVIGIL_SEARCHING, "the server at %s does not listen (%s)", path,
         strerror(errno));
    gpuvigil_link_close();
    return;
  }
  tell(status, GPUVIGIL_SEARCHING, "waiting for the server at %s to answer", path);
}

/// Whether the server took us.
static bool read_welcome(const gpuvigil_welcome* welcome, size_t bytes, link_status* status) {
  if (bytes != sizeof(*welcome) || welcome->magic != GPUVIGIL_HELLO_MAGIC) {
    tell(status, GPUVIGIL_REFUSED, "what answers is no gpuvigil");
    return false;
  }
  if (welcome->accepted == 0) {
    tell(status, GPUVIGIL_REFUSED, "the server refused: %.*s", (int)sizeof(welcome->reason) - 1,
         welcome->reason);
    return false;
  }
  tell(status, GPUVIGIL_CONNECTED, "connected");
  is_taken = true;
  return true;
}

/// What a server says once it has taken us. What is not known is for later versions.
static void hear(const void* said, size_t bytes) {
  const gpuvigil_trace_request* const asked = said;
  if (bytes == sizeof(*asked) && asked->magic == GPUVIGIL_TRACE_MAGIC) request = *asked;
}

bool gpuvigil_link_listen(link_status* status) {
  gpuvigil_welcome welcome;  // the longest that is known
  while (true) {
    const ssize_t got = recv(descriptor, &welcome, sizeof(welcome), MSG_DONTWAIT);
    // A server that has closed without reading everything: its last words come after this.
    if (got < 0 && (errno == EINTR || errno == ECONNRESET)) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
    if (got <= 0) {
      tell(status, GPUVIGIL_SEARCHING, "the server has gone");
      return false;
    }
    if (is_taken) {
      hear(&welcome, (size_t)got);
    } else if (!read_welcome(&welcome, (size_t)got, status)) {
      return false;
    }
  }
}

bool gpuvigil_link_take_request(gpuvigil_trace_request* asked) {
  *asked = request;
  request = (gpuvigil_trace_request){0};
  return asked->magic == GPUVIGIL_TRACE_MAGIC;
}

int gpuvigil_link_descriptor(void) {
  return descriptor;
}

bool gpuvigil_link_is_taken(void) {
  return is_taken;
}

void gpuvigil_link_close(void) {
  if (descriptor >= 0) close(descriptor);
  descriptor = -1;
  is_taken = false;
  request = (gpuvigil_trace_request){0};
}

void gpuvigil_link_after_fork(void) {
  gpuvigil_link_close();
}
