// SPDX-License-Identifier: Apache-2.0
#include "trace/csv_reader.h"

#include <span>
#include <utility>

namespace gpuvigil {
namespace {

constexpr std::size_t kStep = std::size_t{256} << 10U;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

/// Reads on behind what is there; false at the end.
Result<bool> CsvReader::more() {
  if (has_ended_) return false;
  buffer_.erase(0, begin_);
  begin_ = 0;
  const std::size_t filled = buffer_.size();
  buffer_.resize(filled + kStep);
  auto count = text_.read(std::span(buffer_).subspan(filled));
  buffer_.resize(filled + count.value_or(0));
  if (!count) return std::unexpected(std::move(count).error());
  has_ended_ = *count == 0;
  return !has_ended_;
}

Result<CsvReader::Row> CsvReader::next(std::vector<std::string_view>& cells) {
  cells.clear();
  std::size_t at = 0;  // from begin_
  bool quoted = false;
  for (;;) {
    for (; begin_ + at < buffer_.size(); ++at) {
      const char c = buffer_[begin_ + at];
      if (c == '"') quoted = !quoted;
      if (c == '\n' && !quoted) break;
    }
    const bool has_line = begin_ + at < buffer_.size();
    if (!has_line && at <= kMaxRowBytes) {
      GPUVIGIL_TRY(const bool has_more, more());
      if (has_more) continue;
    }
    offset_ = next_offset_;
    size_ = at + (has_line ? 1 : 0);
    if (at > kMaxRowBytes) return Row::kTooLong;
    if (!has_line && at == 0) return Row::kEnd;
    if (quoted) return Row::kCut;
    next_offset_ += size_;
    const bool is_whole = split(cells);
    begin_ += size_;
    at = 0;
    if (!is_whole) return Row::kTooLong;
    if (cells.empty()) continue;  // an empty line
    ++row_;
    return Row::kWhole;
  }
}

/// Cuts the row of size_ bytes at begin_ into cells, and takes their quotes off within the buffer.
bool CsvReader::split(std::vector<std::string_view>& cells) {
  char* at = buffer_.data() + begin_;
  const char* end = at + size_;
  while (end > at && (end[-1] == '\n' || end[-1] == '\r')) --end;
  if (offset_ == 0 && std::string_view(at, end).starts_with(kByteOrderMark)) {
    at += kByteOrderMark.size();
  }
  if (at == end) return true;
  for (;;) {
    if (cells.size() == kMaxCells) return false;
    const char* const cell = at;
    char* into = at;
    bool quoted = false;
    while (at < end && (quoted || *at != ',')) {
      if (*at != '"') {
        *into++ = *at++;
      } else if (quoted && at + 1 < end && at[1] == '"') {
        *into++ = '"';
        at += 2;
      } else {
        quoted = !quoted;
        ++at;
      }
    }
    cells.emplace_back(cell, static_cast<std::size_t>(into - cell));
    if (at >= end) return true;
    ++at;  // the comma; an empty cell may follow it
  }
}

}  // namespace gpuvigil
