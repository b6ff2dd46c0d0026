// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace gpuvigil {

struct SpoolOptions {
  std::string directory;  ///< Its own; made private when it is not there.
  std::uint64_t max_bytes = std::uint64_t{64} << 20U;  ///< On disk; at least two segments.
};

/// What waits to be sent, on disk, in its order: a restart of the program or an end of the other
/// side that lasts for hours loses nothing that has room.
///
///     0000000000000001.spool   a segment of records: length, checksum, bytes; the least is oldest
///     read                     number of the oldest segment and how far it was taken
///
/// When there is no room the oldest segment goes, and its records are counted. What a crash cut off
/// is left out when the spool is opened again; what was taken just before may be there again.
///
/// Threading: one thread; one process, which a lock makes sure of.
class Spool {
 public:
  static constexpr std::uint32_t kMaxRecord = std::uint32_t{4} << 20U;
  static constexpr std::uint64_t kSegmentBytes = std::uint64_t{1} << 20U;

  struct Stats {
    std::uint64_t records = 0;  ///< That wait.
    std::uint64_t bytes = 0;    ///< On disk.
    std::uint64_t dropped = 0;  ///< Records that had to go for lack of room, since it was opened.
    std::uint64_t damaged = 0;  ///< Segments that ended with something cut off or changed.
  };

  /// Errors: kPermission, kIo; kUnavailable when another process has it.
  [[nodiscard]] static Result<std::unique_ptr<Spool>> open(const SpoolOptions& options);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// Appends a record. Errors: kTooLarge beyond kMaxRecord; kIo (the disk is full), after which the
  /// record is not there.
  [[nodiscard]] Result<void> push(std::string_view record);

  /// The oldest record, which stays; nothing when there is none.
  [[nodiscard]] std::optional<std::string> front();

  /// Takes the oldest record away. Requires that there is one.
  void pop();

  [[nodiscard]] const Stats& stats() const { return stats_; }

 private:
  struct Segment {
    std::uint64_t number = 0;
    std::uint64_t bytes = 0;    ///< Of whole records.
    std::uint64_t offset = 0;   ///< Of the first record that was not taken.
    std::uint64_t records = 0;  ///< From there on.
  };

  Spool(SpoolOptions options, UniqueFd lock);
  [[nodiscard]] Result<void> load();
  [[nodiscard]] std::string path_of(std::uint64_t number) const;
  [[nodiscard]] Result<UniqueFd> open_segment(std::uint64_t number, int flags) const;
  /// Reads how many whole records there are from `segment.offset` on.
  void survey(Segment& segment);
  /// The record at the offset; nothing where there is no whole one.
  [[nodiscard]] static std::optional<std::string> read_record(int fd, std::uint64_t offset);
  void drop_front(bool is_loss);
  void remember_position();

  const SpoolOptions options_;
  const UniqueFd lock_;
  UniqueFd tail_;  ///< The last segment, to append to.
  UniqueFd head_;  ///< The first one, to read from; none: not open yet.
  UniqueFd position_;
  std::deque<Segment> segments_;
  std::uint64_t next_number_ = 1;
  Stats stats_;
};

}  // namespace gpuvigil
