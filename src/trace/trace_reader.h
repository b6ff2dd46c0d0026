// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "trace/trace_sink.h"

namespace gpuvigil {

/// Told now and then while a file is read: bytes of the file read so far, and of how many.
using ReadProgress = std::function<void(std::uint64_t, std::uint64_t)>;

/// Receives the recordings of a file one after the other. Most files hold one; an archive of ranks
/// holds several.
class TraceVisitor {
 public:
  virtual ~TraceVisitor() = default;

  /// A recording begins. `name` is the file, or "file:member" in an archive; `file_id` is that of
  /// its summary. The sink must live until recording_ends().
  virtual TraceSink& recording_begins(const std::string& name, std::uint64_t file_id) = 0;

  /// It has ended; of a member that could not be read, with no events and the reason as its damage.
  virtual void recording_ends(const TraceSummary& summary) = 0;
};

/// Reads a recording of GPU work. What it is is told by its content, never by its name:
///
///   SQLite                        an Nsight Systems export (nsight_reader.h)
///   JSON, plain or gzip           Kineto or Chrome trace (kineto_reader.h)
///   CSV, plain or gzip            a table of AMD's profilers (rocprof_reader.h)
///   tar, plain or gzip            an archive of JSON and CSV recordings, plain or gzip themselves
///
/// TraceSummary::file_id is the first 64 bits of SHA-256 over the size and the first MiB of the
/// file (of an archive's member: of its size and name and the archive's id).
///
/// Returns the summaries, in the order of the file; at least one of them has events. Errors: those
/// of FileSource::open, and kCorrupt in one line with file and byte offset where nothing of the
/// file can be used. What reached the visitor before an error is not to be used.
/// Memory: at most 16 MiB beside the table of names, whatever the size of the file.
[[nodiscard]] Result<std::vector<TraceSummary>> read_trace(const std::string& path,
                                                           TraceVisitor& visitor,
                                                           const ReadProgress& progress = {});

}  // namespace gpuvigil
