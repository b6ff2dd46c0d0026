// SPDX-License-Identifier: Apache-2.0
#include "trace/rocprof_reader.h"

#include <string>

#include <gtest/gtest.h>

#include "trace/kineto_test_support.h"

namespace gpuvigil {
namespace {

using testing_support::CollectingSink;
using testing_support::ReadText;

ReadText read_table(std::string_view text) {
  ReadText got;
  MemorySource source(text, 7);
  auto summary = read_rocprof(source, got.sink, "t.csv");
  if (summary) {
    got.summary = *std::move(summary);
  } else {
    got.error = summary.error().message;
  }
  return got;
}

const std::string kHeader =
    "\"Kind\",\"Agent_Id\",\"Kernel_Name\",\"Start_Timestamp\",\"End_Timestamp\"\n";

TEST(Rocprof, IsToldByItsFirstColumns) {
  EXPECT_TRUE(is_rocprof(kHeader));
  EXPECT_TRUE(is_rocprof("Dispatch_ID,GPU_ID,Grid_Size\n"));
  EXPECT_TRUE(is_rocprof("\"Index\",\"KernelName\",\"gpu-id\"\n"));
  EXPECT_TRUE(is_rocprof("\"Domain\",\"Function\",\"Process_Id\"\n"));
  EXPECT_FALSE(is_rocprof(""));
  EXPECT_FALSE(is_rocprof("{\"Kernel_Name\": 1, \"a\": 2}"));
  EXPECT_FALSE(is_rocprof("[{\"name\": \"Kernel_Name\", \"a\": 2}]"));
  EXPECT_FALSE(is_rocprof("Kernel_Name\n"));
  EXPECT_FALSE(is_rocprof("index,name,temperature\n1,Kernel_Name,3\n"));
}

TEST(Rocprof, ReadsKernelsExactly) {
  const ReadText got = read_table(
      kHeader +
      "\"KERNEL_DISPATCH\",4,\"void add<float>(float*, int)\",8819330200067564,8819330200116308\n"
      "\"KERNEL_DISPATCH\",\"Agent "
      "7\",ncclDevKernel_Generic_1,8819330200000000,8819330200000001\n");
  EXPECT_EQ(got.error, "");
  ASSERT_EQ(got.sink.executions.size(), 2U);
  const auto& add = got.sink.executions[0];
  EXPECT_EQ(add.name, "void add<float>(float*, int)");
  EXPECT_EQ(add.start_ns, 8819330200067564);
  EXPECT_EQ(add.duration_ns, 48744);
  EXPECT_EQ(add.kind, KernelKind::kCompute);
  EXPECT_EQ(got.sink.executions[1].kind, KernelKind::kCollective);
  EXPECT_EQ(got.summary.format, "rocprof");
  ASSERT_EQ(got.summary.devices.size(), 2U);
  EXPECT_EQ(got.summary.devices[0].recorded_number, 4U);
  EXPECT_EQ(got.summary.devices[1].recorded_number, 7U);
  EXPECT_EQ(got.summary.first_ns, 8819330200000000);
  EXPECT_EQ(got.summary.last_ns, 8819330200116308);
  EXPECT_EQ(got.summary.damage, "");
}

TEST(Rocprof, ReadsTheOlderNamesOfColumns) {
  const ReadText got = read_table(
      "\"Index\",\"KernelName\",\"gpu-id\",\"DispatchNs\",\"BeginNs\",\"EndNs\",\"CompleteNs\"\n"
      "0,\"vecCopy(double*, int) [clone .kd]\",2,1,10,35,40\n");
  ASSERT_EQ(got.sink.executions.size(), 1U);
  EXPECT_EQ(got.sink.executions[0].name, "vecCopy(double*, int) [clone .kd]");
  EXPECT_EQ(got.sink.executions[0].start_ns, 10);
  EXPECT_EQ(got.sink.executions[0].duration_ns, 25);
  EXPECT_EQ(got.summary.devices[0].recorded_number, 2U);
}

TEST(Rocprof, ACopyBelongsToTheDeviceThatIsNotTheHost) {
  const ReadText got = read_table(
      "\"Kind\",\"Direction\",\"Source_Agent_Id\",\"Destination_Agent_Id\",\"Correlation_Id\","
      "\"Start_Timestamp\",\"End_Timestamp\"\n"
      "\"MEMORY_COPY\",\"MEMORY_COPY_HOST_TO_DEVICE\",0,1,0,10,20\n"
      "\"MEMORY_COPY\",\"MEMORY_COPY_DEVICE_TO_HOST\",1,0,0,30,60\n");
  ASSERT_EQ(got.sink.executions.size(), 2U);
  for (const auto& copy : got.sink.executions) {
    EXPECT_EQ(copy.kind, KernelKind::kMemcpy);
    EXPECT_EQ(copy.device, 0U);
  }
  EXPECT_EQ(got.sink.executions[0].name, "MEMORY_COPY_HOST_TO_DEVICE");
  EXPECT_EQ(got.summary.devices.front().recorded_number, 1U);
}

TEST(Rocprof, CountsRowsWhoseTimesAreNone) {
  const ReadText got = read_table(kHeader +
                                  "K,1,a,10,20\n"
                                  "K,1,a,20,10\n"
                                  "K,1,a,-5,10\n"
                                  "K,1,a,1.5,10\n"
                                  "K,1,a,,10\n"
                                  "K,x,a,1,10\n"
                                  "K,1,a,1,9223372036854775808\n");
  EXPECT_EQ(got.summary.executions, 1U);
  EXPECT_EQ(got.summary.executions_unreadable, 6U);
  EXPECT_EQ(got.summary.events, 7U);
}

TEST(Rocprof, RefusesTimesThatASpreadsheetRounded) {
  const ReadText got = read_table(kHeader + "K,1,a,8.1097E+14,8.1097E+14\n");
  EXPECT_NE(got.error.find("spreadsheet"), std::string::npos) << got.error;
  EXPECT_TRUE(got.sink.executions.empty());
}

TEST(Rocprof, RefusesOtherTablesWithAdvice) {
  const auto f = [](const std::string& text, const std::string& want) {
    const ReadText got = read_table(text);
    EXPECT_NE(got.error.find(want), std::string::npos) << got.error;
    EXPECT_TRUE(got.error.starts_with("t.csv: ")) << got.error;
  };
  f("\"Domain\",\"Function\",\"Start_Timestamp\",\"End_Timestamp\"\n\"HIP\",\"hipMalloc\",1,2\n",
    "holds no GPU work");
  f("Kernel_Name,Counter_Name,Counter_Value,Start_Timestamp,End_Timestamp\na,b,1,1,2\n",
    "once for each counter");
  f("Kernel_Name,GPU_ID\na,1\n", "has no times");
  f(kHeader, "without rows");
  f("\"Kernel_Name,", "no table with a whole header");
}

TEST(Rocprof, ReadsWhatIsWholeOfATableThatIsCut) {
  const std::string text = kHeader + "K,1,a,10,20\nK,1,b,30,40\nK,1,c";
  const ReadText got = read_table(text);
  EXPECT_EQ(got.summary.executions, 2U);
  EXPECT_EQ(got.summary.bytes_unreadable, 5U);
  EXPECT_EQ(got.summary.damage,
            "t.csv: byte " + std::to_string(text.size() - 5) + ": row 4 is cut");
  const ReadText quoted = read_table(kHeader + "K,1,a,10,20\nK,1,\"b(");
  EXPECT_EQ(quoted.summary.executions, 1U);
  EXPECT_NE(quoted.summary.damage.find("row 3 is cut"), std::string::npos);
}

TEST(Rocprof, HasABoundOnDevices) {
  std::string text = kHeader;
  for (int i = 0; i < 1'100; ++i) text += "K," + std::to_string(i) + ",a,1,2\n";
  const ReadText got = read_table(text);
  EXPECT_EQ(got.summary.devices.size(), 1'024U);
  EXPECT_EQ(got.summary.executions_unreadable, 76U);
}

TEST(Rocprof, IsReadThroughTheOneDoor) {
  const testing_support::TemporaryFolder folder;
  const std::string path = folder.bytes("any.name", kHeader + "K,1,a,10,20\n");
  testing_support::CollectingVisitor visitor;
  const auto summaries = read_trace(path, visitor);
  ASSERT_TRUE(summaries) << summaries.error().message;
  EXPECT_EQ(summaries->front().format, "rocprof");
  EXPECT_NE(summaries->front().file_id, 0U);
  EXPECT_EQ(visitor.recordings.front().sink.executions.size(), 1U);
}

}  // namespace
}  // namespace gpuvigil
