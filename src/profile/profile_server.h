// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <sys/types.h>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "model/source.h"
#include "model/tracer.h"

// How programs report themselves:
//
//   AgentSocket     where they introduce themselves, and hand over their memory
//   SegmentReader   that memory, read again and again: what is new in it
//   ProfileServer   the thread that does both, four times a second
//   ProfileSource   hands what it found to the engine
//   TraceDesk       single executions of those of whom somebody asks for them

namespace gpuvigil {

/// How much of everything programs may take. What is over is refused and counted.
struct ProfileLimits {
  std::size_t programs = 1'024;
  std::size_t programs_per_uid = 128;
  std::size_t segment_bytes = std::size_t{256} << 20U;
  std::size_t segment_bytes_per_uid = std::size_t{64} << 20U;
  std::size_t waiting_bytes = std::size_t{32} << 20U;  ///< Read, and not yet in a frame.
  Duration hello = std::chrono::seconds(5);            ///< For a program to introduce itself.
};

/// What happened to one program, for the log.
struct ProfileEvent {
  enum class Kind { kAttached, kLeft, kRefused };
  Kind kind = Kind::kRefused;
  pid_t pid = 0;
  uid_t uid = 0;
  std::string what;              ///< Its writer ("sdk"); of a refusal, why.
  std::uint64_t unreported = 0;  ///< Events since the last one that were not told of.
};

struct ProfileOptions {
  std::string path;  ///< Of the socket; see default_agent_socket().
  Duration period = std::chrono::milliseconds(250);
  ProfileLimits limits;
  /// Called on the server's thread, at most ten times a second. May be empty.
  std::function<void(const ProfileEvent&)> on_event;
};

struct ProfileStats {
  std::uint64_t programs = 0;  ///< Attached now.
  std::uint64_t attached = 0;
  std::uint64_t refused = 0;
};

/// Takes the segments of programs that report themselves, and reads them on a thread of its own.
///
/// Threading: start(), source(), finish() and the destructor from one thread; stats() and trace()
/// from any.
class ProfileServer final : public Tracer {
 public:
  /// Listens when it returns. `timeline` must outlive the server.
  /// Errors: those of AgentSocket::open().
  [[nodiscard]] static Result<std::unique_ptr<ProfileServer>> start(ProfileOptions options,
                                                                    const Clock& timeline);
  ~ProfileServer() override;
  ProfileServer(const ProfileServer&) = delete;
  ProfileServer& operator=(const ProfileServer&) = delete;

  /// What hands the reports to an engine; to be asked for once. It may outlive the server.
  [[nodiscard]] std::unique_ptr<Source> source();

  /// Takes in what programs have told up to now, those too that came and went unheard, and stops.
  /// What of it does not fit into the inbox is not read: drain the source before. Idempotent.
  void finish();

  [[nodiscard]] ProfileStats stats() const;

  void trace(const TraceWish& wish, Asker asker) override;

 private:
  class Loop;
  explicit ProfileServer(std::unique_ptr<Loop> loop);

  std::unique_ptr<Loop> loop_;
  std::thread thread_;
};

}  // namespace gpuvigil
