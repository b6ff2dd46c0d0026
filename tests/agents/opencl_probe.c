// SPDX-License-Identifier: Apache-2.0
//
// An OpenCL program that knows exactly what it launched, and nothing of who may watch it:
//   opencl_probe MODE COUNT [THREADS]
//     plain    queues without profiling, every kind of command, with and without events
//     timed    queues with profiling: adds up what its own events say
//     reuse    kernels that come and go, so that their handles are used again
//     shapes   more kinds of launches than anybody keeps apart
//     fork     as plain; then children that end by exit()
//   Prints a line of JSON: by name how many ran. Ends with the end of its input; a line "_exit" or
//   "exec" ends it in that way, any other line launches all of it once more.
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ITEMS 256U
#define MAX_THREADS 16

static const char kSource[] =
    "__kernel void saxpy(float a, __global const float* x, __global float* y) {"
    "  size_t i = get_global_id(0); y[i] = a * x[i] + y[i]; }"
    "__kernel void heavy(__global float* y) {"
    "  size_t i = get_global_id(0); float s = y[i];"
    "  for (int k = 0; k < 2000; k++) s = s * 1.0000001f + 0.5f; y[i] = s; }"
    "__kernel void even(__global float* y) { y[get_global_id(0)] = 0; }"
    "__kernel void odd(__global float* y) { y[get_global_id(0)] = 1; }";

static cl_context context;
static cl_device_id device;
static cl_program program;
static const char* mode = "plain";
static int count = 1;

static struct {
  unsigned long long calls;
  unsigned long long ns;
} totals[8];
enum { SAXPY, HEAVY, EVEN, ODD, WRITES, READS, SETS, COPIES };
static const char* const kNames[] = {"saxpy",       "heavy",       "even",   "odd",
                                     "Memcpy HtoD", "Memcpy DtoH", "Memset", "Memcpy DtoD"};
static unsigned long long maps;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#define CHECK(call)                                                    \
  do {                                                                 \
    const cl_int checked = (call);                                     \
    if (checked != CL_SUCCESS) {                                       \
      fprintf(stderr, "%s gave %d at %d\n", #call, checked, __LINE__); \
      exit(1);                                                         \
    }                                                                  \
  } while (0)

static void count_one(int what, cl_event event) {
  cl_ulong start = 0;
  cl_ulong end = 0;
  if (event != NULL && strcmp(mode, "timed") == 0) {
    CHECK(clWaitForEvents(1, &event));
    CHECK(clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof(start), &start, NULL));
    CHECK(clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof(end), &end, NULL));
  }
  if (event != NULL) CHECK(clReleaseEvent(event));
  pthread_mutex_lock(&mutex);
  ++totals[what].calls;
  totals[what].ns += end - start;
  pthread_mutex_unlock(&mutex);
}

static cl_kernel kernel(const char* name, cl_mem y) {
  cl_int result = CL_SUCCESS;
  const cl_kernel made = clCreateKernel(program, name, &result);
  CHECK(result);
  CHECK(clSetKernelArg(made, 0, sizeof(y), &y));
  return made;
}

static void launch(cl_command_queue queue, cl_kernel kernel, int what, size_t items,
                   bool with_event) {
  const size_t local = items % 16U == 0 ? 16U : 1U;
  cl_event event = NULL;
  CHECK(clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &items, &local, 0, NULL,
                               with_event ? &event : NULL));
  count_one(what, event);
}

/// What was not asked for is not to be had.
static void expect_no_profiling(cl_command_queue queue) {
  cl_command_queue_properties bits = 77;
  CHECK(clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof(bits), &bits, NULL));
  cl_event marker = NULL;
  cl_ulong start = 0;
  CHECK(clEnqueueMarkerWithWaitList(queue, 0, NULL, &marker));
  CHECK(clWaitForEvents(1, &marker));
  const cl_int result =
      clGetEventProfilingInfo(marker, CL_PROFILING_COMMAND_START, sizeof(start), &start, NULL);
  CHECK(clReleaseEvent(marker));
  if (bits == 0 && result == CL_PROFILING_INFO_NOT_AVAILABLE) return;
  fprintf(stderr, "sees properties %llu and times (%d)\n", (unsigned long long)bits, result);
  exit(1);
}

static void transfer_all(cl_command_queue queue, cl_mem x, cl_mem y) {
  float host[ITEMS] = {0};
  const float zero = 0;
  cl_event event = NULL;
  cl_int result = CL_SUCCESS;
  CHECK(clEnqueueWriteBuffer(queue, x, CL_TRUE, 0, sizeof(host), host, 0, NULL, &event));
  count_one(WRITES, event);
  CHECK(clEnqueueReadBuffer(queue, y, CL_TRUE, 0, sizeof(host), host, 0, NULL, &event));
  count_one(READS, event);
  CHECK(clEnqueueFillBuffer(queue, y, &zero, sizeof(zero), 0, sizeof(host), 0, NULL, &event));
  count_one(SETS, event);
  CHECK(clEnqueueCopyBuffer(queue, x, y, 0, 0, sizeof(host), 0, NULL, &event));
  count_one(COPIES, event);
  void* const mapped =
      clEnqueueMapBuffer(queue, y, CL_TRUE, CL_MAP_READ, 0, sizeof(host), 0, NULL, NULL, &result);
  CHECK(result);
  CHECK(clEnqueueUnmapMemObject(queue, y, mapped, 0, NULL, NULL));
  // Refused, so it never ran.
  if (clEnqueueReadBuffer(queue, y, CL_TRUE, 1U << 30U, 4, host, 0, NULL, NULL) == CL_SUCCESS) {
    exit(1);
  }
  pthread_mutex_lock(&mutex);
  ++maps;
  pthread_mutex_unlock(&mutex);
}

static void launch_all(cl_command_queue queue, cl_mem x, cl_mem y) {
  const float a = 2;
  const bool comes_and_goes = strcmp(mode, "reuse") == 0;
  const bool many_shapes = strcmp(mode, "shapes") == 0;
  cl_int result = CL_SUCCESS;
  const cl_kernel saxpy = clCreateKernel(program, "saxpy", &result);
  CHECK(result);
  CHECK(clSetKernelArg(saxpy, 0, sizeof(a), &a));
  CHECK(clSetKernelArg(saxpy, 1, sizeof(x), &x));
  CHECK(clSetKernelArg(saxpy, 2, sizeof(y), &y));
  const cl_kernel heavy = kernel("heavy", y);
  for (int i = 0; i < count; ++i) {
    const size_t items = many_shapes ? 1U + (size_t)i % ITEMS : ITEMS;
    launch(queue, saxpy, SAXPY, items, strcmp(mode, "timed") == 0 || i % 3 == 0);
    if (i % 10 == 0) launch(queue, heavy, HEAVY, ITEMS, true);
    if (i % 100 == 0) transfer_all(queue, x, y);
    if (i % 256 == 255) CHECK(clFinish(queue));
    if (!comes_and_goes) continue;
    const int what = i % 2 == 0 ? EVEN : ODD;
    const cl_kernel one = kernel(kNames[what], y);
    launch(queue, one, what, ITEMS, false);
    CHECK(clReleaseKernel(one));
  }
  CHECK(clFinish(queue));
  CHECK(clReleaseKernel(saxpy));
  CHECK(clReleaseKernel(heavy));
}

static void* work(void* unused) {
  cl_int result = CL_SUCCESS;
  const cl_command_queue_properties wanted =
      strcmp(mode, "timed") == 0 ? CL_QUEUE_PROFILING_ENABLE : 0;
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  const cl_command_queue queue = clCreateCommandQueue(context, device, wanted, &result);
  CHECK(result);
  if (wanted == 0) expect_no_profiling(queue);
  const size_t bytes = ITEMS * sizeof(float);
  const cl_mem x = clCreateBuffer(context, CL_MEM_READ_WRITE, bytes, NULL, &result);
  const cl_mem y = clCreateBuffer(context, CL_MEM_READ_WRITE, bytes, NULL, &result);
  CHECK(result);
  launch_all(queue, x, y);
  CHECK(clReleaseMemObject(x));
  CHECK(clReleaseMemObject(y));
  CHECK(clReleaseCommandQueue(queue));
  return unused;
}

static void set_up(void) {
  cl_platform_id platform = NULL;
  cl_int result = CL_SUCCESS;
  const char* source = kSource;
  CHECK(clGetPlatformIDs(1, &platform, NULL));
  CHECK(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL));
  context = clCreateContext(NULL, 1, &device, NULL, NULL, &result);
  CHECK(result);
  program = clCreateProgramWithSource(context, 1, &source, NULL, &result);
  CHECK(result);
  CHECK(clBuildProgram(program, 1, &device, "", NULL, NULL));
}

static void report(void) {
  printf("{\"Memcpy map\": %llu, \"Memcpy unmap\": %llu", maps, maps);
  for (size_t i = 0; i < sizeof(kNames) / sizeof(kNames[0]); ++i) {
    printf(", \"%s\": %llu, \"%s ns\": %llu", kNames[i], totals[i].calls, kNames[i], totals[i].ns);
  }
  printf("}\n");
  fflush(stdout);
}

/// Children that touch OpenCL no more, as those of most programs; each has to end at once.
static void have_children(void) {
  for (int i = 0; i < 5; ++i) {
    const pid_t child = fork();
    if (child == 0) exit(0);
    int status = -1;
    if (waitpid(child, &status, 0) != child || status != 0) exit(1);
  }
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  mode = argv[1];
  count = atoi(argv[2]);
  const int threads = argc > 3 ? atoi(argv[3]) : 1;
  pthread_t made[MAX_THREADS];
  char line[64] = "";
  set_up();
  do {
    if (strcmp(line, "_exit\n") == 0) _exit(3);
    if (strcmp(line, "exec\n") == 0) execl(argv[0], argv[0], "plain", argv[2], (char*)NULL);
    for (int i = 0; i < threads && i < MAX_THREADS; ++i) pthread_create(&made[i], NULL, work, NULL);
    for (int i = 0; i < threads && i < MAX_THREADS; ++i) pthread_join(made[i], NULL);
    if (strcmp(mode, "fork") == 0) have_children();
    report();
  } while (fgets(line, sizeof(line), stdin) != NULL);
  return 0;
}
