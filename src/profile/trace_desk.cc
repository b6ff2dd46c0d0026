// SPDX-License-Identifier: Apache-2.0
#include "profile/trace_desk.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>

#include "gpuvigil/trace_ring.h"
#include "profile/extras_ledger.h"
#include "profile/segment_text.h"
#include "profile/trace_ring_reader.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr Duration kAnswerTime = 2s;  ///< For a program to hand over its ring.
/// For a program to bring in what its driver keeps, after its time.
constexpr Duration kLateTime = 3s;
constexpr std::size_t kMostParts = 4;  ///< An honest process has one agent for each interface.
constexpr std::uint64_t kMaxDurationNs = std::uint64_t{1} << 50U;
constexpr std::uint64_t kMaxCount = std::uint64_t{1} << 40U;
constexpr Duration kAhead = 1s;  ///< Clocks of devices are known about so well.

std::uint64_t monotonic_ns(TraceDesk::SteadyTime at) {
  return static_cast<std::uint64_t>(Duration(at.time_since_epoch()).count());
}

}  // namespace

/// What one of the programs of a process tells.
struct TraceDesk::Part {
  enum class State { kAsked, kReading, kOver };

  TraceableProgram program;
  State state = State::kAsked;
  SteadyTime deadline;  ///< For its ring, and then for its end.
  std::optional<SegmentMap> memory;
  std::optional<TraceRingReader> ring;
  std::map<std::uint32_t, std::uint32_t> series;  ///< By row: index in the trace's.
  bool is_done = false;                           ///< It said so itself.
  bool is_named = false;                          ///< Its series are, and it is not read again.
};

struct TraceDesk::Trace {
  std::uint64_t id = 0;
  TraceOrder order;
  SteadyTime began;
  ProcessTrace made;
  std::vector<Part> parts;
  std::vector<bool> is_named;  ///< Of made.data.series.

  void take(Part& part, const gpuvigil_trace_entry& entry);
};

TraceDesk::TraceDesk(const Clock& timeline) : timeline_(timeline) {}

TraceDesk::~TraceDesk() {
  for (const auto& trace : traces_) {
    for (const Part& part : trace->parts) send_end(trace->id, part);
  }
}

void TraceDesk::begin(TraceOrder order, std::span<const TraceableProgram> programs,
                      SteadyTime now) {
  using Kind = TraceFailure::Kind;
  const auto refuse = [&order](Kind kind, std::string why) {
    order.asker.done(std::unexpected(TraceFailure{kind, std::move(why)}));
  };
  const std::uint32_t pid = order.wish.pid;
  if (programs.empty()) {
    return refuse(Kind::kNobody, fmt::format("no program of pid {} reports itself", pid));
  }
  const auto is_same = [pid](const auto& trace) { return trace->order.wish.pid == pid; };
  if (std::ranges::any_of(traces_, is_same)) {
    return refuse(Kind::kAlready, fmt::format("process {} is being traced already", pid));
  }
  if (traces_.size() >= kMostTraces) {
    return refuse(Kind::kTooMany, fmt::format("{} processes are being traced already; that is as "
                                              "many as may be",
                                              traces_.size()));
  }
  auto trace = std::make_unique<Trace>();
  trace->id = ++last_id_;
  trace->began = now;
  for (const TraceableProgram& program : programs) {
    const bool can = (program.layout.features & GPUVIGIL_SEGMENT_HAS_TRACE) != 0;
    if (!can || trace->parts.size() == kMostParts) continue;
    trace->parts.emplace_back().program = program;
  }
  if (trace->parts.empty()) {
    return refuse(Kind::kCannot,
                  fmt::format("process {} reports itself by {}, which tells sums and no single "
                              "executions: start it with an agent of this version",
                              pid, programs.front().writer));
  }
  trace->order = std::move(order);
  traces_.push_back(std::move(trace));
  for (Part& part : traces_.back()->parts) ask(*traces_.back(), part, now);
}

void TraceDesk::ask(Trace& trace, Part& part, SteadyTime now) {
  const gpuvigil_trace_request request{
      .magic = GPUVIGIL_TRACE_MAGIC,
      .id = trace.id,
      .duration_ns = static_cast<std::uint64_t>(trace.order.wish.duration.count())};
  const ssize_t sent =
      ::send(part.program.socket, &request, sizeof(request), MSG_NOSIGNAL | MSG_DONTWAIT);
  part.deadline = now + kAnswerTime;
  if (sent == static_cast<ssize_t>(sizeof(request))) {
    ++owed_[part.program.id];
  } else {
    part.state = Part::State::kOver;  // it does not read, or is about to be found gone
  }
}

/// So that it does not write for nobody. If it does not hear that either, its time will end it.
void TraceDesk::send_end(std::uint64_t id, const Part& part) {
  if (part.state == Part::State::kOver || part.is_done) return;
  const gpuvigil_trace_request request{.magic = GPUVIGIL_TRACE_MAGIC, .id = id, .duration_ns = 0};
  (void)::send(part.program.socket, &request, sizeof(request), MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool TraceDesk::hear(std::uint64_t program, int socket, SteadyTime now) {
  auto answer = receive_trace_answer(socket);
  if (!answer || !*answer) return false;
  if (--owed_[program] == 0) owed_.erase(program);
  for (const auto& trace : traces_) {
    if (trace->id != (*answer)->id) continue;
    for (Part& part : trace->parts) {
      if (part.program.id != program || part.state != Part::State::kAsked) continue;
      part.state = Part::State::kOver;
      if (!(*answer)->ring) continue;  // it has no memory to give
      auto ring = TraceRingReader::open((*answer)->ring->bytes(), trace->id);
      if (!ring) continue;
      part.memory.emplace(*std::move((*answer)->ring));
      part.ring.emplace(*std::move(ring));
      part.state = Part::State::kReading;
      part.deadline = now + trace->order.wish.duration + kLateTime;
    }
  }
  return true;  // of a trace that has ended before: it is let go
}

void TraceDesk::left(std::uint64_t program) {
  owed_.erase(program);
  for (const auto& trace : traces_) {
    for (Part& part : trace->parts) {
      if (part.program.id != program) continue;
      if (part.state == Part::State::kReading) read(*trace, part);
      part.state = Part::State::kOver;
      name_all(*trace, part);  // its segment goes with it
    }
  }
}

/// Counts what makes no sense instead of keeping it; times become wall time at the end.
void TraceDesk::Trace::take(Part& part, const gpuvigil_trace_entry& entry) {
  const SteadyTime latest = began + kAnswerTime + order.wish.duration + kAhead;
  const bool makes_sense =
      entry.row < part.program.layout.rows.capacity && entry.start_ns <= entry.end_ns &&
      entry.end_ns - entry.start_ns < kMaxDurationNs && entry.end_ns >= monotonic_ns(began) &&
      entry.end_ns <= monotonic_ns(latest);
  if (!makes_sense) {
    ++made.unreadable;
    return;
  }
  ExecutionTrace& data = made.data;
  if (data.events.size() >= order.wish.max_events) {
    ++made.over_limit;
    return;
  }
  const auto [known, is_new] =
      part.series.try_emplace(entry.row, static_cast<std::uint32_t>(data.series.size()));
  if (is_new) data.series.emplace_back();
  ExecutionTrace::Detail detail{.stream = entry.stream,
                                .registers = entry.registers,
                                .shared_bytes = entry.shared_bytes,
                                .correlation = entry.correlation};
  std::ranges::copy(entry.grid, detail.grid.begin());
  std::ranges::copy(entry.block, detail.block.begin());
  if (entry.bytes != UINT64_MAX) detail.bytes = entry.bytes;
  data.events.push_back({.series = known->second,
                         .detail = static_cast<std::uint32_t>(data.details.size()),
                         .start_ns = static_cast<std::int64_t>(entry.start_ns),
                         .duration_ns = entry.end_ns - entry.start_ns});
  data.details.push_back(detail);
}

void TraceDesk::read(Trace& trace, Part& part) {
  const auto done = part.ring->read(
      part.memory->bytes(), [&](const gpuvigil_trace_entry& entry) { trace.take(part, entry); });
  const gpuvigil_trace_header& header = part.ring->header();
  part.is_done = header.is_done == 1;
  if (done && !part.is_done) return;
  part.state = Part::State::kOver;
  trace.made.untimed += std::min(header.untimed, kMaxCount);
  trace.made.lost += std::min(header.lost, kMaxCount);
}

void TraceDesk::look(SteadyTime now) {
  for (const auto& trace : traces_) {
    for (Part& part : trace->parts) {
      if (part.state == Part::State::kReading) read(*trace, part);
    }
  }
  std::vector<std::unique_ptr<Trace>> over;
  std::vector<std::unique_ptr<Trace>> others;
  for (auto& trace : traces_) (is_over(*trace, now) ? over : others).push_back(std::move(trace));
  traces_ = std::move(others);
  for (const auto& trace : over) deliver(*trace);
}

bool TraceDesk::is_over(Trace& trace, SteadyTime now) {
  const bool is_waited_for = trace.order.asker.is_waiting();
  bool ends = true;
  for (Part& part : trace.parts) {
    if (part.state == Part::State::kOver) continue;
    if (is_waited_for && now < part.deadline) {
      ends = false;
      continue;
    }
    send_end(trace.id, part);
    part.state = Part::State::kOver;
  }
  return ends || !is_waited_for;
}

/// Rows that a program never published, or that cannot be, have no name: their executions go.
void TraceDesk::name_all(Trace& trace, Part& part) {
  if (std::exchange(part.is_named, true)) return;
  ExecutionTrace& data = trace.made.data;
  trace.is_named.resize(data.series.size());
  std::map<std::uint32_t, std::uint32_t> devices;  // index there: index here
  for (const auto& [row, index] : part.series) {
    auto identity = copy_identity(part.program.segment, part.program.layout, row);
    if (!identity) continue;
    const auto [known, is_new] =
        devices.try_emplace(identity->device, static_cast<std::uint32_t>(data.devices.size()));
    if (is_new) {
      const gpuvigil_segment_device device =
          copy_device(part.program.segment, part.program.layout, identity->device);
      std::string uuid = word_of_segment(device.uuid);
      if (uuid.empty()) uuid = fmt::format("SDK-{}", device.number);
      const auto same = std::ranges::find(data.devices, uuid, &ExecutionTrace::Device::uuid);
      known->second = static_cast<std::uint32_t>(same - data.devices.begin());
      if (same == data.devices.end()) {
        data.devices.push_back({.index = known->second,
                                .name = text_of_segment(device.name),
                                .uuid = std::move(uuid)});
      }
    }
    ExecutionTrace::Series& series = data.series[index];
    series.kind = kind_of_segment(identity->kind, identity->name);
    series.name = std::move(identity->name);
    series.device = known->second;
    trace.is_named[index] = true;
  }
}

void TraceDesk::deliver(Trace& trace) {
  using Kind = TraceFailure::Kind;
  const Tracer::Asker& asker = trace.order.asker;
  if (!asker.is_waiting()) {
    return asker.done(
        std::unexpected(TraceFailure{Kind::kEnded, "nobody waits for it any longer"}));
  }
  const auto has_ring = [](const Part& part) { return part.ring.has_value(); };
  if (std::ranges::none_of(trace.parts, has_ring)) {
    return asker.done(std::unexpected(
        TraceFailure{Kind::kSilent, fmt::format("the agent in process {} does not answer, or has "
                                                "no memory for a trace",
                                                trace.order.wish.pid)}));
  }
  ProcessTrace& made = trace.made;
  const SegmentTime time{.now = timeline_.now(),
                         .monotonic_now_ns = monotonic_ns(std::chrono::steady_clock::now())};
  for (Part& part : trace.parts) {
    made.is_complete = made.is_complete && part.is_done;
    if (!part.ring) continue;
    made.writers.push_back(part.program.writer);
    made.overwritten += part.ring->overwritten();
    name_all(trace, part);
  }
  trace.is_named.resize(made.data.series.size());
  made.unreadable += std::erase_if(made.data.events, [&](const ExecutionTrace::Event& event) {
    return !trace.is_named[event.series];
  });
  for (ExecutionTrace::Event& event : made.data.events) {
    event.start_ns += to_unix_ns(time.now) - static_cast<std::int64_t>(time.monotonic_now_ns);
  }
  made.from = to_timeline(monotonic_ns(trace.began), time);
  made.until =
      std::min(to_timeline(monotonic_ns(trace.began), time) + trace.order.wish.duration, time.now);
  asker.done(std::move(made));
}

}  // namespace gpuvigil
