// SPDX-License-Identifier: Apache-2.0
#include "profile/profile_server.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/thread.h"
#include "profile/agent_socket.h"
#include "profile/profile_source.h"
#include "profile/segment_reader.h"
#include "profile/trace_desk.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr int kAcceptsARound = 64;
constexpr int kBacklog = 512;          ///< That of the socket, at least.
constexpr Duration kAcceptPause = 1s;  ///< After the descriptors ran out.
constexpr int kToldASecond = 10;
constexpr std::size_t kMostOrders = 16;  ///< Of traces, between two rounds.

/// One program: introducing itself, reporting, or gone with something left to read.
struct Program {
  AgentPeer peer;
  SteadyTime deadline;  ///< For its introduction.
  std::uint64_t id = 0;
  std::optional<SegmentMap> memory;  ///< Once it has introduced itself.
  std::optional<SegmentReader> reader;
  bool has_left = false;
  bool is_over = false;
};

/// What one user holds.
struct Held {
  std::size_t programs = 0;
  std::size_t bytes = 0;
};

}  // namespace

class ProfileServer::Loop {
 public:
  Loop(AgentSocket socket, ProfileOptions options, const Clock& timeline, UniqueFd wake)
      : socket_(std::move(socket)),
        options_(std::move(options)),
        timeline_(timeline),
        wake_(std::move(wake)),
        inbox_(std::make_shared<ProfileInbox>(options_.limits.waiting_bytes)),
        desk_(timeline) {}

  void run();
  void stop(bool is_to_hear_out) {
    is_to_hear_out_ = is_to_hear_out;
    is_stopping_ = true;
    wake();
  }
  void order(TraceOrder order);

  [[nodiscard]] std::unique_ptr<Source> source() { return std::make_unique<ProfileSource>(inbox_); }
  [[nodiscard]] ProfileStats stats() const {
    return {.programs = programs_now_, .attached = attached_, .refused = refused_};
  }

 private:
  void wake() {
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof(one));
  }
  [[nodiscard]] int timeout_ms(SteadyTime now) const;
  /// False once stop() was called.
  bool wait(SteadyTime now) { return poll_all(now, timeout_ms(now)); }
  bool poll_all(SteadyTime now, int timeout);
  void heed_all();
  void hear_out();
  void begin_traces();
  void accept_all();
  void introduce(Program& program);
  void attach(Program& program, SegmentMap memory);
  void heed(Program& program, short events);
  void read(Program& program);
  void read_all();
  void refuse(Program& program, const std::string& why);
  void tell(ProfileEvent::Kind kind, const Program& program, std::string what);
  void forget_the_gone();
  [[nodiscard]] std::size_t bytes_of(const Program& program) const {
    return program.memory ? program.memory->bytes().size() : 0;
  }

  AgentSocket socket_;
  const ProfileOptions options_;
  const Clock& timeline_;
  const UniqueFd wake_;
  const std::shared_ptr<ProfileInbox> inbox_;
  std::atomic<std::uint64_t> programs_now_{0};
  std::atomic<std::uint64_t> attached_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<bool> is_to_hear_out_{false};
  std::atomic<bool> is_stopping_{false};
  BoundedQueue<TraceOrder> orders_{kMostOrders, WhenFull::kDropNewest};

  // The loop's thread only.
  std::vector<std::unique_ptr<Program>> programs_;
  std::map<uid_t, Held> held_;
  std::size_t held_bytes_ = 0;
  std::uint64_t programs_made_ = 0;
  std::vector<pollfd> polled_;
  SteadyTime next_read_{};
  SteadyTime accept_again_{};
  SteadyTime telling_since_{};
  int told_ = 0;
  std::uint64_t untold_ = 0;
  TraceDesk desk_;
};

void ProfileServer::Loop::run() {
  while (wait(std::chrono::steady_clock::now())) {
    const SteadyTime now = std::chrono::steady_clock::now();
    heed_all();
    begin_traces();
    desk_.look(now);
    if (polled_[1].revents != 0) accept_all();
    for (const auto& program : programs_) {
      if (!program->reader && !program->is_over && now >= program->deadline) {
        refuse(*program, "it did not introduce itself");
      }
    }
    if (now >= next_read_) {
      read_all();
      next_read_ = now + options_.period;
    }
    forget_the_gone();
  }
  if (is_to_hear_out_) hear_out();
}

void ProfileServer::Loop::heed_all() {
  for (std::size_t i = 0; i < programs_.size(); ++i) heed(*programs_[i], polled_[i + 2].revents);
}

void ProfileServer::Loop::order(TraceOrder order) {
  const Tracer::Asker asker = order.asker;
  if (!orders_.push(std::move(order))) {
    asker.done(std::unexpected(
        TraceFailure{TraceFailure::Kind::kTooMany, "too many ask for traces at once"}));
  }
  wake();
}

void ProfileServer::Loop::begin_traces() {
  if (polled_[0].revents == 0) return;
  std::uint64_t number = 0;
  (void)!::read(wake_.get(), &number, sizeof(number));
  for (TraceOrder& order : orders_.drain()) {
    std::vector<TraceableProgram> asked;
    for (const auto& program : programs_) {
      const bool is_here = program->reader && !program->has_left && !program->is_over;
      if (!is_here || program->peer.pid != static_cast<pid_t>(order.wish.pid)) continue;
      asked.push_back({.id = program->id,
                       .socket = program->peer.socket.get(),
                       .writer = std::string(program->reader->writer()),
                       .layout = program->reader->layout(),
                       .segment = program->memory->bytes()});
    }
    desk_.begin(std::move(order), asked, std::chrono::steady_clock::now());
  }
}

/// Whoever has died has said all that it ever will: one more look at everything is enough, at its
/// introduction first and then at its end.
void ProfileServer::Loop::hear_out() {
  accept_again_ = {};
  for (std::size_t i = 0; i < kBacklog / kAcceptsARound; ++i) accept_all();
  for (int round = 0; round < 2; ++round) {
    poll_all(std::chrono::steady_clock::now(), 0);
    heed_all();
  }
  read_all();
  forget_the_gone();
}

int ProfileServer::Loop::timeout_ms(SteadyTime now) const {
  if (programs_.empty() && accept_again_ <= now && desk_.is_idle()) return -1;
  const Duration period = desk_.is_idle() ? options_.period : TraceDesk::kPeriod;
  const Duration wait = std::clamp<Duration>(next_read_ - now, 0ms, period);
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wait).count());
}

bool ProfileServer::Loop::poll_all(SteadyTime now, int timeout) {
  polled_.clear();
  polled_.push_back({.fd = wake_.get(), .events = POLLIN, .revents = 0});
  const int listener = now < accept_again_ ? -1 : socket_.descriptor();
  polled_.push_back({.fd = listener, .events = POLLIN, .revents = 0});
  for (const auto& program : programs_) {
    const int fd = program->has_left ? -1 : program->peer.socket.get();
    polled_.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  }
  if (::poll(polled_.data(), polled_.size(), timeout) < 0) {
    for (pollfd& one : polled_) one.revents = 0;  // interrupted: nobody was heard
  }
  return !is_stopping_;
}

void ProfileServer::Loop::accept_all() {
  for (int i = 0; i < kAcceptsARound; ++i) {
    auto peer = socket_.accept();
    if (!peer) {
      accept_again_ = std::chrono::steady_clock::now() + kAcceptPause;
      return;
    }
    if (!*peer) return;
    auto program = std::make_unique<Program>();
    program->peer = *std::move(*peer);
    program->deadline = std::chrono::steady_clock::now() + options_.limits.hello;
    Held& held = held_[program->peer.uid];
    ++held.programs;
    const bool fits = programs_.size() < options_.limits.programs &&
                      held.programs <= options_.limits.programs_per_uid;
    if (!fits) refuse(*program, "too many programs report themselves already");
    // The one that was refused is forgotten with the others.
    programs_.push_back(std::move(program));
    if (fits) introduce(*programs_.back());
  }
}

void ProfileServer::Loop::introduce(Program& program) {
  auto memory = receive_segment(program.peer.socket.get());
  if (!memory) return refuse(program, memory.error().message);
  if (*memory) attach(program, *std::move(*memory));
}

void ProfileServer::Loop::attach(Program& program, SegmentMap memory) {
  const std::size_t bytes = memory.bytes().size();
  Held& held = held_[program.peer.uid];
  if (held.bytes + bytes > options_.limits.segment_bytes_per_uid ||
      held_bytes_ + bytes > options_.limits.segment_bytes) {
    return refuse(program, "the programs of this user have too much memory shared already");
  }
  auto reader = SegmentReader::open(memory.bytes());
  if (!reader) return refuse(program, reader.error().message);
  held.bytes += bytes;
  held_bytes_ += bytes;
  program.id = ++programs_made_;
  program.memory.emplace(std::move(memory));
  program.reader.emplace(*std::move(reader));
  ++programs_now_;
  ++attached_;
  // From here on what it counted is ours to tell: it begins a new segment when we have gone.
  send_welcome(program.peer.socket.get(), "");
  tell(ProfileEvent::Kind::kAttached, program, std::string(program.reader->writer()));
  if (next_read_ <= std::chrono::steady_clock::now()) return;
  read(program);
}

void ProfileServer::Loop::heed(Program& program, short events) {
  if (events == 0 || program.is_over) return;
  if (!program.reader) return introduce(program);
  if (desk_.expects(program.id) &&
      desk_.hear(program.id, program.peer.socket.get(), std::chrono::steady_clock::now())) {
    return;
  }
  // It has nothing more to say: whatever it is, it is the end.
  program.has_left = true;
  read(program);
}

void ProfileServer::Loop::read(Program& program) {
  if (!inbox_->has_room()) return;  // the engine is busy: it waits where it is
  const auto monotonic = std::chrono::steady_clock::now().time_since_epoch();
  const SegmentTime time{
      .now = timeline_.now(),
      .monotonic_now_ns = static_cast<std::uint64_t>(Duration(monotonic).count())};
  auto delta = program.reader->read(program.memory->bytes(), time, program.has_left);
  if (!delta) {
    inbox_->push({.client = program.id,
                  .uid = program.peer.uid,
                  .pid = program.peer.pid,
                  .writer = std::string(program.reader->writer()),
                  .delta = {},
                  .is_last = true});
    return refuse(program, delta.error().message);
  }
  const bool is_news = program.has_left || !delta->is_empty();
  if (is_news) {
    inbox_->push({.client = program.id,
                  .uid = program.peer.uid,
                  .pid = program.peer.pid,
                  .writer = std::string(program.reader->writer()),
                  .delta = *std::move(delta),
                  .is_last = program.has_left});
  }
  if (!program.has_left) return;
  program.is_over = true;
  tell(ProfileEvent::Kind::kLeft, program, std::string(program.reader->writer()));
}

void ProfileServer::Loop::read_all() {
  // Not always the same first: when the inbox is full, the last ones wait.
  if (!programs_.empty()) std::ranges::rotate(programs_, programs_.begin() + 1);
  for (const auto& program : programs_) {
    if (program->reader && !program->is_over) read(*program);
  }
}

void ProfileServer::Loop::refuse(Program& program, const std::string& why) {
  ++refused_;
  if (!program.reader) send_welcome(program.peer.socket.get(), why);
  program.is_over = true;
  tell(ProfileEvent::Kind::kRefused, program, why);
}

void ProfileServer::Loop::tell(ProfileEvent::Kind kind, const Program& program, std::string what) {
  const SteadyTime now = std::chrono::steady_clock::now();
  if (now - telling_since_ >= 1s) {
    telling_since_ = now;
    told_ = 0;
  }
  if (!options_.on_event) return;
  if (++told_ > kToldASecond) {
    ++untold_;
    return;
  }
  options_.on_event({.kind = kind,
                     .pid = program.peer.pid,
                     .uid = program.peer.uid,
                     .what = std::move(what),
                     .unreported = std::exchange(untold_, 0)});
}

void ProfileServer::Loop::forget_the_gone() {
  std::erase_if(programs_, [this](const std::unique_ptr<Program>& program) {
    if (!program->is_over) return false;
    desk_.left(program->id);
    const auto held = held_.find(program->peer.uid);
    held->second.bytes -= bytes_of(*program);
    held_bytes_ -= bytes_of(*program);
    if (program->reader) --programs_now_;
    if (--held->second.programs == 0) held_.erase(held);
    return true;
  });
}

ProfileServer::ProfileServer(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {
  thread_ = start_thread("gpuvigil-agents", [this] { loop_->run(); });
}

Result<std::unique_ptr<ProfileServer>> ProfileServer::start(ProfileOptions options,
                                                            const Clock& timeline) {
  GPUVIGIL_TRY(AgentSocket socket, AgentSocket::open(options.path));
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return fail(Errc::kUnavailable, "out of descriptors");
  return std::unique_ptr<ProfileServer>(new ProfileServer(
      std::make_unique<Loop>(std::move(socket), std::move(options), timeline, std::move(wake))));
}

ProfileServer::~ProfileServer() {
  if (!thread_.joinable()) return;
  loop_->stop(false);
  thread_.join();
}

void ProfileServer::finish() {
  if (!thread_.joinable()) return;
  loop_->stop(true);
  thread_.join();
}

std::unique_ptr<Source> ProfileServer::source() {
  return loop_->source();
}

void ProfileServer::trace(const TraceWish& wish, Asker asker) {
  loop_->order({.wish = wish, .asker = std::move(asker)});
}

ProfileStats ProfileServer::stats() const {
  return loop_->stats();
}

}  // namespace gpuvigil
