// SPDX-License-Identifier: Apache-2.0
//
// A CUDA program that knows what it did, run against the doubles of libcuda and libcupti. Its
// arguments are done one after the other:
//   init              cuInit()
//   kernels:N         N kernels on each thread; copies:N peers:N sets:N graphs:N allocs:N frees:N
//   pools:N           N changes of a memory pool
//   threads:N         on how many threads, from now on
//   names:N           how many names kernels have; name:TEXT only this one; @FILE reads it
//   ns:N              how long they take: N ns, and up to 4999 more; exact:N always N
//   stream:N device:N graph:N grid:N block:N bytes:N
//   rate:N            at most so many a second and thread; 0: as fast as it goes
//   replay:FILE speed:X
//   reload            forgets the names: what comes next has others at the same addresses
//   profiler:start profiler:stop
//   say:TEXT sleep:MS wait (for a line) cpu (prints what was used)
//   fork              a child launches 5 and exits; forkexec: a child does `init kernels:1000`
//   exit:N _exit:N kill abort hangup
// At its end it says how much of each it launched.
#include "cuda_program.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/cuda/cupti_abi.h"

#define MAX_NAMES 4096
#define NAME_BYTES 16384
#define SHORT_BYTES 96
#define MAX_THREADS 512

static const char* self;
static char (*names)[SHORT_BYTES];  // one behind the other, as a module has them
static long name_count = 200;
static char literal[NAME_BYTES];
static long threads = 1;
static long rate;
static double speed;
static long least_ns = 2000;
static long spread_ns = 5000;
static uint64_t launched[64];
static fake_work model = {.context = 1,
                          .stream = 7,
                          .copy_kind = 1,
                          .bytes = 1 << 20,
                          .grid = {128, 1, 1},
                          .block = {256, 1, 1},
                          .registers = 32,
                          .memory_kind = CUPTI_MEMORY_KIND_DEVICE};

uint64_t monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void wait_ns(uint64_t ns) {
  struct timespec left = {.tv_sec = (time_t)(ns / 1000000000U),
                          .tv_nsec = (long)(ns % 1000000000U)};
  while (nanosleep(&left, &left) != 0) {
  }
}

void program_run(const fake_work* work) {
  if (fakecu_run(work) == 0) __atomic_fetch_add(&launched[work->kind], 1, __ATOMIC_RELAXED);
}

static void make_names(const char* prefix) {
  if (names == NULL) names = calloc(MAX_NAMES, SHORT_BYTES);
  if (names == NULL) abort();
  for (long i = 0; i < name_count; ++i) {
    // As PyTorch's are: the difference comes late.
    snprintf(names[i], SHORT_BYTES, "%s_ZN2at6native29vectorized_elementwise_kernelILi4E_%ld",
             prefix, i);
  }
}

typedef struct job {
  fake_work work;
  long count;
  long thread;
} job;

static void prepare(fake_work* work, const job* j, long i) {
  const uint64_t serial = (uint64_t)(j->thread * j->count + i);
  work->duration_ns = (uint64_t)(least_ns + (spread_ns > 0 ? i % spread_ns : 0));
  if (work->kind == CUPTI_KIND_CONCURRENT_KERNEL) {
    work->name = literal[0] != '\0' ? literal : names[(i * 7 + j->thread) % name_count];
  }
  if (work->kind == CUPTI_KIND_MEMORY2) work->address = UINT64_C(0x7f0000000000) + serial * 4096U;
}

static void* launch(void* argument) {
  const job* const j = argument;
  fake_work work = j->work;
  const uint64_t begin = monotonic_ns();
  for (long i = 0; i < j->count; ++i) {
    prepare(&work, j, i);
    if (fakecu_run(&work) == 0) __atomic_fetch_add(&launched[work.kind], 1, __ATOMIC_RELAXED);
    // Every millisecond's worth at once: to wait for each would cost more than they do.
    if (rate > 0 && (i + 1) % (rate / 1000 + 1) == 0) {
      const uint64_t due = begin + (uint64_t)((double)(i + 1) / (double)rate * 1e9);
      const uint64_t now = monotonic_ns();
      if (due > now) wait_ns(due - now);
    }
  }
  return NULL;
}

static void launch_on_threads(uint32_t kind, uint32_t operation, long count) {
  static job jobs[MAX_THREADS];
  pthread_t running[MAX_THREADS];
  const long used = threads < MAX_THREADS ? threads : MAX_THREADS;
  if (names == NULL) make_names("");
  for (long i = 0; i < used; ++i) {
    jobs[i] = (job){.work = model, .count = count, .thread = i};
    jobs[i].work.kind = kind;
    jobs[i].work.operation = operation;
    if (used > 1 && pthread_create(&running[i], NULL, launch, &jobs[i]) != 0) abort();
  }
  if (used == 1) launch(&jobs[0]);
  for (long i = 0; used > 1 && i < used; ++i) pthread_join(running[i], NULL);
}

static void read_name(const char* from) {
  if (from[0] != '@') {
    snprintf(literal, sizeof(literal), "%s", from);
    return;
  }
  FILE* const file = fopen(from + 1, "rb");
  if (file == NULL) abort();
  literal[fread(literal, 1, sizeof(literal) - 1, file)] = '\0';
  fclose(file);
}

static void wait_for_child(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status)) {
    printf("child exited with %d\n", WEXITSTATUS(status));
  } else {
    printf("child was killed by %d\n", WTERMSIG(status));
  }
}

static void fork_one(bool executes) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0 && executes) {
    execl(self, self, "init", "kernels:1000", "sleep:100", (char*)NULL);
    _exit(9);
  }
  if (child == 0) {
    fake_work work = model;
    work.kind = CUPTI_KIND_CONCURRENT_KERNEL;
    work.name = "in_the_child";
    for (int i = 0; i < 5; ++i) fakecu_run(&work);
    exit(0);
  }
  wait_for_child(child);
}

static uint64_t cpu_ns(void) {
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return (uint64_t)used.tv_sec * UINT64_C(1000000000) + (uint64_t)used.tv_nsec;
}

static void wait_for_line(void) {
  char line[64];
  fflush(stdout);
  if (fgets(line, sizeof(line), stdin) == NULL) exit(0);
}

/// The names are gone, and others stand where they stood, as after a module was loaded anew.
static void reload(void) {
  make_names("again");
}

// ---- what the arguments mean ----

static const struct {
  const char* word;
  uint32_t kind;
  uint32_t operation;
} launches[] = {
    {"kernels", CUPTI_KIND_CONCURRENT_KERNEL, 0},
    {"copies", CUPTI_KIND_MEMCPY, 0},
    {"peers", CUPTI_KIND_MEMCPY2, 0},
    {"sets", CUPTI_KIND_MEMSET, 0},
    {"graphs", CUPTI_KIND_GRAPH_TRACE, 0},
    {"allocs", CUPTI_KIND_MEMORY2, CUPTI_MEMORY_ALLOCATION},
    {"frees", CUPTI_KIND_MEMORY2, CUPTI_MEMORY_RELEASE},
    {"pools", CUPTI_KIND_MEMORY_POOL, 1},
};

static bool do_launch(const char* word, long number) {
  for (size_t i = 0; i < sizeof(launches) / sizeof(launches[0]); ++i) {
    if (strcmp(word, launches[i].word) != 0) continue;
    launch_on_threads(launches[i].kind, launches[i].operation, number);
    return true;
  }
  return false;
}

static bool set_option(const char* word, const char* text, long number) {
  if (strcmp(word, "threads") == 0)
    threads = number;
  else if (strcmp(word, "names") == 0)
    name_count = number < MAX_NAMES ? number : MAX_NAMES, make_names("");
  else if (strcmp(word, "name") == 0)
    read_name(text);
  else if (strcmp(word, "ns") == 0)
    least_ns = number, spread_ns = 5000;
  else if (strcmp(word, "exact") == 0)
    least_ns = number, spread_ns = 0;
  else if (strcmp(word, "stream") == 0)
    model.stream = (uint32_t)number;
  else if (strcmp(word, "device") == 0)
    model.device = (uint32_t)number;
  else if (strcmp(word, "graph") == 0)
    model.graph = (uint32_t)number, model.graph_node = 1;
  else if (strcmp(word, "grid") == 0)
    model.grid[0] = (int32_t)number;
  else if (strcmp(word, "block") == 0)
    model.block[0] = (int32_t)number;
  else if (strcmp(word, "bytes") == 0)
    model.bytes = (uint64_t)number;
  else if (strcmp(word, "copykind") == 0)
    model.copy_kind = (uint8_t)number;
  else if (strcmp(word, "rate") == 0)
    rate = number;
  else if (strcmp(word, "speed") == 0)
    speed = atof(text);
  else
    return false;
  return true;
}

static bool do_end(const char* word, long number) {
  if (strcmp(word, "exit") == 0) exit((int)number);
  if (strcmp(word, "_exit") == 0) _exit((int)number);
  if (strcmp(word, "kill") == 0) kill(getpid(), SIGKILL);
  if (strcmp(word, "abort") == 0) abort();
  if (strcmp(word, "hangup") == 0) raise(SIGHUP);
  return false;
}

static bool do_step(const char* word, const char* text, long number) {
  if (strcmp(word, "init") == 0)
    cuInit(0);
  else if (strcmp(word, "sleep") == 0)
    wait_ns((uint64_t)number * 1000000U);
  else if (strcmp(word, "wait") == 0)
    wait_for_line();
  else if (strcmp(word, "say") == 0)
    printf("%s\n", text), fflush(stdout);
  else if (strcmp(word, "cpu") == 0)
    printf("cpu %llu\n", (unsigned long long)cpu_ns());
  else if (strcmp(word, "reload") == 0)
    reload();
  else if (strcmp(word, "fork") == 0)
    fork_one(false);
  else if (strcmp(word, "forkexec") == 0)
    fork_one(true);
  else if (strcmp(word, "replay") == 0)
    replay(text, speed);
  else if (strcmp(word, "profiler") != 0)
    return false;
  else if (strcmp(text, "start") == 0)
    profiler_start();
  else
    profiler_stop();
  return true;
}

int main(int argc, char** argv) {
  self = argv[0];
  for (int i = 1; i < argc; ++i) {
    char word[32];
    const char* const colon = strchr(argv[i], ':');
    const size_t bytes = colon != NULL ? (size_t)(colon - argv[i]) : strlen(argv[i]);
    snprintf(word, sizeof(word), "%.*s", (int)bytes, argv[i]);
    const char* const text = colon != NULL ? colon + 1 : "";
    const long number = strtol(text, NULL, 10);
    if (!do_launch(word, number) && !set_option(word, text, number) && !do_end(word, number) &&
        !do_step(word, text, number)) {
      fprintf(stderr, "cuda_program: what is %s?\n", argv[i]);
      return 2;
    }
  }
  for (size_t i = 0; i < sizeof(launches) / sizeof(launches[0]); ++i) {
    if (launches[i].operation == CUPTI_MEMORY_RELEASE) continue;  // counted as of its kind
    printf("%s %llu\n", launches[i].word, (unsigned long long)launched[launches[i].kind]);
  }
  return 0;
}
