// SPDX-License-Identifier: Apache-2.0
// gpuvigil run: starts a program with the agents in it, takes in what it and its children report,
// and tells what they did when it has ended.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/parameters.h"
#include "apps/agent_door.h"
#include "apps/child.h"
#include "apps/exit_codes.h"
#include "apps/offline.h"
#include "apps/output.h"
#include "apps/run_report.h"
#include "apps/run_setup.h"
#include "apps/run_trace.h"
#include "apps/verbs.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "model/kernel_query.h"
#include "monitor/monitor.h"

extern char** environ;  // NOLINT: POSIX asks programs to declare it

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPeriod = 250ms;
/// An agent lists its newest 256 executions: who wants them singly looks more often.
constexpr Duration kTracePeriod = 20ms;
constexpr Duration kEdge = 1s;
constexpr std::size_t kMostTraced = 1'000'000;
constexpr std::size_t kMostSocketPath = 107;  ///< Of an address, without its end.

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// A directory that nobody else may enter, for one socket; removed with it.
class Scratch {
 public:
  static Result<Scratch> make() {
    const std::string runtime = environment("XDG_RUNTIME_DIR");
    for (const std::string& parent : {runtime, std::string("/tmp")}) {
      std::string path = parent + "/gpuvigil-run.XXXXXX";
      const bool fits = path.size() + sizeof("/agent.sock") <= kMostSocketPath;
      if (!parent.starts_with('/') || !fits) continue;
      if (::mkdtemp(path.data()) != nullptr) return Scratch(std::move(path));
    }
    return fail(Errc::kIo, "neither $XDG_RUNTIME_DIR nor /tmp takes a directory for a socket");
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (!path_.empty()) ::rmdir(path_.c_str());
  }

  [[nodiscard]] std::string socket() const { return path_ + "/agent.sock"; }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// Where a report goes. It is opened before the program starts, so that a wrong name is told at
/// once, and is not the program's.
class Output {
 public:
  /// An empty path: standard error.
  static Result<Output> open(const std::string& path) {
    if (path.empty()) return Output(UniqueFd(), "standard error");
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!fd) return fail(Errc::kIo, fmt::format("{}: {}", path, std::strerror(errno)));
    return Output(std::move(fd), path);
  }

  Result<void> write(std::string_view text) const {
    const int fd = fd_ ? fd_.get() : STDERR_FILENO;
    while (!text.empty()) {
      const ssize_t done = ::write(fd, text.data(), text.size());
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return fail(Errc::kIo, fmt::format("{}: {}", name_, std::strerror(errno)));
      text.remove_prefix(static_cast<std::size_t>(done));
    }
    return {};
  }

 private:
  Output(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
  UniqueFd fd_;
  std::string name_;
};

Result<KernelQuery> query_of(const RunOptions& options, const Frame& frame) {
  HttpRequest request;
  request.query = options.parameters;
  ParameterReader in(request, frame);
  KernelQuery query = read_kernel_query(in);
  const auto& given = options.parameters;
  const bool is_sorted =
      std::ranges::any_of(given, [](const auto& p) { return p.first == "sort_by"; });
  if (!is_sorted) query.sort_by = KernelSort::kTotalTime;  // where a program's time went
  if (options.all_rows) query.limit = 0;
  for (const ParameterError& error : in.finish()) {
    return fail(Errc::kInvalidArgument, fmt::format("{}: {}", error.parameter, error.reason));
  }
  return query;
}

AgentFiles agents_beside_this_program() {
  std::array<char, 4096> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (size <= 0) return {};
  return find_agents(std::string(path.data(), static_cast<std::size_t>(size)),
                     [](const std::string& file) { return ::access(file.c_str(), R_OK) == 0; });
}

std::vector<std::string> own_environment() {
  std::vector<std::string> all;
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) all.emplace_back(*one);
  return all;
}

/// What programs reported, as it comes in.
class Collector {
 public:
  Collector(AgentDoor& door, const Clock& clock, std::size_t most_traced)
      : door_(door),
        clock_(clock),
        began_(clock.now()),
        next_edge_(began_ + kEdge),
        monitor_(MonitorLimits(), began_),
        log_(monitor_, most_traced),
        source_(door.source()) {}

  void collect() {
    const Timestamp now = clock_.now();
    source_->feed(now, log_);
    if (now < next_edge_) return;
    next_edge_ = now + kEdge;
    std::ignore =
        monitor_.build(now, true);  // busy time and windows are settled as they are in a server
  }

  std::shared_ptr<const Frame> finish() {
    collect();
    door_.finish();
    source_->feed(clock_.now(), log_);
    auto frame = monitor_.build(clock_.now(), true);
    frame->seq = 1;
    frame->since = began_;
    if (frame->devices.empty()) frame->no_device_reason = "no program reported a device";
    return frame;
  }

  [[nodiscard]] KernelList kernels(const Frame& frame, const KernelQuery& query) const {
    return kernels_of(monitor_, frame, query);
  }

  [[nodiscard]] const ExecutionLog& log() const { return log_; }
  [[nodiscard]] Duration elapsed() const { return clock_.now() - began_; }

 private:
  AgentDoor& door_;
  const Clock& clock_;
  const Timestamp began_;
  Timestamp next_edge_;
  Monitor monitor_;
  ExecutionLog log_;
  const std::unique_ptr<Source> source_;
};

int exit_code_of_start(Errc code) {
  if (code == Errc::kNotFound) return kExitNoProgram;
  return code == Errc::kPermission ? kExitNotExecutable : kExitNotStarted;
}

/// All that can go wrong before the program starts.
struct Preparation {
  std::optional<Scratch> scratch;
  std::string socket;
  Output report;
  std::optional<Output> trace;
};

Result<Preparation> prepare(const RunOptions& options) {
  GPUVIGIL_CHECK(query_of(options, Frame()));
  GPUVIGIL_TRY(Output report, Output::open(options.output));
  Preparation made{
      .scratch = {}, .socket = options.socket, .report = std::move(report), .trace = {}};
  if (!options.trace_out.empty()) {
    GPUVIGIL_TRY(Output trace, Output::open(options.trace_out));
    made.trace.emplace(std::move(trace));
  }
  if (made.socket.empty()) {
    GPUVIGIL_TRY(Scratch scratch, Scratch::make());
    made.socket = scratch.socket();
    made.scratch.emplace(std::move(scratch));
  }
  return made;
}

Result<void> tell(const RunOptions& options, const Preparation& prepared,
                  const Collector& collector, const Frame& frame, RunFacts facts) {
  if (prepared.trace) {
    facts.trace = TraceCounts{.in_file = collector.log().executions().size(),
                              .total = count_executions(frame)};
    GPUVIGIL_CHECK(write_trace(collector.log(), frame, facts.trace->total,
                               [&](std::string_view text) { return prepared.trace->write(text); }));
  }
  GPUVIGIL_TRY(const KernelQuery query, query_of(options, frame));
  const KernelList list = collector.kernels(frame, query);
  return prepared.report.write(options.json ? run_json(frame, list, facts) + "\n"
                                            : run_text(frame, list, facts));
}

}  // namespace

int run_program(const RunOptions& options) {
  const auto fail_before = [](const Error& error) {
    complain(error);
    return static_cast<int>(kExitNotStarted);
  };
  if (options.command.empty()) {
    return complain({Errc::kInvalidArgument, "run what? gpuvigil run [OPTIONS] -- COMMAND..."});
  }
  Child child;  // before there are threads
  const SystemClock clock;
  const auto prepared = prepare(options);
  if (!prepared) return fail_before(prepared.error());
  const bool traces = prepared->trace.has_value();
  const auto door = open_agent_door_at(prepared->socket, traces ? kTracePeriod : kPeriod, clock);
  if (!door) return fail_before(door.error());

  auto watched =
      watched_environment(own_environment(), agents_beside_this_program(), prepared->socket);
  for (const std::string& note : watched.notes) complain({Errc::kNotFound, note});
  Collector collector(**door, clock, traces ? kMostTraced : 0);
  if (const auto started = child.start(options.command, watched.variables); !started) {
    complain(started.error());
    return exit_code_of_start(started.error().code);
  }
  std::optional<ChildEnd> end;
  while (!end) {
    end = child.wait(kPeriod);
    collector.collect();
  }
  const Duration wall = collector.elapsed();
  const auto frame = collector.finish();
  const auto told = tell(options, *prepared, collector, *frame,
                         {.command = options.command,
                          .end = *end,
                          .wall = wall,
                          .programs = (*door)->stats(),
                          .captures = collector.log().captures(),
                          .notes = std::move(watched.notes),
                          .trace = {}});
  if (!told) complain(told.error());
  return end->exit_code;
}

}  // namespace gpuvigil
