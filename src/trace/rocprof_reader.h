// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"
#include "trace/trace_reader.h"
#include "trace/trace_sink.h"

namespace gpuvigil {

/// True for the first bytes of a table that one of AMD's profilers wrote.
[[nodiscard]] bool is_rocprof(std::string_view head);

/// Reads tables (CSV) of AMD's profilers that have times:
///
///   rocprofv3            *_kernel_trace.csv, *_memory_copy_trace.csv
///   rocprof              results.csv (BeginNs, EndNs)
///   rocprofiler-compute  timestamps.csv, pmc_perf.csv
///
/// Columns are found by their names. Devices are as the table numbers them, which counts the
/// processors of the host first; a copy belongs to the device that is not the host (the lowest
/// agents are, so the greater of both numbers). Times count from the start of the machine, and
/// nothing in the table says when that was.
///
/// Rows whose times are no whole nanoseconds are counted in executions_unreadable and never guessed
/// at: a spreadsheet makes 8.1097E+14 of them. Tables of calls and of counters without times, and
/// those in which each kernel stands once for each counter, are refused with what to give instead.
///
/// A text that is cut gives the rows that are whole, and TraceSummary::damage says what was lost.
/// Errors: kCorrupt (no row of it can be used), kTooLarge (a row), kIo. TraceSummary::file_id
/// stays 0.
[[nodiscard]] Result<TraceSummary> read_rocprof(ByteSource& text, TraceSink& sink,
                                                const std::string& file_name,
                                                const ReadProgress& progress = {});

}  // namespace gpuvigil
