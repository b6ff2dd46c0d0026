// SPDX-License-Identifier: Apache-2.0
//
// What it costs a thread to enqueue a kernel: the queue waits for an event of ours meanwhile, so
// that nothing runs. Prints the median of its rounds, in nanoseconds of CPU time.
//   opencl_load ROUNDS [event]     event: each enqueue asks for one, and releases it
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ENQUEUES 1000
#define MAX_ROUNDS 1000

static double cpu_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_size(const void* a, const void* b) {
  const double x = *(const double*)a;
  const double y = *(const double*)b;
  return (x > y) - (x < y);
}

static void check(cl_int result, int line) {
  if (result == CL_SUCCESS) return;
  fprintf(stderr, "OpenCL gave %d at line %d\n", result, line);
  exit(1);
}
#define CHECK(call) check(call, __LINE__)

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 30;
  const int with_event = argc > 2;
  static double took[MAX_ROUNDS];
  const char* source = "__kernel void nothing(__global float* y) { y[get_global_id(0)] = 1; }";
  cl_platform_id platform = NULL;
  cl_device_id device = NULL;
  cl_int result = CL_SUCCESS;
  const size_t one = 1;
  CHECK(clGetPlatformIDs(1, &platform, NULL));
  CHECK(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL));
  const cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, &result);
  CHECK(result);
  const cl_program program = clCreateProgramWithSource(context, 1, &source, NULL, &result);
  CHECK(clBuildProgram(program, 1, &device, "", NULL, NULL));
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  const cl_command_queue queue = clCreateCommandQueue(context, device, 0, &result);
  CHECK(result);
  const cl_kernel kernel = clCreateKernel(program, "nothing", &result);
  const cl_mem memory = clCreateBuffer(context, CL_MEM_READ_WRITE, 4096, NULL, &result);
  CHECK(clSetKernelArg(kernel, 0, sizeof(memory), &memory));
  for (int r = 0; r < rounds && r < MAX_ROUNDS; ++r) {
    const cl_event gate = clCreateUserEvent(context, &result);
    CHECK(clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &one, &one, 1, &gate, NULL));
    const double before = cpu_ns();
    for (int i = 0; i < ENQUEUES; ++i) {
      cl_event event = NULL;
      CHECK(clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &one, &one, 0, NULL,
                                   with_event ? &event : NULL));
      if (with_event) CHECK(clReleaseEvent(event));
    }
    took[r] = (cpu_ns() - before) / ENQUEUES;
    CHECK(clSetUserEventStatus(gate, CL_COMPLETE));
    CHECK(clFinish(queue));
    CHECK(clReleaseEvent(gate));
  }
  qsort(took, (size_t)rounds, sizeof(took[0]), by_size);
  printf("%.1f\n", took[rounds / 2]);
  return 0;
}
