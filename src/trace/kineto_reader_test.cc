// SPDX-License-Identifier: Apache-2.0
#include "trace/kineto_reader.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "trace/kineto_test_support.h"

namespace gpuvigil {
namespace {

using testing_support::CollectingSink;
using testing_support::read_text;
using testing_support::ReadText;

std::string event(const std::string& members) {
  return "{\"ph\":\"X\"," + members + "}";
}

std::string kernel(const std::string& name, const std::string& members = "\"ts\":1,\"dur\":2") {
  return event("\"cat\":\"kernel\",\"name\":\"" + name + "\",\"pid\":0,\"tid\":7," + members);
}

std::string document(const std::string& events) {
  return "{\"traceEvents\":[" + events + "]}";
}

/// The executions as "name kind device start duration", a line each.
std::string told(const CollectingSink& sink) {
  std::string lines;
  for (const auto& e : sink.executions) {
    lines += e.name + " " + std::string(to_string(e.kind)) + " " + std::to_string(e.device) + " " +
             std::to_string(e.start_ns) + " " + std::to_string(e.duration_ns) + "\n";
  }
  return lines;
}

std::string told(const std::string& text) {
  const ReadText got = read_text(text);
  EXPECT_EQ(got.error, "") << text;
  EXPECT_EQ(got.summary.damage, "") << text;
  return told(got.sink);
}

TEST(KinetoReader, KernelsCopiesAndSetsInEverySpelling) {
  const auto f = [](const std::string& category, const std::string& want) {
    const std::string text =
        document(event("\"cat\":\"" + category + "\",\"name\":\"n\",\"ts\":1,\"dur\":2"));
    EXPECT_EQ(told(text), want.empty() ? "" : "n " + want + " 0 1000 2000\n") << category;
  };
  for (const char* category : {"kernel", "Kernel", "KERNEL"}) f(category, "compute");
  for (const char* category : {"gpu_memcpy", "Memcpy", "memcpy"}) f(category, "memcpy");
  for (const char* category : {"gpu_memset", "Memset", "memset"}) f(category, "memset");
  for (const char* category : {"gpu_user_annotation", "cuda_sync", "overhead", "Trace", "cpu_op",
                               "cuda_runtime", "kernels", "Kernal", "", "user_annotation"}) {
    f(category, "");
  }
  EXPECT_EQ(told(document(kernel("ncclDevKernel_AllGather_RING_LL(ncclDevKernelArgs)"))),
            "ncclDevKernel_AllGather_RING_LL(ncclDevKernelArgs) collective 0 1000 2000\n");
}

TEST(KinetoReader, OnlyCompleteEventsAreWork) {
  for (const char* phase : {"B", "E", "i", "f", "s", "M", "C", "x"}) {
    const std::string text = document("{\"ph\":\"" + std::string(phase) +
                                      R"(","cat":"kernel","name":"n","ts":1,"dur":2},{})");
    const ReadText got = read_text(text);
    EXPECT_EQ(got.summary.events, 2U);
    EXPECT_EQ(got.summary.executions, 0U) << phase;
    EXPECT_EQ(got.summary.first_ns, std::nullopt);
  }
}

TEST(KinetoReader, TheDeviceIsTheArgumentOrElseTheLane) {
  const auto f = [](const std::string& members, std::uint32_t want) {
    const ReadText got = read_text(
        document(event("\"cat\":\"kernel\",\"name\":\"n\",\"ts\":1,\"dur\":2" + members)));
    ASSERT_EQ(got.summary.devices.size(), 1U) << members << got.error;
    EXPECT_EQ(got.summary.devices[0].recorded_number, want) << members;
  };
  f(R"(,"pid":5,"args":{"device":3})", 3);
  f(R"(,"pid":5,"args":{"device":"3"})", 3);
  f(R"(,"pid":5,"args":{"device":null})", 5);
  f(R"(,"pid":5,"args":{"device":-1})", 5);
  f(R"(,"pid":5,"args":{"device":4294967296})", 5);
  f(R"(,"pid":5,"args":{})", 5);
  f(R"(,"pid":5,"args":null)", 5);
  f(R"(,"pid":"5")", 5);
  f(R"(,"pid":"Device 4")", 4);
  f(R"(,"pid":"x-1")", 0);
  f(R"(,"pid":"Spans")", 0);
  f("", 0);
}

TEST(KinetoReader, DevicesAreDenseInTheOrderOfTheFile) {
  const auto on = [](const std::string& device) {
    return kernel("n", "\"ts\":1,\"dur\":2,\"args\":{\"device\":" + device + "}");
  };
  const ReadText got = read_text(document(on("9") + "," + on("2") + "," + on("\"9\"")));
  ASSERT_EQ(got.summary.devices.size(), 2U);
  EXPECT_EQ(got.summary.devices[0].recorded_number, 9U);
  EXPECT_EQ(got.summary.devices[1].recorded_number, 2U);
  EXPECT_EQ(told(got.sink),
            "n compute 0 1000 2000\nn compute 1 1000 2000\nn compute 0 1000 2000\n");
}

TEST(KinetoReader, TooManyDevicesAreCountedNotKept) {
  std::string events;
  for (std::size_t i = 0; i < 1100; ++i) {
    events +=
        kernel("n", "\"ts\":1,\"dur\":2,\"args\":{\"device\":" + std::to_string(i) + "}") + ",";
  }
  const ReadText got = read_text(document(events));
  EXPECT_EQ(got.summary.devices.size(), 1024U);
  EXPECT_EQ(got.summary.executions, 1024U);
  EXPECT_EQ(got.summary.executions_unreadable, 76U);
}

TEST(KinetoReader, TimesThatAreNoTimesAreCountedAndSpoilNothing) {
  const auto f = [](const std::string& times) {
    const ReadText got = read_text(document(kernel("bad", times) + "," + kernel("good")));
    EXPECT_EQ(told(got.sink), "good compute 0 1000 2000\n") << times;
    EXPECT_EQ(got.summary.executions_unreadable, 1U) << times;
    EXPECT_EQ(got.summary.first_ns, 1000) << times;
    EXPECT_EQ(got.summary.last_ns, 3000) << times;
  };
  f(R"("ts":NaN,"dur":1)");
  f(R"("ts":1,"dur":Infinity)");
  f(R"("ts":1,"dur":-Infinity)");
  f(R"("ts":1,"dur":-5)");
  f(R"("ts":1,"dur":1e300)");
  f(R"("ts":36893488147419103232,"dur":1)");
  f(R"("ts":9223372036854775,"dur":9)");
  f(R"("ts":1)");
  f(R"("dur":1)");
  f(R"("ts":null,"dur":null)");
  f(R"("ts":"soon","dur":1)");
  f(R"("ts":[1],"dur":{})");
}

TEST(KinetoReader, TheSpanIsThatOfEveryTimedEvent) {
  const ReadText got = read_text(
      document(event(R"("cat":"cpu_op","name":"a","ts":"-2.5","dur":1)") + "," + kernel("k") + "," +
               event(R"("cat":"cpu_op","name":"b","ts":100,"dur":0.25)") + "," +
               event(R"("cat":"cpu_op","name":"c","ts":1e30,"dur":1)") + "," +
               R"({"ph":"i","name":"d","ts":999999,"dur":1})"));
  EXPECT_EQ(got.summary.first_ns, -2500);
  EXPECT_EQ(got.summary.last_ns, 100'250);
  EXPECT_EQ(got.summary.executions_unreadable, 0U);
}

TEST(KinetoReader, EveryFormOfTheTopLevelIsTheSame) {
  const std::string k = kernel("n");
  const std::string want = "n compute 0 1000 2000\n";
  for (const std::string& text :
       {document(k), "[" + k + "]", "[" + k, "[" + k + ",", "[" + k + ",\n",
        "\xEF\xBB\xBF" + document(k), "\xEF\xBB\xBF[" + k + "]",
        "\r\n{\r\n\"traceEvents\" :\r\n[\r\n" + k + "\r\n]\r\n}\r\n",
        "{\"a\":{\"traceEvents\":[1]},\"traceEvents\":[" + k + ",],}",
        "{\"traceEvents\":[null,1,\"x\",[{}],true," + k + "],\"b\":[[[]]],\"c\":\"]\"}"}) {
    EXPECT_EQ(told(text), want) << text;
  }
}

TEST(KinetoReader, OfRepeatedKeysTheFirstCounts) {
  EXPECT_EQ(told(document(R"({"ph":"X","ph":"B","cat":"kernel","cat":"cpu_op","name":"a",)"
                          R"("name":"b","ts":1,"ts":5,"dur":1,"dur":6,"args":{"device":1},)"
                          R"("args":{"device":2,"device":3}})")),
            "a compute 0 1000 1000\n");
}

TEST(KinetoReader, NamesAreDecodedAndBounded) {
  EXPECT_EQ(told(document(kernel(R"(a\u003cb\"\\\ud83d\ude00)"))),
            "a<b\"\\\xF0\x9F\x98\x80 compute 0 1000 2000\n");
  EXPECT_EQ(told(document(event(R"("cat":"kernel","name":12345,"ts":1,"dur":2)"))),
            "12345 compute 0 1000 2000\n");
  EXPECT_EQ(told(document(event(R"("cat":"kernel","ts":1,"dur":2)"))), " compute 0 1000 2000\n");
  EXPECT_EQ(told(document(kernel("\xff\x01"))), "\xff\x01 compute 0 1000 2000\n");
  const ReadText got =
      read_text(document(kernel(std::string(3 << 20, 'x')) + "," + kernel("good")));
  ASSERT_EQ(got.sink.executions.size(), 2U);
  EXPECT_EQ(got.sink.executions[0].name.size(), std::size_t{1} << 20U);
}

TEST(KinetoReader, AnEventLongerThanTheWindowIsStillRead) {
  const std::string name(9 << 20, 'y');
  const std::string nested = "[" + std::string(5'000'000, '[') + std::string(5'000'000, ']') + "]";
  const std::string text = document(kernel(name) + "," +
                                    event(R"("cat":"kernel","args":{"x":)" + nested +
                                          R"(,"device":4},"name":"n","ts":5,"dur":6)") +
                                    "," + kernel("good"));
  for (const std::size_t chunk : {SIZE_MAX, std::size_t{100'000}}) {
    const ReadText got = read_text(text, chunk);
    EXPECT_EQ(got.summary.damage, "");
    EXPECT_EQ(got.summary.events, 3U);
    ASSERT_EQ(got.sink.executions.size(), 3U);
    EXPECT_EQ(got.sink.executions[0].name, name.substr(0, (1U << 20U) - 1));
    EXPECT_EQ(got.sink.executions[1].start_ns, 5000);
    EXPECT_EQ(got.summary.devices[got.sink.executions[1].device].recorded_number, 4U);
    EXPECT_EQ(got.sink.executions[2].name, "good");
  }
  const ReadText cut = read_text(std::string_view(text).substr(0, 8 << 20));
  EXPECT_EQ(cut.error, "t.json: byte 8388608: the file ends inside an event");
}

TEST(KinetoReader, AnEventOfTooManyMembersIsLeftOutAndTold) {
  std::string members = "\"cat\":\"kernel\",\"ts\":1,\"dur\":2";
  for (int i = 0; i < 700'000; ++i) members += ",\"k\":" + std::to_string(i);
  const ReadText got = read_text(document(event(members) + "," + kernel("good")));
  EXPECT_EQ(told(got.sink), "good compute 0 1000 2000\n");
  EXPECT_EQ(got.summary.damage, "t.json: byte 16: ignored an event that is too long");
  EXPECT_EQ(got.summary.bytes_unreadable, event(members).size());
}

TEST(KinetoReader, MetadataCountsBeforeAndAfterTheEvents) {
  const std::string metadata =
      R"("baseTimeNanoseconds":1712000000000000000,"deviceProperties":[{"id":1,"name":"GPU B",)"
      R"("totalGlobalMem":80},{"id":0,"name":"GPU A","totalGlobalMem":40}])";
  const std::string events = "\"traceEvents\":[" + kernel("n") + "]";
  for (const std::string& text :
       {"{" + metadata + "," + events + "}", "{" + events + "," + metadata + "}"}) {
    const ReadText got = read_text(text);
    EXPECT_EQ(got.summary.base_unix_ns, 1'712'000'000'000'000'000);
    EXPECT_EQ(got.summary.devices.at(0).name, "GPU A");
    EXPECT_EQ(got.summary.devices.at(0).memory_total_bytes, 40U);
  }
  const auto base = [&](const std::string& value) {
    return read_text("{\"baseTimeNanoseconds\":" + value + "," + events + "}").summary.base_unix_ns;
  };
  EXPECT_EQ(base("\"17\""), 17);
  EXPECT_EQ(base("-17"), 0);
  EXPECT_EQ(base("9223372036854775807"), 0);  // would not fit with the times
  EXPECT_EQ(base("null"), 0);
  EXPECT_EQ(base("{}"), 0);
}

TEST(KinetoReader, AmdNumbersCountSocketsSoOnlyACommonNameIsTold) {
  const auto f = [](const std::string& properties, const std::string& event,
                    const std::string& want) {
    const ReadText got =
        read_text("{\"deviceProperties\":[" + properties + "],\"traceEvents\":[" + event + "]}");
    EXPECT_EQ(got.summary.devices.at(0).name, want) << properties;
  };
  const std::string on_1 = kernel("k", R"("ts":1,"dur":2,"args":{"device":1})");
  const std::string on_1_amd =
      kernel("k", R"("ts":1,"dur":2,"args":{"device":1,"kind":"Dispatch Kernel"})");
  f(R"({"id":0,"name":"X"},{"id":1,"name":"Y"})", on_1, "Y");
  f(R"({"id":0,"name":"X"},{"id":2,"name":"X"})", on_1, "");
  f(R"({"id":0,"name":"AMD X"},{"id":1,"name":"AMD Y"})", on_1, "");
  f(R"({"id":0,"name":"AMD X"},{"id":2,"name":"AMD X"})", on_1, "AMD X");
  f(R"({"id":0,"name":"X","warpSize":64},{"id":1,"name":"Y","warpSize":64})", on_1, "");
  f(R"({"id":0,"name":"X"},{"id":1,"name":"Y"})", on_1_amd, "");
  f(R"({"id":1,"name":"Y","warpSize":32})", on_1_amd, "Y");
  f(R"({"id":1,"name":"AMD Radeon Y","warpSize":32},{"id":2,"name":"Z"})", on_1, "");
  f(R"({"id":0,"name":"X"},{"id":1,"name":"Y"})",
    event(R"("cat":"cuda_runtime","name":"hipLaunchKernel","ts":1,"dur":1)") + "," + on_1, "");
  f(R"(1,{"id":1,"name":"Y"})", on_1, "");
  f(R"({"id":1,"name":"Y\u0007"})", on_1, "Y\xEF\xBF\xBD");
}

std::string memory(const std::string& args) {
  return R"({"ph":"i","name":"[memory]","ts":5,"args":{)" + args + "}}";
}

TEST(KinetoReader, OnlyTheGpusAllocatorIsMemory) {
  const auto f = [](const std::string& args, std::size_t want) {
    const ReadText got = read_text(document(kernel("k") + "," + memory(args)));
    EXPECT_EQ(got.sink.memories.size(), want) << args;
  };
  f(R"("Device Type":1,"Device Id":0,"Total Allocated":7,"Total Reserved":9)", 1);
  f(R"("Device Type":6,"Device Id":0,"Total Allocated":7)", 1);
  f(R"("Device Type":"1","Device Id":"0","Total Allocated":"7")", 1);
  f(R"("Device Type":0,"Device Id":-1,"Total Allocated":7)", 0);
  f(R"("Device Type":1,"Device Id":0,"Bytes":7)", 0);
  f(R"("Device Type":1,"Device Id":0,"Total Allocated":-7)", 0);
  const ReadText got = read_text(
      document(kernel("k") + "," +
               memory(R"("Device Type":1,"Device Id":3,"Total Allocated":7,"Total Reserved":9)")));
  ASSERT_EQ(got.summary.devices.size(), 2U);
  EXPECT_EQ(got.summary.devices[1].recorded_number, 3U);
  EXPECT_EQ(got.sink.memories.at(0).device, 1U);
  EXPECT_EQ(got.sink.memories.at(0).at_ns, 5000);
  EXPECT_EQ(got.sink.memories.at(0).allocated_bytes, 7U);
  EXPECT_EQ(got.sink.memories.at(0).reserved_bytes, 9U);
}

TEST(KinetoReader, AmdAllocatorsAreMatchedToAgentsInOrderOrLeftOut) {
  const std::string amd = R"({"deviceProperties":[{"id":0,"warpSize":64}],"traceEvents":[)";
  const auto on = [](int device) {
    return kernel("k", R"("ts":1,"dur":2,"args":{"device":)" + std::to_string(device) + "}") + ",";
  };
  const auto held = [](int id) {
    return memory(R"("Device Type":1,"Total Allocated":7,"Device Id":)" + std::to_string(id)) + ",";
  };
  const ReadText two = read_text(amd + on(5) + on(3) + held(1) + held(0) + "]}");
  ASSERT_EQ(two.sink.memories.size(), 2U);
  EXPECT_EQ(two.sink.memories[0].device, 0U);  // id 1 is agent 5, the first that was spoken of
  EXPECT_EQ(two.sink.memories[1].device, 1U);
  EXPECT_TRUE(read_text(amd + on(5) + held(0) + held(1) + "]}").sink.memories.empty());
}

TEST(KinetoReader, MoreAllocatorReadingsThanAreHeldAreAllTold) {
  std::string events = kernel("k");
  for (int i = 0; i < 70'000; ++i) {
    events += "," + memory(R"("Device Type":1,"Device Id":0,"Total Allocated":7)");
  }
  EXPECT_EQ(read_text(document(events)).sink.memories.size(), 70'000U);
}

TEST(KinetoReader, WhatIsCutGivesWhatIsWholeAndOneLine) {
  const std::string whole = document(kernel("a") + "," + kernel("b")) + "\n";
  const std::size_t first_ends = 16 + kernel("a").size();
  const std::size_t second_ends = first_ends + 1 + kernel("b").size();
  const auto f = [&](std::size_t size, std::size_t events, const std::string& inside) {
    const ReadText got = read_text(std::string_view(whole).substr(0, size));
    EXPECT_EQ(got.summary.executions, events);
    const std::string at = "t.json: byte " + std::to_string(size) + ": the file ends inside ";
    if (events == 0) {
      EXPECT_EQ(got.error, at + inside);
    } else {
      EXPECT_EQ(got.summary.damage, at + inside + "; " + std::to_string(events) +
                                        " whole events were read, the rest is lost");
    }
  };
  f(first_ends - 1, 0, "an event");
  f(first_ends, 1, "the list of events");
  f(first_ends + 1, 1, "the list of events");
  f(first_ends + 2, 1, "an event");
  f(second_ends - 3, 1, "an event");
  f(second_ends + 1, 2, "the document");
  f(5, 0, "the name of a member");
  f(15, 0, "a member");
  EXPECT_EQ(read_text(std::string_view(whole).substr(0, first_ends + 10)).summary.bytes_unreadable,
            9U);
}

TEST(KinetoReader, WhatIsNoTraceIsRefusedInOneLine) {
  const auto f = [](const std::string& text, const std::string& want) {
    EXPECT_EQ(read_text(text).error, "t.json: byte " + want) << text;
  };
  f("", "0: the file is empty");
  f(" \n ", "3: there is no text");
  f("null", "0: expected a JSON object or array of trace events");
  f("42\n", "0: expected a JSON object or array of trace events");
  f("\"traceEvents\"", "0: expected a JSON object or array of trace events");
  f("hello", "0: expected a JSON object or array of trace events");
  f("{}", "2: the document has no \"traceEvents\"");
  f("{\"a\":1}", "7: the document has no \"traceEvents\"");
  f("{\"traceEvents\":null}", "15: \"traceEvents\" is no array");
  f("{\"traceEvents\":{}}", "15: \"traceEvents\" is no array");
  f("[]", "2: there are no events");
  f("[1,2]", "5: there are no events");
  f("{1}", "1: expected the name of a member");
  f("{\"a\" 1}", "5: expected a colon");
  f("{\"a\":}", "5: expected a value");
  f("{\"a\":1,\"b", "9: the file ends inside the name of a member");
}

TEST(KinetoReader, WhatIsWrongInTheMiddleIsToldOnceAndTheRestIsRead) {
  const auto f = [](const std::string& text, const std::string& damage, std::uint64_t lost,
                    std::size_t executions) {
    const ReadText got = read_text(text);
    EXPECT_EQ(got.error, "") << text;
    EXPECT_EQ(got.summary.damage, "t.json: byte " + damage) << text;
    EXPECT_EQ(got.summary.bytes_unreadable, lost) << text;
    EXPECT_EQ(got.sink.executions.size(), executions) << text;
  };
  const std::string k = kernel("k");
  const std::string two = document(k + "," + k);
  f(document("{1}," + k), "16: ignored an event that is no JSON object", 3, 1);
  f(document("}:" + k), "16: ignored what is no event", 2, 1);
  f(two + two,
    std::to_string(two.size()) + ": ignored " + std::to_string(two.size()) + " bytes after the end",
    two.size(), 2);
  f(document(k) + "x", std::to_string(document(k).size()) + ": ignored 1 bytes after the end", 1,
    1);
  const std::string second = "{\"traceEvents\":[" + k + "],\"traceEvents\":[" + k + "]}";
  f(second, std::to_string(16 + k.size() + 16) + ": ignored a second \"traceEvents\"", 0, 1);
  const std::string bad = "{\"traceEvents\":[" + k + "],5,\"a\":1}";
  const std::string at = std::to_string(16 + k.size() + 2);
  f(bad, at + ": expected the name of a member; ignored 8 bytes from byte " + at + " on", 8, 1);
}

class FailingSource final : public ByteSource {
 public:
  explicit FailingSource(std::string_view text) : text_(text) {}
  Result<std::size_t> read(std::span<char> into) override {
    if (text_.empty()) return fail(Errc::kIo, "t.json: Input/output error");
    return std::exchange(text_, {}).copy(into.data(), into.size());
  }
  [[nodiscard]] std::uint64_t file_position() const override { return 0; }
  [[nodiscard]] std::uint64_t file_size() const override { return 0; }

 private:
  std::string_view text_;
};

TEST(KinetoReader, AFailingReadIsACutThatSaysWhy) {
  const std::string text = "{\"traceEvents\":[" + kernel("k") + ",{";
  FailingSource source(text);
  CollectingSink sink;
  const auto summary = read_kineto(source, sink, "t.json");
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->damage, "t.json: byte " + std::to_string(text.size()) +
                                 ": the file ends inside an event, because t.json: Input/output "
                                 "error; 1 whole events were read, the rest is lost");
}

TEST(KinetoReader, ProgressEndsAtTheSizeOfTheFile) {
  std::string text = "[";
  while (text.size() < (3U << 20U)) text += kernel("k") + ",";
  MemorySource source(text);
  CollectingSink sink;
  std::uint64_t last = 0;
  std::size_t calls = 0;
  ASSERT_TRUE(read_kineto(source, sink, "t.json", [&](std::uint64_t done, std::uint64_t size) {
    EXPECT_GE(done, last);
    EXPECT_EQ(size, text.size());
    last = done;
    ++calls;
  }));
  EXPECT_EQ(last, text.size());
  EXPECT_GE(calls, 10U);
}

/// A text in which everything occurs that is hard to cut at the right place.
std::string awkward_text() {
  return "\xEF\xBB\xBF "
         "{\"s\\\"\\\\\":\"]}\\\\\\\"\",\"deviceProperties\":[{\"id\":0,\"name\":\"G\"}]"
         ",\"nested\":{\"traceEvents\":[[{}]]},\"traceEvents\":[ null, \"x\\\\\" ," +
         kernel(R"(a\\\"b)") + "\n,\t" +
         event(R"("cat":"cpu_op","name":"\\\\","ts":-7,"dur":1,"args":{"a":[{"b":"}]"}]})") + "," +
         kernel("c", R"("ts":1712195495505583.125,"dur":"0.5","args":{"device":"3"})") + ",{bad}," +
         memory(R"("Device Type":1,"Device Id":3,"Total Allocated":7)") +
         "],\"baseTimeNanoseconds\":5}\r\n trailing";
}

RC_GTEST_PROP(KinetoReader, TheSizeOfThePiecesChangesNothing, ()) {
  const std::string all = awkward_text();
  const auto size = *rc::gen::inRange<std::size_t>(0, all.size() + 1);
  const auto chunk = *rc::gen::inRange<std::size_t>(1, 80);
  const std::string_view text = std::string_view(all).substr(0, size);
  const ReadText whole = read_text(text);
  const ReadText pieces = read_text(text, chunk);
  RC_ASSERT(whole.error == pieces.error);
  RC_ASSERT(told(whole.sink) == told(pieces.sink));
  RC_ASSERT(whole.sink.memories.size() == pieces.sink.memories.size());
  RC_ASSERT(whole.summary.damage == pieces.summary.damage);
  RC_ASSERT(whole.summary.events == pieces.summary.events);
  RC_ASSERT(whole.summary.bytes_unreadable == pieces.summary.bytes_unreadable);
  RC_ASSERT(whole.summary.base_unix_ns == pieces.summary.base_unix_ns);
  RC_ASSERT(whole.summary.first_ns == pieces.summary.first_ns);
  RC_ASSERT(whole.summary.last_ns == pieces.summary.last_ns);
}

TEST(KinetoReader, WindowsAreCrossedWithoutLoss) {
  std::string text = "{\"traceEvents\":[";
  for (int i = 0; i < 20'000; ++i) {
    text += kernel("k" + std::to_string(i % 7) + std::string(static_cast<unsigned>(i % 97), 'x'),
                   "\"ts\":" + std::to_string(i) + ",\"dur\":" + std::to_string(i % 13)) +
            ",\n";
  }
  text += "]}";
  const ReadText whole = read_text(text);
  EXPECT_EQ(whole.sink.executions.size(), 20'000U);
  for (const std::size_t chunk : {std::size_t{1000}, std::size_t{4096}, std::size_t{65536}}) {
    const ReadText pieces = read_text(text, chunk);
    EXPECT_EQ(told(pieces.sink), told(whole.sink));
    EXPECT_EQ(pieces.summary.damage, "");
  }
}

}  // namespace
}  // namespace gpuvigil
