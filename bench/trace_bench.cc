// SPDX-License-Identifier: Apache-2.0
//
// How fast recordings are read, beside simdjson walking the same text and beside inflating alone.
// The text is made here: the mix of events, members and names that torch.profiler writes. A file
// named in $GPUVIGIL_TRACE_BENCH is read as well.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <simdjson.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/inflate.h"
#include "trace/kineto_reader.h"
#include "trace/trace_reader.h"
#include "trace_peer.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kTextBytes = std::size_t{200} << 20U;
constexpr std::size_t kKernelNames = 106;

/// Numbers that look like chance and are the same every time.
class Dice {
 public:
  std::uint64_t roll(std::uint64_t sides) {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return (state_ >> 33U) % sides;
  }

 private:
  std::uint64_t state_ = 42;
};

/// Writes events the way torch.profiler does, or as small as they can be.
class TraceWriter {
 public:
  explicit TraceWriter(bool pretty) : pretty_(pretty) {
    for (std::size_t i = 0; i < kKernelNames; ++i) {
      std::string name = fmt::format("void at::native::kernel_{}<", i);
      const std::size_t length = 30 + dice_.roll(dice_.roll(20) == 0 ? 1800 : 300);
      while (name.size() < length) name += fmt::format("float, at::Functor{}<long>, ", i % 7);
      names_.push_back(name + "int>(int, float*)");
    }
  }

  std::string text(std::size_t bytes) {
    out_ = pretty_
               ? "{\n  \"schemaVersion\": 1,\n  \"deviceProperties\": [\n    {\n      \"id\": 0, "
                 "\"name\": \"Synthetic\", \"totalGlobalMem\": 85018279936\n    }\n  ],\n  "
                 "\"traceEvents\": [\n"
               : R"({"schemaVersion":1,"deviceProperties":[{"id":0,"name":"Synthetic"}],)"
                 R"("traceEvents":[)";
    while (out_.size() < bytes) launch();
    out_ += pretty_ ? "  {\n    \"name\": \"end\"\n  }\n  ]\n}\n" : R"({"name":"end"}]})";
    return std::move(out_);
  }

 private:
  /// What one kernel leaves behind: operators, the launch, the arrow to it, and itself.
  void launch() {
    ++id_;
    clock_ns_ += 5'000 + static_cast<std::int64_t>(dice_.roll(20'000));
    for (int i = 0; i < 3; ++i) {
      timed("cpu_op", kOperators[dice_.roll(kOperators.size())], 2'000 + dice_.roll(90'000));
      args(fmt::format(R"("External id": {}, "Record function id": 0, "Sequence number": {}, )"
                       R"("Fwd thread id": 0, "Input Dims": [[{}, 128], [], []], )"
                       R"("Input type": ["float", "", "Scalar"], "Ev Idx": {})",
                       id_, id_ / 3, dice_.roll(4096), id_ * 3));
    }
    timed("cuda_runtime", "cudaLaunchKernel", 3'000 + dice_.roll(9'000));
    args(fmt::format(R"("External id": {0}, "cbid": 211, "correlation": {0})", id_));
    arrow('s');
    timed("kernel", names_[dice_.roll(names_.size())], 1'000 + dice_.roll(400'000));
    args(fmt::format(R"("External id": {0}, "queued": 0, "device": 0, "context": 1, )"
                     R"("stream": 7, "correlation": {0}, "registers per thread": 32, )"
                     R"("shared memory": 0, "blocks per SM": 1.259259, "warps per SM": 10.074074, )"
                     R"("grid": [136, 1, 1], "block": [256, 1, 1], )"
                     R"("est. achieved occupancy %": 16)",
                     id_));
    arrow('f');
  }

  void timed(std::string_view category, std::string_view name, std::uint64_t duration_ns) {
    const std::string ts = fmt::format("{}.{:03}", clock_ns_ / 1000, clock_ns_ % 1000);
    const std::string dur = fmt::format("{}.{:03}", duration_ns / 1000, duration_ns % 1000);
    if (pretty_) {
      out_ += fmt::format(
          "  {{\n    \"ph\": \"X\", \"cat\": \"{}\", \"name\": \"{}\", \"pid\": 0, \"tid\": 7,\n"
          "    \"ts\": {}, \"dur\": {},\n    \"args\": {{\n      ",
          category, name, ts, dur);
    } else {
      out_ += fmt::format(
          R"({{"ph":"X","cat":"{}","name":"{}","pid":0,"tid":7,"ts":{},"dur":{},"args":{{)",
          category, name, ts, dur);
    }
  }

  void args(std::string_view members) {
    if (pretty_) {
      out_ += members;
      out_ += "\n    }\n  },\n";
      return;
    }
    for (const char c : members) {
      if (c != ' ' || out_.back() != ',') {
        if (c != ' ' || out_.back() != ':') out_ += c;
      }
    }
    out_ += "}},";
  }

  void arrow(char phase) {
    const std::string ts = fmt::format("{}.{:03}", clock_ns_ / 1000, clock_ns_ % 1000);
    out_ += pretty_ ? fmt::format(
                          "  {{\n    \"ph\": \"{}\", \"id\": {}, \"pid\": 0, \"tid\": 7, "
                          "\"ts\": {},\n    \"cat\": \"ac2g\", \"name\": \"ac2g\", "
                          "\"bp\": \"e\"\n  }},\n",
                          phase, id_, ts)
                    : fmt::format(R"({{"ph":"{}","id":{},"pid":0,"tid":7,"ts":{},"cat":"ac2g",)"
                                  R"("name":"ac2g","bp":"e"}},)",
                                  phase, id_, ts);
  }

  static constexpr std::array<std::string_view, 6> kOperators = {
      "aten::empty",
      "aten::linear",
      "aten::_scaled_dot_product_flash_attention",
      "aten::addmm",
      "autograd::engine::evaluate_function: AddmmBackward0",
      "aten::copy_"};

  bool pretty_;
  Dice dice_;
  std::vector<std::string> names_;
  std::string out_;
  std::uint64_t id_ = 0;
  std::int64_t clock_ns_ = 4'203'669'604'595'407;
};

/// The texts, made on first use, with the padding that simdjson wants.
const simdjson::padded_string& text(bool pretty) {
  static const simdjson::padded_string kPretty(TraceWriter(true).text(kTextBytes));
  static const simdjson::padded_string kMinified(TraceWriter(false).text(kTextBytes));
  return pretty ? kPretty : kMinified;
}

std::string_view view(const simdjson::padded_string& padded) {
  return {padded.data(), padded.size()};
}

/// The pretty-printed text as gzip.
const std::string& compressed() {
  static const std::string kCompressed = [] {
    z_stream z{};
    if (deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
      std::abort();
    std::string in(view(text(true)));
    std::string out(deflateBound(&z, in.size()), '\0');
    z.next_in = reinterpret_cast<Bytef*>(in.data());
    z.avail_in = static_cast<uInt>(in.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    if (deflate(&z, Z_FINISH) != Z_STREAM_END) std::abort();
    out.resize(out.size() - z.avail_out);
    deflateEnd(&z);
    return out;
  }();
  return kCompressed;
}

class TotalsSink final : public TraceSink {
 public:
  void execution(const TraceExecution& e) override { totals.add(e.name, e.duration_ns); }
  void memory(const TraceMemory&) override {}
  Totals totals;
};

class TotalsVisitor final : public TraceVisitor {
 public:
  TraceSink& recording_begins(const std::string&, std::uint64_t) override { return sink; }
  void recording_ends(const TraceSummary&) override {}
  TotalsSink sink;
};

/// Bytes a second as the table wants them.
void rate(benchmark::State& state, std::size_t bytes, double aim = 0) {
  state.counters["value"] = benchmark::Counter(static_cast<double>(bytes) * 1e-9,
                                               benchmark::Counter::kIsIterationInvariantRate);
  state.counters["more_is_better"] = 1;
  if (aim > 0) state.counters["aim"] = aim;
  state.SetLabel("GB/s");
}

void read_text(benchmark::State& state, bool pretty, double aim) {
  const std::string_view json = view(text(pretty));
  for (auto _ : state) {
    MemorySource source(json);
    TotalsSink sink;
    const auto summary = read_kineto(source, sink, "bench");
    if (!summary || !summary->damage.empty()) state.SkipWithError("not read");
    benchmark::DoNotOptimize(sink.totals.calls());
  }
  rate(state, json.size(), aim);
}

void peer_simdjson(benchmark::State& state, bool pretty) {
  const simdjson::padded_string& json = text(pretty);
  SimdjsonWalk walk;
  for (auto _ : state) benchmark::DoNotOptimize(walk.calls(json));
  rate(state, json.size());
}

/// Into the same small window as the reader, so that both wait for memory alike.
void drain(ByteSource& source) {
  static std::vector<char> window(std::size_t{256} << 10U);
  while (source.read(window).value_or(0) > 0) benchmark::ClobberMemory();
}

void read_gzip(benchmark::State& state) {
  const std::string& bytes = compressed();
  for (auto _ : state) {
    ReadAheadSource source(std::make_unique<GzipSource>(std::make_unique<MemorySource>(bytes)));
    TotalsSink sink;
    const auto summary = read_kineto(source, sink, "bench");
    if (!summary || !summary->damage.empty()) state.SkipWithError("not read");
    benchmark::DoNotOptimize(sink.totals.calls());
  }
  rate(state, text(true).size());
}

void floor_inflate(benchmark::State& state) {
  const std::string& bytes = compressed();
  for (auto _ : state) {
    GzipSource source(std::make_unique<MemorySource>(bytes));
    drain(source);
  }
  rate(state, text(true).size());
  state.counters["aim_ratio"] = 0.9;
}

/// A file in the page cache, as people have it.
void read_file(benchmark::State& state, const std::string& path) {
  const std::size_t bytes = std::filesystem::file_size(path);
  for (auto _ : state) {
    TotalsVisitor visitor;
    if (!read_trace(path, visitor)) state.SkipWithError("not read");
    benchmark::DoNotOptimize(visitor.sink.totals.calls());
  }
  rate(state, bytes);
}

void peer_simdjson_file(benchmark::State& state, const std::string& path) {
  const std::size_t bytes = std::filesystem::file_size(path);
  for (auto _ : state) {
    SimdjsonWalk walk;
    const simdjson::padded_string json = simdjson::padded_string::load(path);
    benchmark::DoNotOptimize(walk.calls(json));
  }
  rate(state, bytes);
  state.counters["aim_ratio"] = 1.2;
}

/// One number of /proc/self/status, in KiB.
double status_kib(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":")) return std::stod(line.substr(key.size() + 1));
  }
  return 0;
}

/// What reading a file adds to the largest resident set of a process that has done nothing else.
int print_peak_of_reading(const std::string& path) {
  const double before = status_kib("VmRSS");
  TotalsVisitor visitor;
  if (!read_trace(path, visitor)) return 1;
  fmt::print("{:.3f}\n", (status_kib("VmHWM") - before) / 1024);
  return 0;
}

/// That, of a process of its own: in this one the heap is large already.
void read_memory(benchmark::State& state, const std::string& path) {
  double grown = 0;
  for (auto _ : state) {
    const std::string command = fmt::format(
        "{} --peak-of '{}'", std::filesystem::read_symlink("/proc/self/exe").string(), path);
    FILE* const child = ::popen(command.c_str(), "r");
    if (child == nullptr || std::fscanf(child, "%lf", &grown) != 1) state.SkipWithError("not read");
    if (child != nullptr) ::pclose(child);
  }
  state.counters["value"] = grown;
  state.counters["aim"] = 16;
  state.SetLabel("MiB");
}

/// A file for the life of the program.
class BenchFile {
 public:
  explicit BenchFile(std::string_view content)
      : path_(std::filesystem::temp_directory_path() /
              fmt::format("gpuvigil_trace_bench_{}.json", ::getpid())) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~BenchFile() { std::filesystem::remove(path_); }
  BenchFile(const BenchFile&) = delete;
  BenchFile& operator=(const BenchFile&) = delete;
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

using Body = std::function<void(benchmark::State&)>;

void add(const std::string& name, const Body& body) {
  benchmark::RegisterBenchmark(name.c_str(), body)->Unit(benchmark::kMillisecond);
}
/// What two threads do together is measured by the clock on the wall.
void add_threads(const std::string& name, const Body& body) {
  benchmark::RegisterBenchmark(name.c_str(), body)->Unit(benchmark::kMillisecond)->UseRealTime();
}

}  // namespace
}  // namespace gpuvigil

int main(int argc, char** argv) {
  using namespace gpuvigil;  // NOLINT(google-build-using-namespace)
  if (argc == 3 && std::string_view(argv[1]) == "--peak-of") return print_peak_of_reading(argv[2]);
  const BenchFile file(view(text(true)));
  const std::string path = file.path();
  add("trace/pretty", [](auto& state) { read_text(state, true, 1.5); });
  add("trace/pretty/peer:simdjson_ondemand", [](auto& s) { peer_simdjson(s, true); });
  add("trace/minified", [](auto& state) { read_text(state, false, 0.6); });
  add("trace/minified/peer:simdjson_ondemand", [](auto& s) { peer_simdjson(s, false); });
  add_threads("trace/gzip", read_gzip);
  add_threads("trace/gzip/floor:inflate", floor_inflate);
  add("trace/file", [path](auto& state) { read_file(state, path); });
  add("trace/file/peer:simdjson_ondemand", [path](auto& s) { peer_simdjson_file(s, path); });
  add("trace/file_memory", [path](auto& state) { read_memory(state, path); });
  if (const char* own = std::getenv("GPUVIGIL_TRACE_BENCH"); own != nullptr) {
    add("trace/own_file", [path = std::string(own)](auto& state) { read_file(state, path); });
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
