// SPDX-License-Identifier: Apache-2.0
#include "log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

#define MAX_LINE 400U
#define MAX_LINES 1000U

static int descriptor = -1;
static uint32_t lines;
static const char* name;

void gpuvigil_log_start(const char* writer) {
  const char* const path = getenv("GPUVIGIL_AGENT_LOG");
  name = writer;
  if (path == NULL || path[0] == '\0') return;
  if (strcmp(path, "stderr") == 0) {
    descriptor = STDERR_FILENO;
  } else {
    descriptor =
        open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
  }
}

void gpuvigil_log_after_fork(void) {
  if (descriptor > STDERR_FILENO) close(descriptor);
  descriptor = -1;
}

void agent_log(const char* format, ...) {
  if (descriptor < 0 || __atomic_fetch_add(&lines, 1, __ATOMIC_RELAXED) >= MAX_LINES) return;
  char text[MAX_LINE];
  const int head = snprintf(text, sizeof(text), "gpuvigil %s %d: ", name, (int)getpid());
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + head, sizeof(text) - (size_t)head - 1U, format, arguments);
  va_end(arguments);
  const size_t bytes = strlen(text);
  text[bytes] = '\n';
  (void)!write(descriptor, text, bytes + 1U);
}
