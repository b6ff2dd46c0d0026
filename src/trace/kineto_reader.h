// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/file.h"
#include "base/result.h"
#include "trace/trace_reader.h"
#include "trace/trace_sink.h"

namespace gpuvigil {

/// Reads a Kineto or Chrome trace: JSON text, as torch.profiler writes it, one pass over a window
/// of the text.
///
///   bytes ─ TextWindow ─ whole events ─ KinetoEvents ─ TraceSink
///             │                              │
///             BracketScanner                 ObjectWalker
///
/// Who does what: TextWindow keeps the part of the text that is in memory; a BracketScanner finds
/// where an event ends, 64 bytes at a time; ObjectWalker looks at the members of one event;
/// KinetoEvents knows what they mean. Nothing recurses, so nesting costs no stack.
///
/// The top level may be an object with "traceEvents" or the bare array of them, closed or not, with
/// or without a byte order mark; metadata may stand before or after the events; what is no event
/// object is passed over. Times are microseconds as decimals and become integer nanoseconds without
/// ever being a double.
///
/// A text that is cut gives the events that are whole, and TraceSummary::damage says in one line
/// what was lost. One without a single event is refused (kCorrupt), with file and byte offset.
/// `file_name` stands in these lines. TraceSummary::file_id stays 0.
///
/// Memory: 4 MiB of text at most, 4 MiB for a longer event, and the names.
[[nodiscard]] Result<TraceSummary> read_kineto(ByteSource& text, TraceSink& sink,
                                               const std::string& file_name,
                                               const ReadProgress& progress = {});

}  // namespace gpuvigil
