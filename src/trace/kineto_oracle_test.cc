// SPDX-License-Identifier: Apache-2.0
// Kineto recordings of real GPUs against an independent reckoning of the same events.
#include <cmath>
#include <cstdio>
#include <map>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

#include "base/json_reader.h"
#include "trace/kineto_test_support.h"

namespace gpuvigil {
namespace {

using testing_support::CollectingSink;
using testing_support::CollectingVisitor;
using Durations = std::map<std::string, std::vector<std::int64_t>, std::less<>>;

constexpr std::size_t kMaxOracleBytes = std::size_t{64} << 20U;

std::int64_t number(const JsonValue& value) {
  const auto* n = value.as_int();
  EXPECT_NE(n, nullptr);
  return n != nullptr ? *n : -1;
}

std::int64_t nearest_rank(const std::vector<std::int64_t>& sorted, std::size_t percent) {
  return sorted[(sorted.size() * percent + 99) / 100 - 1];
}

void expect_row(const JsonValue& want, std::vector<std::int64_t> durations) {
  SCOPED_TRACE(want["name"].string_or("?").substr(0, 100));
  ASSERT_FALSE(durations.empty());
  std::ranges::sort(durations);
  EXPECT_EQ(std::ssize(durations), number(want["calls"]));
  EXPECT_EQ(std::reduce(durations.begin(), durations.end()), number(want["total_ns"]));
  EXPECT_EQ(durations.front(), number(want["min_ns"]));
  EXPECT_EQ(durations.back(), number(want["max_ns"]));
  EXPECT_EQ(nearest_rank(durations, 50), number(want["p50_nr_ns"]));
  EXPECT_EQ(nearest_rank(durations, 99), number(want["p99_nr_ns"]));
}

void expect_rows(const JsonValue& want, const Durations& got) {
  ASSERT_NE(want.as_array(), nullptr);
  EXPECT_EQ(want.as_array()->size(), got.size());
  for (const JsonValue& row : *want.as_array()) {
    const auto found = got.find(row["name"].string_or("?"));
    ASSERT_NE(found, got.end()) << row["name"].string_or("?");
    expect_row(row, found->second);
  }
}

/// What the reader gave for one device, or for all.
struct Work {
  Durations kernels;
  Durations copies;
  Durations sets;
  std::vector<std::pair<std::int64_t, std::int64_t>> kernel_intervals;
  std::vector<std::pair<std::int64_t, std::int64_t>> intervals;

  void add(const CollectingSink::Kept& e) {
    intervals.emplace_back(e.start_ns, e.start_ns + e.duration_ns);
    if (is_kernel(e.kind)) kernel_intervals.push_back(intervals.back());
    Durations& rows = is_kernel(e.kind) ? kernels : e.kind == KernelKind::kMemcpy ? copies : sets;
    rows[e.name].push_back(e.duration_ns);
  }
};

void expect_device(const JsonValue& want, const Work& got) {
  EXPECT_EQ(std::ssize(got.kernel_intervals), number(want["kernels"]));
  EXPECT_EQ(testing_support::union_ns(got.kernel_intervals), number(want["kernel_busy_ns"]));
  EXPECT_EQ(testing_support::union_ns(got.intervals), number(want["gpu_busy_ns"]));
  std::int64_t first = INT64_MAX;
  std::int64_t last = INT64_MIN;
  for (const auto& [from, to] : got.intervals) {
    first = std::min(first, from);
    last = std::max(last, to);
  }
  EXPECT_EQ(first, number(want["first_gpu_start_ns"]));
  EXPECT_EQ(last, number(want["last_gpu_end_ns"]));
  expect_rows(want["by_name"], got.kernels);
  expect_rows(want["memcpy"], got.copies);
  expect_rows(want["memset"], got.sets);
}

/// "3", or "pid:3" where only the lane tells the device.
std::uint32_t device_number(std::string_view key) {
  if (key.starts_with("pid:")) key.remove_prefix(4);
  return static_cast<std::uint32_t>(std::stoul(std::string(key)));
}

/// Returns how many kernel names were compared.
std::size_t expect_recording(const JsonValue& want, const CollectingVisitor::Recording& got) {
  SCOPED_TRACE(got.name);
  const TraceSummary& summary = got.summary;
  EXPECT_EQ(summary.format, "kineto");
  EXPECT_EQ(summary.damage, "");
  EXPECT_EQ(summary.bytes_unreadable, 0U);
  EXPECT_EQ(summary.executions_unreadable, 0U);
  EXPECT_EQ(summary.events, static_cast<std::uint64_t>(number(want["events"])));
  EXPECT_EQ(summary.executions, got.sink.executions.size());
  EXPECT_EQ(summary.executions, static_cast<std::uint64_t>(number(want["kernel_events"]) +
                                                           number(want["memcpy_events"]) +
                                                           number(want["memset_events"])));
  EXPECT_EQ(summary.first_ns, number(want["trace_start_ns"]));
  EXPECT_EQ(summary.last_ns, number(want["trace_end_ns"]));
  const auto* base = want["meta"]["baseTimeNanoseconds"].as_int();
  EXPECT_EQ(summary.base_unix_ns, base != nullptr ? *base : 0);

  std::map<std::uint32_t, Work> by_device;
  Work all;
  for (const auto& e : got.sink.executions) {
    by_device[summary.devices.at(e.device).recorded_number].add(e);
    all.add(e);
  }
  const auto* devices = want["devices"].as_object();
  EXPECT_NE(devices, nullptr);
  if (devices == nullptr) return 0;
  EXPECT_EQ(devices->size(), by_device.size());
  for (const auto& [key, device] : *devices) {
    SCOPED_TRACE(key);
    expect_device(device, by_device[device_number(key)]);
  }
  expect_rows(want["by_name_all"], all.kernels);
  return all.kernels.size();
}

JsonValue oracle(const std::string& path) {
  auto read = parse_json(testing_support::bytes_of(path), kMaxOracleBytes);
  EXPECT_TRUE(read) << path;
  return read ? *std::move(read) : JsonValue();
}

/// The oracle of a recording: beside its file; of an archive's member, by the worker in its name.
std::string oracle_path(const std::string& file, const std::string& recording) {
  const std::size_t worker = recording.find("worker", file.size());
  if (worker == std::string::npos) return file + ".oracle.json";
  return file + "." + recording.substr(worker, 7) + ".oracle.json";
}

CollectingVisitor read_file(const std::filesystem::path& path) {
  CollectingVisitor visitor;
  const auto read = read_trace(path.string(), visitor);
  EXPECT_TRUE(read) << (read ? "" : read.error().message);
  return visitor;
}

class KinetoOracle : public testing::Test {
 protected:
  void SetUp() override {
    const auto data = testing_support::recorded_data();
    if (!data) GTEST_SKIP() << "no recorded data: set GPUVIGIL_DATA to its folder";
    data_ = *data;
  }
  std::filesystem::path data_;
};

TEST_F(KinetoOracle, EveryRecordingEqualsItsOracle) {
  std::size_t recordings = 0;
  std::size_t names = 0;
  std::size_t executions = 0;
  for (const auto& entry : std::filesystem::directory_iterator(data_ / "kineto")) {
    if (entry.path().extension() != ".gz") continue;
    for (const auto& got : read_file(entry.path()).recordings) {
      names += expect_recording(oracle(oracle_path(entry.path(), got.name)), got);
      executions += got.summary.executions;
      ++recordings;
    }
  }
  const auto merged = read_file(data_ / "derived/merged_8devices.json.gz");
  ASSERT_EQ(merged.recordings.size(), 1U);
  EXPECT_EQ(merged.recordings[0].summary.devices.size(), 8U);
  names += expect_recording(oracle(data_ / "derived/merged_8devices.json.gz.oracle.json"),
                            merged.recordings[0]);
  ++recordings;
  EXPECT_GE(recordings, 32U);
  std::printf("checked %zu Kineto recordings, %zu kernel names, %zu executions\n", recordings,
              names, executions);
}

/// The files that were altered in one way each and still hold the same work.
TEST_F(KinetoOracle, FormsOfTheSameRecordingGiveTheSame) {
  const JsonValue want = oracle(data_ / "derived/base.json.gz.oracle.json");
  for (const std::string name : {"base.json.gz", "strings.json", "shuffled.json", "bom_crlf.json",
                                 "array.json", "array_unclosed.json", "traceEvents_last.json",
                                 "traceEvents_first.json", "multimember.json.gz", "noargs.json"}) {
    const auto got = read_file(data_ / "derived" / name);
    ASSERT_EQ(got.recordings.size(), 1U) << name;
    expect_recording(want, got.recordings[0]);
    // The bare arrays have no metadata, so nobody says what the GPU is.
    const bool bare = name.starts_with("array");
    EXPECT_EQ(got.recordings[0].summary.devices[0].name, bare ? "" : "Quadro GP100") << name;
  }
}

struct Damaged {
  std::string file;
  std::size_t kernels = 0;
  std::uint64_t unreadable = 0;
  std::string damage;  ///< Behind "FILE: "; empty: none.
};

TEST_F(KinetoOracle, DamagedFilesGiveWhatIsWholeAndSayWhatIsNot) {
  const auto f = [this](const Damaged& want) {
    SCOPED_TRACE(want.file);
    const std::string path = data_ / "derived" / want.file;
    const auto got = read_file(path);
    ASSERT_EQ(got.recordings.size(), 1U);
    const auto& recording = got.recordings[0];
    const auto is_kernel_event = [](const auto& e) { return is_kernel(e.kind); };
    EXPECT_EQ(std::ranges::count_if(recording.sink.executions, is_kernel_event),
              static_cast<std::ptrdiff_t>(want.kernels));
    EXPECT_EQ(recording.summary.executions_unreadable, want.unreadable);
    EXPECT_EQ(recording.summary.damage, want.damage.empty() ? "" : path + ": " + want.damage);
  };
  f({"cut.json", 42, 0,
     "byte 194517: the file ends inside an event; 872 whole events were read, the rest is lost"});
  f({"cut.json.gz", 26, 0,
     "byte 169799 of the inflated text: the file ends inside an event, because the gzip data end "
     "early, at byte 12861 of the file; 784 whole events were read, the rest is lost"});
  f({"notgz.json.gz", 46, 0,
     "byte 200000: the file ends inside an event; 888 whole events were read, the rest is lost"});
  f({"nan.json", 127, 3, ""});
  f({"absurd.json", 127, 3, ""});
  f({"dup.json", 260, 0, ""});
  f({"two_docs.json", 130, 0, "byte 253496: ignored 253495 bytes after the end"});
  f({"names.json", 130, 0, ""});
  f({"badutf8.json", 130, 0, ""});
  f({"deep.json", 1, 0, ""});
  f({"dupkeys.json", 1, 0, "byte 181: ignored a second \"traceEvents\""});
  f({"events_mixed.json", 1, 0, ""});
}

TEST_F(KinetoOracle, DamageDoesNotPoisonTimes) {
  const JsonValue want = oracle(data_ / "derived/base.json.gz.oracle.json");
  for (const std::string name : {"nan.json", "absurd.json", "dup.json"}) {
    const auto got = read_file(data_ / "derived" / name);
    const TraceSummary& summary = got.recordings.at(0).summary;
    EXPECT_EQ(summary.first_ns, number(want["trace_start_ns"])) << name;
    EXPECT_EQ(summary.last_ns, number(want["trace_end_ns"])) << name;
    Work all;
    for (const auto& e : got.recordings[0].sink.executions) all.add(e);
    const auto busy = testing_support::union_ns(all.kernel_intervals);
    const auto whole = number(want["devices"]["0"]["kernel_busy_ns"]);
    if (name == "dup.json") {
      EXPECT_EQ(busy, whole);
    } else {
      EXPECT_LT(busy, whole);
      EXPECT_GT(busy, whole * 9 / 10);
    }
  }
}

TEST_F(KinetoOracle, CutRecordingsKeepTheTimeThatWasWhole) {
  const auto sum = [this](const std::string& name) {
    std::int64_t total = 0;
    const auto got = read_file(data_ / "derived" / name);
    for (const auto& e : got.recordings.at(0).sink.executions) {
      if (is_kernel(e.kind)) total += e.duration_ns;
    }
    return total;
  };
  EXPECT_EQ(sum("cut.json"), 97'000);
  EXPECT_EQ(sum("cut.json.gz"), 59'000);
}

TEST_F(KinetoOracle, FilesWithoutEventsAreRefusedInOneLine) {
  const auto f = [this](const std::string& name, const std::string& message) {
    CollectingVisitor visitor;
    const std::string path = data_ / "derived" / name;
    const auto read = read_trace(path, visitor);
    ASSERT_FALSE(read) << name;
    EXPECT_EQ(read.error().code, Errc::kCorrupt);
    EXPECT_EQ(read.error().message, path + ": " + message);
  };
  f("empty.json", "byte 0: the file is empty");
  f("empty.json.gz", "byte 0: the file is empty");
  f("null.json", "byte 0: expected a JSON object or array of trace events");
  f("number.json", "byte 0: expected a JSON object or array of trace events");
  f("noevents.json", "byte 19: the document has no \"traceEvents\"");
  f("events_null.json", "byte 15: \"traceEvents\" is no array");
  f("events_empty.json", "byte 18: there are no events");
  f("bomb_1GiB.json.gz", "byte 1073741842 of the inflated text: there are no events");
}

/// Kernel summaries that another tool published beside its recordings. A name has a row for each
/// place that launched it.
TEST_F(KinetoOracle, PublishedKernelSummariesAreEqual) {
  const std::filesystem::path folder = data_ / "kineto-reference-reports";
  std::size_t reports = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string file = entry.path().filename();
    constexpr std::string_view kSuffix = ".kernel_summary.csv";
    if (!file.ends_with(kSuffix)) continue;
    SCOPED_TRACE(file);
    const auto rows = testing_support::csv_rows(testing_support::bytes_of(entry.path()));
    const auto column = [&rows](std::string_view name) {
      return static_cast<std::size_t>(std::ranges::find(rows[0], name) - rows[0].begin());
    };
    const std::size_t name = column("Kernel name");
    const std::size_t sum = column("Kernel duration (µs)_sum");
    const std::size_t count = column("Kernel duration (µs)_count");
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> want;
    for (std::size_t i = 1; i < rows.size(); ++i) {
      auto& [calls, total] = want[rows[i].at(name)];
      calls += std::stoll(rows[i].at(count));
      total += std::llround(std::stod(rows[i].at(sum)) * 1000);
    }
    const std::string stem = file.substr(0, file.size() - kSuffix.size());
    const auto read = read_file(data_ / "kineto" / (stem + ".json.gz"));
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> got;
    for (const auto& e : read.recordings.at(0).sink.executions) {
      if (!is_kernel(e.kind)) continue;
      ++got[e.name].first;
      got[e.name].second += e.duration_ns;
    }
    EXPECT_EQ(got, want);
    ++reports;
  }
  EXPECT_EQ(reports, 4U);
}

TEST_F(KinetoOracle, DevicesAndAllocatorsAreThoseOfTheMachine) {
  const auto f = [this](const std::string& file, std::uint32_t recorded, const std::string& name,
                        std::size_t memory_readings) {
    SCOPED_TRACE(file);
    const auto got = read_file(data_ / "kineto" / file);
    const auto& [unused, sink, summary] = got.recordings.at(0);
    ASSERT_EQ(summary.devices.size(), 1U);
    EXPECT_EQ(summary.devices[0].recorded_number, recorded);
    EXPECT_EQ(summary.devices[0].name, name);
    EXPECT_EQ(sink.memories.size(), memory_readings);
    for (const auto& reading : sink.memories) EXPECT_EQ(reading.device, 0U);
  };
  f("tl_h100_qwen15_05b.json.gz", 0, "NVIDIA H100 80GB HBM3", 2250);
  f("tl_mi300_qwen15_05b.json.gz", 2, "AMD Instinct MI300X VF", 2588);
  f("tl_mi300_resnet_rank0of8.json.gz", 2, "AMD Instinct MI300X", 0);
  f("tl_mi210_gpu_only.json.gz", 1, "AMD Instinct MI210", 0);
  f("tl_mi300_vllm_piecewise.json.gz", 2, "", 0);
  f("hta_diffcontrol_a100_rank3of8.json.gz", 3, "NVIDIA A100-PG509-200", 0);
  f("kineto_tb_resnet50_autograd_2021.json.gz", 0, "", 0);
}

}  // namespace
}  // namespace gpuvigil
