// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <sys/types.h>

#include "base/result.h"
#include "base/unique_fd.h"
#include "gpuvigil/segment.h"
#include "gpuvigil/trace_ring.h"
#include "profile/segment_copy.h"

namespace gpuvigil {

/// Where programs look for the server of this user: $GPUVIGIL_SOCKET; as root
/// /run/gpuvigil/agent.sock; else $XDG_RUNTIME_DIR/gpuvigil/agent.sock; else /run/gpuvigil/
/// agent.sock. Never below /tmp, where anybody could have been first.
[[nodiscard]] std::string default_agent_socket();

/// Whoever is at the other end, as the kernel says.
struct AgentPeer {
  UniqueFd socket;
  uid_t uid = 0;
  pid_t pid = 0;  ///< In our pid namespace; 0 when it is in none that we see.
};

/// The socket at which programs that report themselves introduce themselves.
///
/// Any user may connect (0666), in a directory that only its owner writes (0755). The file is made
/// under another name and moved into place once it listens; at the end it is removed if still ours.
/// Threading: one thread at a time.
class AgentSocket {
 public:
  /// Makes the directory (not those above it) if it is not there; takes the place of a socket of
  /// this user at which nobody listens any more. No symbolic link is followed in either name.
  /// Errors: kInvalidArgument (the path; what stands there is no socket), kUnavailable (another
  /// server listens), kPermission, kIo.
  [[nodiscard]] static Result<AgentSocket> open(const std::string& path);

  AgentSocket(AgentSocket&&) noexcept = default;
  AgentSocket& operator=(AgentSocket&&) = delete;
  AgentSocket(const AgentSocket&) = delete;
  AgentSocket& operator=(const AgentSocket&) = delete;
  ~AgentSocket();

  [[nodiscard]] int descriptor() const { return socket_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

  /// Whoever knocks; nothing when nobody does. Errors: kUnavailable (out of descriptors).
  [[nodiscard]] Result<std::optional<AgentPeer>> accept();

 private:
  AgentSocket() = default;

  UniqueFd directory_;
  UniqueFd socket_;
  std::string path_;
  std::string name_;  ///< Within the directory.
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

/// How large a memory may be.
struct MemoryRule {
  std::size_t least = 0;
  std::size_t most = 0;
};

/// The memory of another process, which it can no longer resize.
class SegmentMap {
 public:
  /// Errors: kCorrupt (not a memfd of that size with the seals that segment.h asks for), kIo.
  [[nodiscard]] static Result<SegmentMap> map(UniqueFd memory, std::size_t size, MemoryRule rule);

  SegmentMap(SegmentMap&& other) noexcept;
  SegmentMap& operator=(SegmentMap&&) = delete;
  SegmentMap(const SegmentMap&) = delete;
  SegmentMap& operator=(const SegmentMap&) = delete;
  ~SegmentMap();

  [[nodiscard]] SharedBytes bytes() const { return bytes_; }

 private:
  explicit SegmentMap(SharedBytes bytes) : bytes_(bytes) {}
  SharedBytes bytes_;
};

/// The first message of a peer, made into a mapped segment; nothing while it has said nothing.
/// Errors: kCorrupt (not what segment.h asks for), kUnavailable (a layout of another time), kIo.
[[nodiscard]] Result<std::optional<SegmentMap>> receive_segment(int socket);

/// What a program says to a request for a trace.
struct TraceAnswer {
  std::uint64_t id = 0;            ///< Of the request.
  std::optional<SegmentMap> ring;  ///< Absent: it has no memory to give.
};

/// The answer that a program owes; nothing while it has said nothing.
/// Errors: kCorrupt (not what trace_ring.h asks for), kUnavailable (it has gone), kIo.
[[nodiscard]] Result<std::optional<TraceAnswer>> receive_trace_answer(int socket);

/// Says whether the peer was taken; `refusal` empty: it was. A peer that does not listen is not
/// waited for.
void send_welcome(int socket, const std::string& refusal);

}  // namespace gpuvigil
