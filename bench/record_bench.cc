// SPDX-License-Identifier: Apache-2.0
// What one record costs, beside what people write by hand. One JSON line a row; CPU time of the
// recording threads, median of seven rounds that take turns.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include <time.h>

#if defined(GPUVIGIL_HAVE_PROMETHEUS_CPP)
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#endif

#if defined(GPUVIGIL_HAVE_CLIENT)
#include "gpuvigil/gpuvigil.h"
#endif
#include "model/kernel.h"
#include "model/latency_sketch.h"
#include "monitor/recorder.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kNames = 64;
constexpr std::size_t kInputs = 1U << 14U;
constexpr std::size_t kCalls = 4'000'000;
constexpr int kRounds = 7;

/// What is recorded: names of 85 characters, durations as real kernels have them.
struct Input {
  std::vector<std::string> names;
  std::vector<std::uint32_t> name_of;
  std::vector<std::uint64_t> durations;
};

Input make_input() {
  Input input;
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < kNames; ++i) {
    std::string name = "void at::native::vectorized_elementwise_kernel<4, at::native::";
    while (name.size() < 82) name += static_cast<char>('a' + random() % 26);
    input.names.push_back(name + std::to_string(100 + i));
  }
  std::lognormal_distribution<double> duration(9.5, 1.0);
  for (std::size_t i = 0; i < kInputs; ++i) {
    const auto name = static_cast<std::uint32_t>(random() % kNames);
    input.name_of.push_back(name);
    input.durations.push_back(static_cast<std::uint64_t>(duration(random)) * (1 + name % 4));
  }
  return input;
}

double thread_cpu_ns() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
}

/// One way of recording: `start` gives each thread its function, which is called by index.
struct Variant {
  std::string name;
  std::size_t calls;
  std::function<double(std::size_t calls)> run;  ///< On this thread; CPU ns a call.
  std::vector<double> one;
  std::vector<double> two;
};

template <class Record>
double timed(std::size_t calls, Record record) {
  for (std::size_t i = 0; i < kInputs; ++i) record(i);  // touch everything once
  const double from = thread_cpu_ns();
  for (std::size_t i = 0; i < calls; ++i) record(i & (kInputs - 1));
  return (thread_cpu_ns() - from) / static_cast<double>(calls);
}

double on_two_threads(const Variant& variant) {
  std::array<double, 2> ns{};
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  for (double& result : ns) {
    threads.emplace_back([&] {
      ++ready;
      while (ready < 2) std::this_thread::yield();
      result = variant.run(variant.calls);
    });
  }
  for (auto& thread : threads) thread.join();
  return (ns[0] + ns[1]) / 2;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// ---- what people write by hand ---------------------------------------------------------------

struct Stat {
  std::uint64_t calls = 0, sum = 0, min = UINT64_MAX, max = 0;
  std::array<std::uint32_t, 32> buckets{};
  void record(std::uint64_t ns) {
    ++calls;
    sum += ns;
    min = std::min(min, ns);
    max = std::max(max, ns);
    ++buckets[static_cast<std::size_t>(std::bit_width(ns) & 31)];
  }
};

struct MutexMap {
  std::mutex mutex;
  std::unordered_map<std::string, Stat> stats;
  void record(std::string_view name, std::uint64_t ns) {
    const std::lock_guard lock(mutex);
    stats[std::string(name)].record(ns);
  }
};

/// The floor: per thread, by number, with a histogram of 32 buckets that no one else reads.
struct SmallShard {
  std::vector<Stat> stats = std::vector<Stat>(kNames);
};

/// One whose work is the same on any thread: `record(i)` for the i-th input.
template <class Record>
Variant variant_of(std::string name, std::size_t calls, Record record) {
  return {
      std::move(name), calls, [record](std::size_t count) { return timed(count, record); }, {}, {}};
}

#if defined(GPUVIGIL_HAVE_CLIENT)
/// As a program in C does it: by the shared library, for a server that is not there.
Variant client_variant(const Input& input) {
  const gpuvigil_options options{sizeof(gpuvigil_options), "/nonexistent/agent.sock"};
  gpuvigil_client* const client = gpuvigil_open(&options);
  auto handles = std::make_shared<std::vector<gpuvigil_handle*>>();
  for (const std::string& name : input.names) {
    handles->push_back(gpuvigil_kernel(client, name.c_str(), 0));
  }
  return variant_of("c_client", kCalls, [&input, handles](std::size_t i) {
    gpuvigil_record((*handles)[input.name_of[i]], input.durations[i], GPUVIGIL_NO_MEMORY);
  });
}
#endif

std::vector<Variant> our_variants(const Input& input, Recorder& recorder) {
  auto ids = std::make_shared<std::vector<std::uint32_t>>();
  for (const std::string& name : input.names) ids->push_back(recorder.intern(name, 0));
  return {
      variant_of("handle", kCalls,
                 [&, ids](std::size_t i) {
                   recorder.record((*ids)[input.name_of[i]], input.durations[i]);
                 }),
      variant_of("name85", kCalls,
                 [&](std::size_t i) {
                   recorder.record(std::string_view(input.names[input.name_of[i]]), 0,
                                   input.durations[i]);
                 }),
      // The name is put together for each call, in the same buffer: its place tells nothing.
      variant_of("name85_built_anew", kCalls,
                 [&](std::size_t i) {
                   thread_local std::array<char, 128> buffer;
                   const std::string& name = input.names[input.name_of[i]];
                   std::memcpy(buffer.data(), name.data(), name.size());
                   recorder.record(std::string_view(buffer.data(), name.size()), 0,
                                   input.durations[i]);
                 }),
  };
}

#if defined(GPUVIGIL_HAVE_PROMETHEUS_CPP)
Variant prometheus_variant(const Input& input) {
  static prometheus::Registry registry;
  static std::vector<prometheus::Histogram*> histograms;
  auto& family = prometheus::BuildHistogram().Name("kernel_seconds").Register(registry);
  const prometheus::Histogram::BucketBoundaries bounds = {1e3, 3e3, 1e4, 3e4, 1e5, 3e5,
                                                          1e6, 3e6, 1e7, 3e7, 1e8, 3e8};
  for (const std::string& name : input.names) {
    histograms.push_back(&family.Add({{"kernel", name}}, bounds));
  }
  return variant_of("prometheus_cpp", kCalls / 4, [&](std::size_t i) {
    histograms[input.name_of[i]]->Observe(static_cast<double>(input.durations[i]));
  });
}
#endif

std::vector<Variant> peers(const Input& input, MutexMap& map) {
  std::vector<Variant> variants;
  variants.push_back(variant_of("mutex_unordered_map", kCalls / 8, [&](std::size_t i) {
    map.record(input.names[input.name_of[i]], input.durations[i]);
  }));
  const auto floor = [&](std::size_t calls) {
    SmallShard shard;
    const double ns = timed(calls, [&](std::size_t i) {
      shard.stats[input.name_of[i]].record(input.durations[i]);
      // Another thread could look: nothing is kept in registers.
      std::atomic_signal_fence(std::memory_order_seq_cst);
    });
    return shard.stats[0].calls == 0 ? 0 : ns;
  };
  variants.push_back({"small_shard_by_id", kCalls, floor, {}, {}});
#if defined(GPUVIGIL_HAVE_PROMETHEUS_CPP)
  variants.push_back(prometheus_variant(input));
#endif
  return variants;
}

void print_row(const std::string& row, double value, const std::string& peer, double peer_value) {
  std::printf(R"({"bench":"record","row":"%s","value":%.2f,"unit":"ns",)"
              R"("peer":"%s","peer_value":%.2f,"ratio":%.3f})"
              "\n",
              row.c_str(), value, peer.c_str(), peer_value, value / peer_value);
}

int run() {
  const Input input = make_input();
  const std::atomic<std::int64_t> now{1'700'000'000'000'000'000};
  Recorder recorder({}, now);
  MutexMap map;
  std::vector<Variant> variants = our_variants(input, recorder);
#if defined(GPUVIGIL_HAVE_CLIENT)
  variants.push_back(client_variant(input));
#endif
  const std::size_t own = variants.size();
  for (Variant& peer : peers(input, map)) variants.push_back(std::move(peer));
  for (int round = 0; round < kRounds; ++round) {
    for (Variant& variant : variants) {
      variant.one.push_back(variant.run(variant.calls));
      variant.two.push_back(on_two_threads(variant));
    }
  }
  for (std::size_t which = 0; which < own; ++which) {
    const std::string& row = variants[which].name;
    for (std::size_t peer = own; peer < variants.size(); ++peer) {
      print_row(row, median(variants[which].one), variants[peer].name, median(variants[peer].one));
      print_row(row + "_two_threads", median(variants[which].two), variants[peer].name,
                median(variants[peer].two));
    }
    print_row(row + "_two_threads", median(variants[which].two), row + "_one_thread",
              median(variants[which].one));
  }
  return 0;
}

}  // namespace
}  // namespace gpuvigil

int main() {
  return gpuvigil::run();
}
