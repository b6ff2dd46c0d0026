// SPDX-License-Identifier: Apache-2.0
#include "trace/nsight_reader.h"

#include <map>

#include <gtest/gtest.h>

#include "base/failpoint.h"
#include "base/sqlite.h"
#include "trace/nsight_names.h"
#include "trace/nsight_test_support.h"

namespace gpuvigil {
namespace {

using testing_support::bytes_of;
using testing_support::CollectingSink;
using testing_support::TemporaryFolder;

constexpr const char* kStrings =
    "CREATE TABLE StringIds(id INTEGER NOT NULL PRIMARY KEY, value TEXT NOT NULL);"
    "INSERT INTO StringIds VALUES (1, 'void gemm<float>(float*)'), (2, 'gemm'),"
    " (3, 'ncclDevKernel_AllReduce'), (4, '');";
constexpr const char* kKernels =
    "CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL(start INTEGER NOT NULL, end INTEGER NOT NULL,"
    " deviceId INTEGER NOT NULL, streamId INTEGER, demangledName INTEGER, shortName INTEGER);";
constexpr const char* kSession =
    "CREATE TABLE TARGET_INFO_SESSION_START_TIME(utcEpochNs INTEGER, utcTime TEXT);"
    "INSERT INTO TARGET_INFO_SESSION_START_TIME VALUES (1700000000000000000, '');"
    "CREATE TABLE ANALYSIS_DETAILS(globalVid INTEGER, duration INTEGER);"
    "INSERT INTO ANALYSIS_DETAILS VALUES (1, 5000000000);";

std::string kernel_rows(const std::string& values) {
  return "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES " + values + ";";
}

/// Reads an export made by these statements, which must be readable.
TraceSummary read(const std::string& sql, CollectingSink& sink) {
  const TemporaryFolder folder;
  auto summary = read_nsight(folder.sqlite("export.sqlite", sql), sink);
  EXPECT_TRUE(summary.has_value()) << summary.error().message;
  return summary.value_or(TraceSummary{});
}

TEST(NsightReader, KernelsGetTheirNamesDevicesAndTimes) {
  CollectingSink sink;
  const auto summary = read(std::string(kStrings) + kKernels + kSession +
                                kernel_rows("(100, 350, 3, 7, 1, 2), (400, 400, 0, 7, 3, 3)"),
                            sink);
  ASSERT_EQ(sink.executions.size(), 2U);
  EXPECT_EQ(sink.executions[0].name, "void gemm<float>(float*)");
  EXPECT_EQ(sink.executions[0].kind, KernelKind::kCompute);
  EXPECT_EQ(sink.executions[0].start_ns, 100);
  EXPECT_EQ(sink.executions[0].duration_ns, 250);
  EXPECT_EQ(sink.executions[0].device, 0U);  // dense, in the order of the file
  EXPECT_EQ(sink.executions[1].kind, KernelKind::kCollective);
  EXPECT_EQ(sink.executions[1].device, 1U);
  ASSERT_EQ(summary.devices.size(), 2U);
  EXPECT_EQ(summary.devices[0].recorded_number, 3U);
  EXPECT_EQ(summary.devices[1].recorded_number, 0U);
  EXPECT_EQ(summary.format, "nsight-systems");
  EXPECT_EQ(summary.base_unix_ns, 1'700'000'000'000'000'000);
  EXPECT_EQ(summary.first_ns, 100);
  EXPECT_EQ(summary.last_ns, 400);
  EXPECT_EQ(summary.events, 2U);
  EXPECT_EQ(summary.executions, 2U);
  EXPECT_EQ(summary.executions_unreadable, 0U);
  EXPECT_EQ(summary.damage, "");
}

TEST(NsightReader, ANameThatIsNotThereSaysSo) {
  const auto f = [](const std::string& strings, const std::string& ids, const std::string& want) {
    CollectingSink sink;
    read(strings + kKernels + kernel_rows("(1, 2, 0, 0, " + ids + ")"), sink);
    ASSERT_EQ(sink.executions.size(), 1U);
    EXPECT_EQ(sink.executions[0].name, want);
  };
  const std::string no_key =
      "CREATE TABLE StringIds(id INTEGER, value TEXT);"
      "INSERT INTO StringIds VALUES (1, 'first'), (1, 'second'), (2, 'gemm'), (NULL, 'x');";
  f(kStrings, "1, 2", "void gemm<float>(float*)");
  f(kStrings, "99, 2", "gemm");
  f(kStrings, "NULL, 2", "gemm");
  f(kStrings, "98, 99", "(kernel name 98 is not in the recording)");
  f(kStrings, "NULL, NULL", "(kernel without a name in the recording)");
  f(kStrings, "4, 2", "");
  f(kStrings, "'a name as text', 2", "a name as text");
  f("", "1, 2", "(kernel name 1 is not in the recording)");
  f("CREATE TABLE StringIds(id INTEGER PRIMARY KEY);", "1, 2",
    "(kernel name 1 is not in the recording)");
  f(no_key, "1, 2", "first");
  f(no_key, "7, 2", "gemm");
}

TEST(NsightReader, ANameBeyondTheLimitKeepsTheIdentityItHasElsewhere) {
  CollectingSink sink;
  const std::string longest(20'000, 'k');
  read(
      "CREATE TABLE StringIds(id INTEGER PRIMARY KEY, value TEXT);"
      "INSERT INTO StringIds VALUES (1, '" +
          longest + "');" + kKernels + kernel_rows("(1, 2, 0, 0, 1, 1)"),
      sink);
  ASSERT_EQ(sink.executions.size(), 1U);
  EXPECT_EQ(sink.executions[0].name, make_kernel_name(longest)->name);
  EXPECT_LE(sink.executions[0].name.size(), kMaxKernelNameBytes);
}

TEST(NsightReader, NamesBeyondTheLimitAreRefused) {
  const TemporaryFolder folder;
  const std::string strings =
      "INSERT INTO StringIds VALUES (1, hex(zeroblob(400))), (2, hex(zeroblob(400)));";
  const auto f = [](const std::string& path, bool id_is_key, std::size_t max_bytes, bool fits) {
    auto file = SqliteFile::open(path);
    ASSERT_TRUE(file.has_value());
    auto names = detail::NsightNames::open(*file, true, id_is_key, max_bytes);
    const bool all = names.has_value() && names->find(1).has_value() &&
                     names->find(2).has_value() && names->find(1).has_value();
    EXPECT_EQ(all, fits) << path << " " << max_bytes;
    if (names.has_value() && !fits) {
      const auto beyond = names->find(2);
      ASSERT_FALSE(beyond.has_value());
      EXPECT_EQ(beyond.error().code, Errc::kTooLarge);
      EXPECT_TRUE(beyond.error().message.starts_with(path)) << beyond.error().message;
    }
  };
  const auto key =
      folder.sqlite("key", "CREATE TABLE StringIds(id INTEGER PRIMARY KEY, value TEXT);" + strings);
  const auto no_key =
      folder.sqlite("no_key", "CREATE TABLE StringIds(id INTEGER, value TEXT);" + strings);
  for (const bool has_key : {true, false}) {
    f(has_key ? key : no_key, has_key, 2000, true);
    f(has_key ? key : no_key, has_key, 1500, false);
  }
}

TEST(NsightReader, CopiesAndSetsAreNamedByTheirNumbers) {
  CollectingSink sink;
  read(
      "CREATE TABLE CUPTI_ACTIVITY_KIND_MEMCPY(start INTEGER, end INTEGER, deviceId INTEGER,"
      " copyKind INTEGER);"
      "INSERT INTO CUPTI_ACTIVITY_KIND_MEMCPY VALUES (0,1,0,0),(0,1,0,1),(0,1,0,2),(0,1,0,8),"
      "(0,1,0,10),(0,1,0,11),(0,1,0,99),(0,1,0,-1),(0,1,0,NULL);"
      "CREATE TABLE CUPTI_ACTIVITY_KIND_MEMSET(start INTEGER, end INTEGER, deviceId INTEGER,"
      " memKind INTEGER);"
      "INSERT INTO CUPTI_ACTIVITY_KIND_MEMSET VALUES (0,1,0,2),(0,1,0,42),(0,1,0,NULL);",
      sink);
  std::vector<std::string> names;
  for (const auto& e : sink.executions) {
    names.push_back(e.name);
    EXPECT_EQ(e.kind, e.name.starts_with("Memcpy") ? KernelKind::kMemcpy : KernelKind::kMemset);
  }
  const std::vector<std::string> want = {
      "Memcpy Unknown", "Memcpy HtoD",           "Memcpy DtoH",      "Memcpy DtoD",
      "Memcpy PtoP",    "Memcpy HtoD (unified)", "Memcpy kind 99",   "Memcpy kind -1",
      "Memcpy",         "Memset (Device)",       "Memset (kind 42)", "Memset"};
  EXPECT_EQ(names, want);
}

TEST(NsightReader, RowsWhoseTimesAreNoTimesAreCountedAndChangeNothing) {
  const std::string loose =
      "CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL(start, end, deviceId, demangledName);";
  const auto f = [&](const std::string& row) {
    CollectingSink sink;
    const auto summary = read(
        std::string(kStrings) + loose + kSession + kernel_rows("(100, 200, 0, 1), " + row), sink);
    EXPECT_EQ(sink.executions.size(), 1U) << row;
    EXPECT_EQ(summary.executions, 1U) << row;
    EXPECT_EQ(summary.executions_unreadable, 1U) << row;
    EXPECT_EQ(summary.first_ns, 100) << row;
    EXPECT_EQ(summary.last_ns, 200) << row;
    EXPECT_EQ(summary.devices.size(), 1U) << row;
  };
  f("(300, 299, 0, 1)");
  f("(NULL, 300, 0, 1)");
  f("(300, NULL, 0, 1)");
  f("('text', 300, 0, 1)");
  f("(300, 'text', 0, 1)");
  f("('300', '400', 0, 1)");
  f("(300.5, 400.5, 0, 1)");
  f("(300, 9223372036854775807, 0, 1)");
  f("(-9223372036854775808, 300, 0, 1)");
  f("(-9223372036854775808, 9223372036854775807, 0, 1)");
  f("(300, 36000000000000, 0, 1)");  // ten hours, in a session of five seconds
  f("(300, 1700000000000000400, 0, 1)");
  f("(300, 400, NULL, 1)");
  f("(300, 400, -1, 1)");
  f("(300, 400, 4294967296, 1)");
  f("(300, 400, 'gpu', 1)");
  f("(x'00', x'00', x'00', 1)");
}

TEST(NsightReader, MoreDevicesThanAMachineHasAreUnreadable) {
  CollectingSink sink;
  const auto summary =
      read(std::string(kKernels) +
               "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999)"
               "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL SELECT i, i + 1, i, 0, 1, 1 FROM n;",
           sink);
  EXPECT_EQ(summary.devices.size(), 1024U);
  EXPECT_EQ(summary.executions_unreadable, 976U);
}

TEST(NsightReader, TimesThatCountFromTheEpochAreBroughtToTheSession) {
  CollectingSink sink;
  const auto summary =
      read(std::string(kStrings) + kKernels + kSession +
               kernel_rows("(1700000000000000100, 1700000000000000300, 0, 0, 1, 1)") +
               "CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME(start INTEGER, end INTEGER);"
               "INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES "
               "(1700000000000000050,1700000000000000060)",
           sink);
  ASSERT_EQ(sink.executions.size(), 1U);
  EXPECT_EQ(sink.executions[0].start_ns, 100);
  EXPECT_EQ(sink.executions[0].duration_ns, 200);
  EXPECT_EQ(summary.base_unix_ns, 1'700'000'000'000'000'000);
  EXPECT_EQ(summary.first_ns, 50);
  EXPECT_EQ(summary.last_ns, 300);
}

TEST(NsightReader, TheSpanCoversApiCallsButNotTheAbsurdOnes) {
  CollectingSink sink;
  const auto summary =
      read(std::string(kStrings) + kKernels + kSession + kernel_rows("(100, 200, 0, 0, 1, 1)") +
               "CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME(start INTEGER, end INTEGER);"
               "INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (20, 40), (500, 700),"
               " (NULL, 5), (9, 'x'), (-9223372036854775808, 9223372036854775807), (8, 7);"
               "CREATE TABLE CUPTI_ACTIVITY_KIND_CUDA_EVENT(timestamp INTEGER);"
               "INSERT INTO CUPTI_ACTIVITY_KIND_CUDA_EVENT VALUES (1);",
           sink);
  EXPECT_EQ(summary.first_ns, 20);
  EXPECT_EQ(summary.last_ns, 700);
  EXPECT_EQ(summary.events, 3U);
  EXPECT_EQ(summary.executions, 1U);
}

TEST(NsightReader, DevicesAreFoundByCudasNumber) {
  const std::string gpus =
      "CREATE TABLE TARGET_INFO_GPU(id INTEGER, name TEXT, totalMemory INTEGER, cuDevice INTEGER);"
      "INSERT INTO TARGET_INFO_GPU VALUES (0, 'big', 200, 1), (1, 'small', 100, 0);";
  const auto f = [](const std::string& sql, const std::string& name,
                    std::optional<std::uint64_t> memory) {
    CollectingSink sink;
    const auto summary =
        read(std::string(kKernels) + kernel_rows("(1, 2, 0, 0, 1, 1)") + sql, sink);
    ASSERT_EQ(summary.devices.size(), 1U);
    EXPECT_EQ(summary.devices[0].name, name) << sql;
    EXPECT_EQ(summary.devices[0].memory_total_bytes, memory) << sql;
  };
  const std::string processes = "CREATE TABLE TARGET_INFO_CUDA_DEVICE(gpuId, cudaId, pid);";
  f("", "", std::nullopt);
  f(gpus, "small", 100);
  f(gpus + "UPDATE TARGET_INFO_GPU SET cuDevice = NULL;", "big", 200);
  f("CREATE TABLE TARGET_INFO_GPU(id INTEGER, name TEXT);"
    "INSERT INTO TARGET_INFO_GPU VALUES (0, 'plain');",
    "plain", std::nullopt);
  f(gpus + processes + "INSERT INTO TARGET_INFO_CUDA_DEVICE VALUES (0, 0, 7)", "big", 200);
  // Two processes, each with a device 0 of its own: no name is true of both.
  f(gpus + processes + "INSERT INTO TARGET_INFO_CUDA_DEVICE VALUES (0, 0, 7), (1, 0, 8)", "",
    std::nullopt);
  f(gpus + "UPDATE TARGET_INFO_GPU SET name = x'00', totalMemory = -5;", "", std::nullopt);
}

TEST(NsightReader, ADeviceIsNamedBeforeItsFirstExecution) {
  class Order final : public TraceSink {
   public:
    void device_found(std::uint32_t dense, const TraceDevice& known) override {
      told += std::to_string(dense) + known.name + std::to_string(known.recorded_number) + " ";
    }
    void execution(const TraceExecution& e) override { told += std::to_string(e.device) + " "; }
    void memory(const TraceMemory& /*memory*/) override {}
    std::string told;
  };
  const TemporaryFolder folder;
  Order order;
  const auto path =
      folder.sqlite("export", std::string(kKernels) +
                                  kernel_rows("(1, 2, 5, 0, 1, 1), (3, 4, 5, 0, 1, 1),"
                                              " (5, 6, 2, 0, 1, 1), (7, 8, 5, 0, 1, 1)") +
                                  "CREATE TABLE TARGET_INFO_GPU(id, name);"
                                  "INSERT INTO TARGET_INFO_GPU VALUES (2, 'two'), (5, 'five');");
  ASSERT_TRUE(read_nsight(path, order).has_value());
  EXPECT_EQ(order.told, "0five5 0 0 1two2 1 0 ");
}

TEST(NsightReader, MemoryIsWhatWasHeldAfterEachAllocation) {
  CollectingSink sink;
  const auto summary =
      read(std::string(kKernels) + kernel_rows("(1, 2, 0, 0, 1, 1)") +
               "CREATE TABLE CUDA_GPU_MEMORY_USAGE_EVENTS(start INTEGER, deviceId INTEGER,"
               " bytes INTEGER, memKind INTEGER, memoryOperationType INTEGER);"
               "INSERT INTO CUDA_GPU_MEMORY_USAGE_EVENTS VALUES"
               " (30, 0, 500, 2, 1), (10, 0, 100, 2, 0), (20, 0, 200, 2, 0), (40, 1, 7, 2, 0),"
               " (50, 0, 999, 1, 0), (60, 0, -4, 2, 0), (NULL, 0, 5, 2, 0), (70, 0, 5, 2, 9);",
           sink);
  // 300 were allocated and 500 released: 200 at least were there before.
  ASSERT_EQ(sink.memories.size(), 4U);
  EXPECT_EQ(sink.memories[0].at_ns, 10);
  EXPECT_EQ(sink.memories[0].allocated_bytes, 300U);
  EXPECT_EQ(sink.memories[1].allocated_bytes, 500U);
  EXPECT_EQ(sink.memories[2].allocated_bytes, 0U);
  EXPECT_EQ(sink.memories[3].device, 1U);
  EXPECT_EQ(sink.memories[3].allocated_bytes, 7U);
  EXPECT_EQ(summary.devices.size(), 2U);
}

TEST(NsightReader, GraphsThatWereRecordedWholeAreToldOf) {
  CollectingSink sink;
  const auto summary =
      read(std::string(kKernels) + kernel_rows("(1, 2, 0, 0, 1, 1)") +
               "CREATE TABLE CUPTI_ACTIVITY_KIND_GRAPH_TRACE(start INTEGER, end INTEGER);"
               "INSERT INTO CUPTI_ACTIVITY_KIND_GRAPH_TRACE VALUES (5, 9), (10, 12);",
           sink);
  EXPECT_NE(summary.damage.find("2 launches of CUDA graphs"), std::string::npos) << summary.damage;
  EXPECT_NE(summary.damage.find("--cuda-graph-trace=node"), std::string::npos);
}

TEST(NsightReader, AnExportWithoutGpuWorkSaysSo) {
  CollectingSink sink;
  const auto summary = read(std::string(kStrings) + kSession, sink);
  EXPECT_EQ(summary.executions, 0U);
  EXPECT_EQ(summary.first_ns, std::nullopt);
  EXPECT_NE(summary.damage.find("holds no GPU work"), std::string::npos) << summary.damage;
}

TEST(NsightReader, WhatCannotBeUsedIsRefusedInOneLineThatNamesIt) {
  const TemporaryFolder folder;
  const auto f = [](const std::string& path, Errc code, const std::vector<std::string>& words) {
    CollectingSink sink;
    const auto summary = read_nsight(path, sink);
    ASSERT_FALSE(summary.has_value()) << path;
    const std::string& message = summary.error().message;
    EXPECT_EQ(summary.error().code, code) << message;
    EXPECT_TRUE(message.starts_with(path)) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    for (const auto& word : words) {
      EXPECT_NE(message.find(word), std::string::npos) << message;
    }
  };
  const std::string advice = "nsys export --type sqlite";
  f(folder.path("missing"), Errc::kNotFound, {});
  f(folder.path(""), Errc::kInvalidArgument, {"directory"});
  f(folder.bytes("text", "hello"), Errc::kCorrupt, {"byte 0", advice});
  f(folder.sqlite("other", "CREATE TABLE users(name);"), Errc::kCorrupt,
    {"no export of Nsight Systems", "CUPTI_ACTIVITY_KIND_KERNEL", advice});
  f(folder.sqlite("columns", "CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL(start, deviceId);"),
    Errc::kCorrupt, {"CUPTI_ACTIVITY_KIND_KERNEL has no column end", advice});
  // Were the view read, it would never come to an end.
  f(folder.sqlite("view",
                  "CREATE VIEW CUPTI_ACTIVITY_KIND_KERNEL AS WITH RECURSIVE n(i) AS (SELECT 1 UNION"
                  " ALL SELECT i + 1 FROM n) SELECT i AS start, i AS end, 0 AS deviceId FROM n;"),
    Errc::kCorrupt, {"no export of Nsight Systems"});
  const std::string many =
      std::string(kStrings) + kKernels +
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
      "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL SELECT i, i + 1, 0, 0, 1, 1 FROM n;";
  std::string bytes = bytes_of(folder.sqlite("many", many));
  f(folder.bytes("cut", bytes.substr(0, bytes.size() - 4096)), Errc::kCorrupt, {"cut short"});
  std::fill_n(bytes.begin() + 4096 * 20, 4096, '\xee');
  f(folder.bytes("damaged", bytes), Errc::kCorrupt, {"damaged SQLite file: Page 21"});
  std::fill_n(bytes.begin() + 100, 3000, '\x5a');
  f(folder.bytes("schema", bytes), Errc::kCorrupt, {"damaged SQLite file"});
}

TEST(NsightReader, AFailingReadIsAnError) {
  const TemporaryFolder folder;
  const auto path = folder.sqlite(
      "export", std::string(kStrings) + kKernels + kSession + kernel_rows("(1, 2, 0, 0, 1, 1)"));
  std::uint64_t failures = 0;
  for (std::uint64_t skip = 0; skip < 1000; ++skip) {
    const FailpointArmed armed("sqlite.step", skip);
    CollectingSink sink;
    const auto summary = read_nsight(path, sink);
    if (summary) break;
    EXPECT_EQ(summary.error().code, Errc::kIo);
    ++failures;
  }
  EXPECT_GT(failures, 10U);
  EXPECT_LT(failures, 1000U);
}

TEST(NsightReader, DamageAnywhereIsAnErrorOrHarmless) {
  const TemporaryFolder folder;
  const std::string sound = bytes_of(folder.sqlite(
      "sound", std::string(kStrings) + kKernels + kSession +
                   "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 400)"
                   "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL SELECT i, i + 1, 0, 0, 1, 1 FROM n;"));
  std::uint64_t refused = 0;
  for (std::size_t at = 0; at < sound.size(); at += 97) {
    std::string bytes = sound;
    bytes[at] = static_cast<char>(bytes[at] ^ 0xff);
    CollectingSink sink;
    const auto summary = read_nsight_bytes("flipped", std::as_bytes(std::span(bytes)), sink);
    if (!summary) ++refused;
    EXPECT_LE(sink.executions.size(), 100'000U);
  }
  EXPECT_GT(refused, 0U);
}

TEST(NsightReader, ProgressRisesToTheEnd) {
  const TemporaryFolder folder;
  const auto path = folder.sqlite(
      "export",
      std::string(kStrings) + kKernels +
          "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)"
          "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL SELECT i, i + 1, 0, 0, 1, 1 FROM n;");
  std::vector<std::uint64_t> told;
  CollectingSink sink;
  const auto size = std::filesystem::file_size(path);
  const auto summary = read_nsight(path, sink, [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_EQ(total, size);
    told.push_back(done);
  });
  ASSERT_TRUE(summary.has_value());
  EXPECT_GE(told.size(), 6U);
  EXPECT_TRUE(std::ranges::is_sorted(told));
  EXPECT_EQ(told.back(), size);
}

}  // namespace
}  // namespace gpuvigil
