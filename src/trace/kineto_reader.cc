// SPDX-License-Identifier: Apache-2.0
#include "trace/kineto_reader.h"

#include <utility>

#include <fmt/format.h>

#include "base/decimal.h"
#include "trace/json_text.h"
#include "trace/kineto_devices.h"
#include "trace/kineto_events.h"
#include "trace/long_event.h"
#include "trace/text_window.h"

namespace gpuvigil {
namespace {

/// One pass over one document.
class KinetoReader {
 public:
  KinetoReader(ByteSource& text, TraceSink& sink, const std::string& file_name,
               const ReadProgress& progress)
      : window_(text, progress),
        inflated_(text.is_inflated()),
        file_name_(file_name),
        events_(sink, properties_) {}

  Result<TraceSummary> read() {
    read_document();
    ignore_rest();
    return conclude();
  }

 private:
  void read_document();
  void read_members();
  bool read_member();
  bool read_metadata(std::string_view key);
  bool read_events(bool bare);
  bool read_event();
  bool read_long_event();
  void skip_stranger();
  void ignore_rest();
  Result<TraceSummary> conclude();

  /// Remembers what is wrong; the first word about it is the one that counts.
  void note(std::uint64_t at, std::string what) {
    if (!problem_.empty()) return;
    problem_at_ = at;
    problem_ = std::move(what);
  }
  /// The text ended inside `what`, which began at `began`.
  bool cut(std::uint64_t began, std::string_view what) {
    window_.consume(window_.text().size());
    bytes_unreadable_ += window_.offset() - began;
    cut_ = true;
    note(window_.offset(), fmt::format("the file ends inside {}", what));
    return false;
  }

  TextWindow window_;
  bool inflated_;
  const std::string& file_name_;
  DeviceProperties properties_;
  KinetoEvents events_;
  std::int64_t base_unix_ns_ = 0;
  std::uint64_t event_count_ = 0;
  std::uint64_t bytes_unreadable_ = 0;
  bool events_seen_ = false;
  bool cut_ = false;
  std::uint64_t problem_at_ = 0;
  std::string problem_;
};

void KinetoReader::read_document() {
  int first = window_.peek();
  if (first == 0xEF) {  // a byte order mark
    while (window_.text().size() < 3 && window_.more() == TextWindow::More::kYes) continue;
    if (window_.text().starts_with("\xEF\xBB\xBF")) window_.consume(3);
    first = window_.peek();
  }
  if (first == '[') {
    events_seen_ = true;
    read_events(true);
  } else if (first == '{') {
    read_members();
  } else if (first < 0) {
    note(window_.offset(), window_.offset() == 0 ? "the file is empty" : "there is no text");
  } else {
    note(window_.offset(), "expected a JSON object or array of trace events");
  }
}

/// The document is an object: its members, one after the other, up to its end or the first that
/// cannot be read.
void KinetoReader::read_members() {
  const std::uint64_t began = window_.offset();
  window_.consume(1);
  for (;;) {
    const int next = window_.peek();
    if (next == '}') {
      window_.consume(1);
      if (!events_seen_) note(window_.offset(), "the document has no \"traceEvents\"");
      return;
    }
    if (next < 0) {
      cut(events_seen_ ? window_.offset() : began, "the document");
      return;
    }
    if (next == ',') {
      window_.consume(1);
    } else if (next != '"') {
      note(window_.offset(), "expected the name of a member");
      return;
    } else if (!read_member()) {
      return;
    }
  }
}

/// A member at the cursor; false when the document cannot be followed any further.
bool KinetoReader::read_member() {
  const std::uint64_t began = window_.offset();
  const JsonExtent extent = window_.extent();
  if (extent.end == JsonExtent::End::kCut) return cut(began, "the name of a member");
  const bool whole = extent.end == JsonExtent::End::kWhole;
  const std::string key(whole ? unquoted(window_.text().substr(0, extent.size)) : "");
  if (!window_.skip_value()) return cut(began, "the name of a member");

  const int colon = window_.peek();
  if (colon < 0) return cut(began, "a member");
  if (colon != ':') {
    note(window_.offset(), "expected a colon");
    return false;
  }
  window_.consume(1);
  const int first = window_.peek();
  if (first < 0) return cut(began, "a member");
  if (key == "traceEvents" && first == '[') {
    if (!events_seen_) {
      events_seen_ = true;
      return read_events(false);
    }
    note(window_.offset(), "ignored a second \"traceEvents\"");
  } else if (key == "traceEvents") {
    note(window_.offset(), "\"traceEvents\" is no array");
  }
  return read_metadata(key);
}

/// A value at the cursor that is not the events.
bool KinetoReader::read_metadata(std::string_view key) {
  const std::uint64_t began = window_.offset();
  if (key == "baseTimeNanoseconds" || key == "deviceProperties") {
    const JsonExtent extent = window_.extent();
    if (extent.end == JsonExtent::End::kWhole) {
      const std::string_view value = window_.text().substr(0, extent.size);
      if (key == "deviceProperties") {
        if (value.starts_with('[')) properties_.parse(value);
      } else {
        base_unix_ns_ = parse_scaled(unquoted(value), 0).value_or(0);
      }
    }
  }
  if (ends_json_scalar(window_.text().front()) && window_.text().front() != '[' &&
      window_.text().front() != '{') {
    note(began, "expected a value");
    return false;
  }
  return window_.skip_value() || cut(began, "a member");
}

/// The array of events at the cursor. Of a bare one the closing bracket may be missing: the format
/// allows it, for programs that die while they write.
bool KinetoReader::read_events(bool bare) {
  window_.consume(1);
  for (;;) {
    const int next = window_.peek();
    if (next == '{') {
      if (!read_event()) return false;
      if (window_.text().starts_with(',')) window_.consume(1);
    } else if (next == ',') {
      window_.consume(1);
    } else if (next == ']') {
      window_.consume(1);
      return true;
    } else if (next < 0) {
      return bare ? false : cut(window_.offset(), "the list of events");
    } else {
      const std::uint64_t began = window_.offset();
      if (!window_.skip_value()) return cut(began, "the list of events");
      if (window_.offset() == began) skip_stranger();
    }
  }
}

/// A character that begins no value.
void KinetoReader::skip_stranger() {
  note(window_.offset(), "ignored what is no event");
  window_.consume(1);
  ++bytes_unreadable_;
}

bool KinetoReader::read_event() {
  const std::uint64_t began = window_.offset();
  const JsonExtent extent = window_.extent();
  if (extent.end == JsonExtent::End::kCut) return cut(began, "an event");
  if (extent.end == JsonExtent::End::kTooLong) return read_long_event();
  ++event_count_;
  if (!events_.read({.text = window_.text().substr(0, extent.size), .quotes = window_.quotes()})) {
    note(began, "ignored an event that is no JSON object");
    bytes_unreadable_ += extent.size;
  }
  window_.consume(extent.size);
  return true;
}

bool KinetoReader::read_long_event() {
  const std::uint64_t began = window_.offset();
  LongEvent event;
  while (!event.ended()) {
    const std::string_view text = window_.text();
    window_.consume(event.take(text));
    if (!event.ended() && window_.text().empty() && window_.more() != TextWindow::More::kYes) {
      return cut(began, "an event");
    }
  }
  ++event_count_;
  if (event.overflowed()) {
    note(began, "ignored an event that is too long");
    bytes_unreadable_ += window_.offset() - began;
  } else if (!events_.read({.text = event.text(), .quotes = {}})) {
    note(began, "ignored an event that is no JSON object");
    bytes_unreadable_ += window_.offset() - began;
  }
  return true;
}

/// Whatever follows the document is no part of it. It is read all the same, because only the end
/// of a compressed file tells whether it was whole.
void KinetoReader::ignore_rest() {
  if (window_.peek() < 0) return;
  const std::uint64_t began = window_.offset();
  do {
    window_.consume(window_.text().size());
  } while (window_.more() == TextWindow::More::kYes);
  const std::uint64_t ignored = window_.offset() - began;
  bytes_unreadable_ += ignored;
  if (problem_.empty()) {
    note(began, fmt::format("ignored {} bytes after the end", ignored));
  } else if (!cut_ && event_count_ > 0) {
    problem_ += fmt::format("; ignored {} bytes from byte {} on", ignored, began);
  }
}

Result<TraceSummary> KinetoReader::conclude() {
  const std::string source_damage = window_.damage();
  if (event_count_ == 0) note(window_.offset(), "there are no events");
  std::string line;
  if (!problem_.empty()) {
    line = fmt::format("{}: byte {}{}: {}", file_name_, problem_at_,
                       inflated_ ? " of the inflated text" : "", problem_);
    if (!source_damage.empty()) line += ", because " + source_damage;
  } else if (!source_damage.empty()) {
    line = fmt::format("{}: {}", file_name_, source_damage);
  }
  if (event_count_ == 0) return fail(Errc::kCorrupt, line);
  if (cut_) line += fmt::format("; {} whole events were read, the rest is lost", event_count_);

  TraceSummary summary;
  summary.format = "kineto";
  summary.events = event_count_;
  summary.bytes_unreadable = bytes_unreadable_;
  summary.damage = std::move(line);
  events_.finish(summary);
  std::int64_t unused = 0;
  const bool base_fits =
      base_unix_ns_ >= 0 &&
      !__builtin_add_overflow(base_unix_ns_, summary.first_ns.value_or(0), &unused) &&
      !__builtin_add_overflow(base_unix_ns_, summary.last_ns.value_or(0), &unused);
  summary.base_unix_ns = base_fits ? base_unix_ns_ : 0;
  return summary;
}

}  // namespace

Result<TraceSummary> read_kineto(ByteSource& text, TraceSink& sink, const std::string& file_name,
                                 const ReadProgress& progress) {
  return KinetoReader(text, sink, file_name, progress).read();
}

}  // namespace gpuvigil
