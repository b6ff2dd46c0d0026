// SPDX-License-Identifier: Apache-2.0
//
// A CUDA program that knows what it launches, for tools/gpu_check. It needs nothing but the driver.
//   gpu_program counts          one of everything, then what there was, as JSON
//   gpu_program loop N          N launches of an empty kernel: ns of a launch, as JSON
//   gpu_program graph N NODES   N launches of a graph of empty kernels: ns of a launch
//   gpu_program idle SECONDS    a context, and nothing launched
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <cuda_runtime.h>

extern "C" __global__ void gpu_check_empty() {}

extern "C" __global__ void gpu_check_add(float* values, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) values[i] += 1.0F;
}

extern "C" __global__ void gpu_check_spin(long long cycles) {
  const long long begin = clock64();
  while (clock64() - begin < cycles) {
  }
}

namespace {

void check(cudaError_t result, const char* what) {
  if (result == cudaSuccess) return;
  std::fprintf(stderr, "gpu_program: %s: %s\n", what, cudaGetErrorString(result));
  std::exit(4);
}
#define CHECK(call) check((call), #call)

double now_ns() {
  return std::chrono::duration<double, std::nano>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

cudaGraphExec_t make_graph(cudaStream_t stream, int nodes) {
  cudaGraph_t graph;
  cudaGraphExec_t made;
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  for (int i = 0; i < nodes; ++i) gpu_check_empty<<<1, 32, 0, stream>>>();
  CHECK(cudaStreamEndCapture(stream, &graph));
  CHECK(cudaGraphInstantiate(&made, graph, 0));
  return made;
}

void count_everything() {
  constexpr int kCount = 1 << 20;
  constexpr std::size_t kBytes = kCount * sizeof(float);
  float* host = nullptr;
  float* first = nullptr;
  float* second = nullptr;
  cudaStream_t streams[2];
  CHECK(cudaMallocHost(&host, kBytes));
  CHECK(cudaMalloc(&first, kBytes));
  CHECK(cudaMalloc(&second, kBytes));
  for (auto& stream : streams) CHECK(cudaStreamCreate(&stream));
  for (int i = 0; i < 20; ++i) CHECK(cudaMemcpyAsync(first, host, kBytes, cudaMemcpyHostToDevice));
  for (int i = 0; i < 7; ++i) CHECK(cudaMemsetAsync(second, 0, kBytes));
  for (int i = 0; i < 10000; ++i) gpu_check_empty<<<1, 32>>>();
  for (int i = 0; i < 500; ++i) {
    gpu_check_add<<<kCount / 256, 256, 0, streams[0]>>>(first, kCount);
    gpu_check_add<<<kCount / 512, 512, 0, streams[1]>>>(second, kCount);
  }
  for (int i = 0; i < 50; ++i) gpu_check_spin<<<1, 1>>>(1000000);
  CHECK(cudaDeviceSynchronize());
  for (int i = 0; i < 5; ++i) {
    CHECK(cudaMemcpyAsync(second, first, kBytes, cudaMemcpyDeviceToDevice));
  }
  for (int i = 0; i < 10; ++i) CHECK(cudaMemcpyAsync(host, first, kBytes, cudaMemcpyDeviceToHost));
  cudaGraphExec_t graph = make_graph(streams[0], 10);
  for (int i = 0; i < 50; ++i) CHECK(cudaGraphLaunch(graph, streams[0]));
  CHECK(cudaDeviceSynchronize());
  cudaDeviceProp device;
  CHECK(cudaGetDeviceProperties(&device, 0));
  std::printf(
      "{\"device\": \"%s\", \"kernels\": {\"gpu_check_empty\": 10500, "
      "\"gpu_check_add\": 1000, \"gpu_check_spin\": 50}, \"memcpy\": 35, \"memset\": 7, "
      "\"allocated_bytes\": %zu}\n",
      device.name, 2 * kBytes);
}

void print_ns(double begin, long launches) {
  std::printf("{\"ns\": %.1f}\n", (now_ns() - begin) / static_cast<double>(launches));
}

void loop(long launches) {
  for (int i = 0; i < 1000; ++i) gpu_check_empty<<<1, 32>>>();
  CHECK(cudaDeviceSynchronize());
  const double begin = now_ns();
  for (long i = 0; i < launches; ++i) gpu_check_empty<<<1, 32>>>();
  CHECK(cudaDeviceSynchronize());
  print_ns(begin, launches);
}

void launch_graphs(long launches, int nodes) {
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  cudaGraphExec_t graph = make_graph(stream, nodes);
  for (int i = 0; i < 10; ++i) CHECK(cudaGraphLaunch(graph, stream));
  CHECK(cudaDeviceSynchronize());
  const double begin = now_ns();
  for (long i = 0; i < launches; ++i) CHECK(cudaGraphLaunch(graph, stream));
  CHECK(cudaDeviceSynchronize());
  print_ns(begin, launches);
}

}  // namespace

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  const long number = argc > 2 ? std::atol(argv[2]) : 0;
  CHECK(cudaFree(nullptr));  // the context
  if (std::strcmp(what, "counts") == 0) {
    count_everything();
  } else if (std::strcmp(what, "loop") == 0) {
    loop(number);
  } else if (std::strcmp(what, "graph") == 0) {
    launch_graphs(number, argc > 3 ? std::atoi(argv[3]) : 100);
  } else if (std::strcmp(what, "idle") == 0) {
    std::this_thread::sleep_for(std::chrono::seconds(number));
  } else {
    std::fprintf(stderr, "usage: gpu_program counts | loop N | graph N NODES | idle SECONDS\n");
    return 2;
  }
  // Whoever runs it may want to look at it while it still lives.
  std::fflush(stdout);
  if (std::getenv("GPU_PROGRAM_WAIT") != nullptr) (void)std::getchar();
  return 0;
}
