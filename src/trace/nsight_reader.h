// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "trace/trace_reader.h"
#include "trace/trace_sink.h"

namespace gpuvigil {

/// Reads what `nsys export --type sqlite` writes: kernels, copies, sets and, where it was
/// recorded, device memory.
///
/// Exports differ by version: tables without rows are often not there, columns come and go. So
/// tables and columns are found by name, and what is missing is simply none of that. Times of the
/// result count from the start of the session, also where the export counted from the Unix epoch
/// (`--ts-normalize`).
///
/// TraceSummary::file_id is left to the caller, who knows the file.
///
/// `progress(done, total)`, if given, is called now and then with bytes of the file, `done` being
/// an estimate. Memory: the page cache (8 MiB) and the names of kernels (64 MiB at most).
///
/// Rows whose times are no times (NULL, text, an end before its start, outside the session) are
/// counted in executions_unreadable. Names that are in no string table become one that says so.
///
/// Errors: kCorrupt (not SQLite, cut short, damaged pages, no Nsight Systems export), kTooLarge
/// (the names), and those of SqliteFile::open; all in one line that names the file. What reached
/// the sink before an error is not to be used.
[[nodiscard]] Result<TraceSummary> read_nsight(const std::string& path, TraceSink& sink,
                                               const ReadProgress& progress = {});

/// The same from bytes in memory; `name` stands in messages.
[[nodiscard]] Result<TraceSummary> read_nsight_bytes(const std::string& name,
                                                     std::span<const std::byte> bytes,
                                                     TraceSink& sink);

}  // namespace gpuvigil
