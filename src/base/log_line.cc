// SPDX-License-Identifier: Apache-2.0
#include "base/log_line.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/text.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxName = 128;  ///< Of an event or a key.
constexpr std::size_t kTail = 40;      ///< For what ends a line in any case.
constexpr std::string_view kCut = "...";

void append_time(std::string& line, Timestamp at) {
  using namespace std::chrono;
  const auto day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss<milliseconds> time(floor<milliseconds>(at - day));
  fmt::format_to(std::back_inserter(line), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 int{date.year()}, unsigned{date.month()}, unsigned{date.day()},
                 time.hours().count(), time.minutes().count(), time.seconds().count(),
                 time.subseconds().count());
}

/// How the first character of `rest` is written between quotes.
std::string escaped(LogFormat format, std::string_view rest, Utf8Char c) {
  if (c.length == 0) {
    return format == LogFormat::kJson
               ? "\\ufffd"
               : fmt::format("\\x{:02x}", static_cast<unsigned char>(rest.front()));
  }
  switch (c.value) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      break;
  }
  // All characters that are not harmless are below U+10000.
  if (!is_harmless(c.value)) return fmt::format("\\u{:04x}", static_cast<unsigned>(c.value));
  return std::string(rest.substr(0, c.length));
}

/// `text` as it stands between quotes, cut to `most` bytes.
void append_escaped(std::string& line, LogFormat format, std::string_view text, std::size_t most) {
  const std::size_t end = line.size() + most - kCut.size();
  while (!text.empty()) {
    const Utf8Char c = first_char(text);
    const std::string piece = escaped(format, text, c);
    if (line.size() + piece.size() > end) {
      line += kCut;
      return;
    }
    line += piece;
    text.remove_prefix(std::max<std::size_t>(c.length, 1));
  }
}

bool is_plain_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return c > ' ' && c < 0x7F && c != '"' && c != '=' && c != '\\';
  });
}

void append_json_text(std::string& line, std::string_view text, std::size_t most) {
  line += '"';
  append_escaped(line, LogFormat::kJson, text, most);
  line += '"';
}

void append_word(std::string& line, std::string_view text, std::size_t most) {
  if (is_plain_word(text) && text.size() <= most) {
    line += text;
    return;
  }
  line += '"';
  append_escaped(line, LogFormat::kLogfmt, text, most);
  line += '"';
}

/// " key=value" or ,"key":value
void append_field(std::string& out, LogFormat format, const LogField& field, std::string& scratch) {
  scratch.clear();
  field.append_to(scratch);
  if (format == LogFormat::kLogfmt) {
    out += ' ';
    append_word(out, field.key(), kMaxName);
    out += '=';
    append_word(out, scratch, kMaxLogValue);
    return;
  }
  out += ',';
  append_json_text(out, field.key(), kMaxName);
  out += ':';
  if (field.is_bare()) {
    out += scratch;
  } else {
    append_json_text(out, scratch, kMaxLogValue);
  }
}

void begin_line(std::string& line, LogFormat format, Timestamp at, LogLevel level,
                std::string_view event) {
  if (format == LogFormat::kLogfmt) {
    line += "ts=";
    append_time(line, at);
    line += " level=";
    line += log_level_name(level);
    line += " event=";
    append_word(line, event, kMaxName);
    return;
  }
  line += R"({"ts":")";
  append_time(line, at);
  line += R"(","level":")";
  line += log_level_name(level);
  line += R"(","event":)";
  append_json_text(line, event, kMaxName);
}

}  // namespace

std::string log_line(LogFormat format, Timestamp at, LogLevel level, std::string_view event,
                     std::initializer_list<LogField> fields) {
  std::string line;
  std::string field_text;
  std::string scratch;
  begin_line(line, format, at, level, event);
  std::size_t left_out = 0;
  for (const LogField& field : fields) {
    field_text.clear();
    append_field(field_text, format, field, scratch);
    if (line.size() + field_text.size() > kMaxLogLine - kTail) {
      ++left_out;
    } else {
      line += field_text;
    }
  }
  if (left_out > 0) append_field(line, format, kv("fields_left_out", left_out), scratch);
  line += format == LogFormat::kJson ? "}\n" : "\n";
  return line;
}

}  // namespace gpuvigil
