// SPDX-License-Identifier: Apache-2.0
//
// Traces of programs, honest or not, as the server makes them.
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "gpuvigil/trace_ring.h"
#include "profile/testing_ring.h"
#include "profile/testing_segment.h"
#include "profile/trace_desk.h"
#include "testing_program.h"
#include "testing_server.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using testing::Folder;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::LiveProfile;
using testing::memory_of;
using testing::Program;
using testing::RingImage;
using testing::SegmentImage;
using Kind = TraceFailure::Kind;

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(
      Duration(std::chrono::steady_clock::now().time_since_epoch()).count());
}

/// Two rows on one device.
SegmentImage segment(std::uint32_t features = GPUVIGIL_SEGMENT_HAS_TRACE) {
  SegmentImage image;
  image.header().since_ns = now_ns();
  image.header().features = features;
  std::memcpy(image.header().writer, "cuda", 5);
  image.add_device("GPU-1");
  image.add_row("conv2d");
  image.add_row("gemm");
  image.flush();
  return image;
}

class ProfileTraceTest : public ::testing::Test {
 protected:
  /// Somebody who asks for a trace of this process, which all programs here are.
  struct Asker {
    std::atomic<bool> is_waiting{true};
    std::promise<Tracer::Outcome> promise;
    std::future<Tracer::Outcome> outcome = promise.get_future();
  };

  std::shared_ptr<Asker> ask(std::size_t max_events = 100, Duration duration = 200ms,
                             pid_t pid = ::getpid()) {
    auto asker = std::make_shared<Asker>();
    server_.tracer().trace(
        {.pid = static_cast<std::uint32_t>(pid), .duration = duration, .max_events = max_events},
        {.is_waiting = [asker] { return asker->is_waiting.load(); },
         .done =
             [asker](Tracer::Outcome outcome) { asker->promise.set_value(std::move(outcome)); }});
    return asker;
  }

  static Tracer::Outcome outcome_of(Asker& asker) {
    if (asker.outcome.wait_for(30s) != std::future_status::ready) {
      return std::unexpected(TraceFailure{Kind::kEnded, "no outcome"});
    }
    return asker.outcome.get();
  }

  static void expect_failure(Asker& asker, Kind kind, const char* why) {
    const auto outcome = outcome_of(asker);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().kind, kind) << outcome.error().why;
    EXPECT_THAT(outcome.error().why, HasSubstr(why));
  }

  std::unique_ptr<Program> attach(const SegmentImage& image) {
    auto program = std::make_unique<Program>(path_);
    EXPECT_TRUE(program->hello(memory_of(image).get()));
    EXPECT_EQ(program->answer(), "taken");
    return program;
  }

  static bool answer(Program& program, std::uint64_t id, int ring, std::uint32_t size) {
    const gpuvigil_trace_answer answer{.magic = GPUVIGIL_TRACE_MAGIC, .id = id, .size = size};
    return program.send(&answer, sizeof(answer),
                        ring >= 0 ? std::vector{ring} : std::vector<int>{});
  }

  const Folder folder_;
  const std::string path_ = folder_ / "dir/agent.sock";
  LiveProfile server_{path_};
};

TEST_F(ProfileTraceTest, WhatAnHonestProgramWritesArrivesWithItsNames) {
  const auto program = attach(segment());
  const auto asker = ask();
  const auto request = program->hear<gpuvigil_trace_request>();
  ASSERT_EQ(request.magic, GPUVIGIL_TRACE_MAGIC);
  EXPECT_EQ(request.duration_ns, 200'000'000U);
  RingImage ring(request.id);
  const std::uint64_t now = now_ns();
  ring.write(1, now, now + 1000);
  ring.write(0, now + 500, now + 2500);
  ring.header().untimed = 7;
  ring.header().lost = 8;
  ring.header().is_done = 1;
  ASSERT_TRUE(answer(*program, request.id, memory_of(ring).get(), ring.header().size));
  const auto outcome = outcome_of(*asker);
  ASSERT_TRUE(outcome) << outcome.error().why;
  EXPECT_TRUE(outcome->is_complete);
  EXPECT_EQ(outcome->missing(), 15U);
  EXPECT_EQ(outcome->writers, std::vector<std::string>{"cuda"});
  const ExecutionTrace& data = outcome->data;
  ASSERT_EQ(data.events.size(), 2U);
  EXPECT_EQ(data.series[data.events[0].series].name, "gemm");
  EXPECT_EQ(data.series[data.events[1].series].name, "conv2d");
  EXPECT_EQ(data.events[1].duration_ns, 2000U);
  EXPECT_EQ(data.events[1].start_ns - data.events[0].start_ns, 500);
  EXPECT_EQ(data.details[data.events[1].detail].stream, 7U);
  ASSERT_EQ(data.devices.size(), 1U);
  EXPECT_EQ(data.devices[0].uuid, "GPU-1");
  EXPECT_EQ(server_.stats().programs, 1U);  // it reports on
}

TEST_F(ProfileTraceTest, WhatMakesNoSenseAndWhatIsTooMuchIsCounted) {
  const auto program = attach(segment());
  const auto asker = ask(3);
  const auto request = program->hear<gpuvigil_trace_request>();
  RingImage ring(request.id, 16);
  const std::uint64_t now = now_ns();
  ring.write(0, now, now + 10);
  ring.write(5000, now, now + 10);              // more rows than there can be
  ring.write(6, now, now + 10);                 // one that is not told of
  ring.write(0, now + 10, now);                 // backwards
  ring.write(0, 0, UINT64_MAX);                 // for ever
  ring.write(0, 5, 10);                         // before it was asked for
  ring.write(0, now, now + 3'600'000'000'000);  // of the future
  ring.write(1, now, now + 10);
  ring.write(1, now, now + 10);  // the fourth that is kept
  ring.header().untimed = UINT64_MAX;
  ring.header().is_done = 1;
  ASSERT_TRUE(answer(*program, request.id, memory_of(ring).get(), ring.header().size));
  const auto outcome = outcome_of(*asker);
  ASSERT_TRUE(outcome) << outcome.error().why;
  EXPECT_EQ(outcome->data.events.size(), 2U);
  EXPECT_EQ(outcome->unreadable, 6U);
  EXPECT_EQ(outcome->over_limit, 1U);
  EXPECT_LE(outcome->untimed, std::uint64_t{1} << 40U);
}

TEST_F(ProfileTraceTest, WhoCannotBeTracedIsSaid) {
  expect_failure(*ask(), Kind::kNobody, "reports itself");
  const auto old = attach(segment(0));
  expect_failure(*ask(), Kind::kCannot, "no single executions");
  expect_failure(*ask(1, 100ms, 1), Kind::kNobody, "pid 1 ");
}

TEST_F(ProfileTraceTest, AProcessIsTracedOnceAtATime) {
  const auto program = attach(segment());
  const auto first = ask(100, 60s);
  const auto request = program->hear<gpuvigil_trace_request>();
  expect_failure(*ask(), Kind::kAlready, "already");
  // Nobody wants it any longer: the program is told so, and another may be asked for.
  first->is_waiting = false;
  expect_failure(*first, Kind::kEnded, "");
  const auto end = program->hear<gpuvigil_trace_request>();
  EXPECT_EQ(end.id, request.id);
  EXPECT_EQ(end.duration_ns, 0U);
  // What it says to the first request, late, is no reason to part with it.
  const RingImage late(request.id);
  ASSERT_TRUE(answer(*program, request.id, memory_of(late).get(), RingImage(late).header().size));
  const auto second = ask();
  const auto again = program->hear<gpuvigil_trace_request>();
  EXPECT_NE(again.id, request.id);
  RingImage ring(again.id);
  ring.header().is_done = 1;
  ASSERT_TRUE(answer(*program, again.id, memory_of(ring).get(), ring.header().size));
  EXPECT_TRUE(outcome_of(*second));
}

TEST_F(ProfileTraceTest, AProgramThatDoesNotAnswerIsNotWaitedFor) {
  const auto program = attach(segment());
  expect_failure(*ask(), Kind::kSilent, "does not answer");
  EXPECT_EQ(server_.stats().programs, 1U);
  const auto asker = ask();
  (void)program->hear<gpuvigil_trace_request>();
  (void)program->hear<gpuvigil_trace_request>();  // the end of the first
  const auto request = program->hear<gpuvigil_trace_request>();
  ASSERT_TRUE(answer(*program, request.id, -1, 0));
  expect_failure(*asker, Kind::kSilent, "no memory");
}

TEST_F(ProfileTraceTest, ARingThatCannotBeOneIsNotRead) {
  const auto f = [&](auto spoil) {
    const auto program = attach(segment());
    const auto asker = ask();
    const auto request = program->hear<gpuvigil_trace_request>();
    RingImage ring(request.id);
    spoil(*program, request.id, ring);
    EXPECT_FALSE(outcome_of(*asker));
    program->leave();
    server_.frame_with([&](const Frame&) { return server_.stats().programs == 0; });
  };
  f([](Program& p, std::uint64_t id, RingImage& ring) {
    ring.header().magic = 0;
    (void)answer(p, id, memory_of(ring).get(), ring.header().size);
  });
  f([](Program& p, std::uint64_t id, RingImage& ring) {
    (void)answer(p, id, memory_of(ring, 0).get(), ring.header().size);  // it could be cut
  });
  f([](Program& p, std::uint64_t id, RingImage&) { (void)answer(p, id, -1, 4096); });
  f([](Program& p, std::uint64_t id, RingImage& ring) {
    (void)answer(p, id, memory_of(ring).get(), UINT32_MAX);
  });
  f([](Program& p, std::uint64_t, RingImage&) { (void)p.send("more", 4, {}); });
}

TEST_F(ProfileTraceTest, AProgramThatEndsLeavesWhatItWrote) {
  const auto program = attach(segment());
  const auto asker = ask(100, 60s);
  const auto request = program->hear<gpuvigil_trace_request>();
  RingImage ring(request.id);
  const std::uint64_t now = now_ns();
  ring.write(1, now, now + 1000);
  ASSERT_TRUE(answer(*program, request.id, memory_of(ring).get(), ring.header().size));
  program->leave();
  const auto outcome = outcome_of(*asker);
  ASSERT_TRUE(outcome) << outcome.error().why;
  EXPECT_FALSE(outcome->is_complete);
  ASSERT_EQ(outcome->data.events.size(), 1U);
  EXPECT_EQ(outcome->data.series.at(0).name, "gemm");
}

TEST_F(ProfileTraceTest, AServerMayEndWhileATraceIsMade) {
  const auto program = attach(segment());
  const auto asker = ask(100, 60s);
  (void)program->hear<gpuvigil_trace_request>();
  server_.finish();
  EXPECT_EQ(asker->outcome.wait_for(0s), std::future_status::timeout);
}

}  // namespace
}  // namespace gpuvigil
