// SPDX-License-Identifier: Apache-2.0
#include "trace/text_window.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace gpuvigil {

TextWindow::TextWindow(ByteSource& source, const ReadProgress& progress)
    : source_(source), progress_(progress), buffer_(kFirstBytes + kJsonPadding) {}

/// Makes the room behind the text at least a quarter of the window, if it may become that large.
void TextWindow::make_room() {
  const std::size_t capacity = buffer_.size() - kJsonPadding;
  if (capacity - end_ >= capacity / 4) return;
  const std::size_t unread = end_ - begin_;
  if (unread > capacity / 2 && capacity < kMaxBytes) {
    buffer_.resize(capacity * 2 + kJsonPadding);
  }
  std::memmove(buffer_.data(), buffer_.data() + begin_, unread);
  begin_ = 0;
  end_ = unread;
}

TextWindow::More TextWindow::more() {
  if (ended_) return More::kEnd;
  make_room();
  const std::size_t room = buffer_.size() - kJsonPadding - end_;
  if (room == 0) return More::kFull;
  const auto count = source_.read(std::span(buffer_).subspan(end_, room));
  if (!count) read_error_ = count.error().message;
  if (count.value_or(0) == 0) {
    ended_ = true;
    return More::kEnd;
  }
  end_ += *count;
  if (progress_) progress_(source_.file_position(), source_.file_size());
  return More::kYes;
}

std::string TextWindow::damage() const {
  return read_error_.empty() ? source_.damage() : read_error_;
}

int TextWindow::peek() {
  for (;;) {
    const std::string_view rest = text();
    const char* const end = rest.data() + rest.size();
    const char* const at = skip_json_blanks(rest.data(), end);
    consume(static_cast<std::size_t>(at - rest.data()));
    if (at != end) return static_cast<unsigned char>(*at);
    if (more() == More::kEnd) return -1;
  }
}

/// Looks at whole blocks behind `scanned` bytes for the end of the container at the cursor, and
/// notes the quotes of the first of them.
std::size_t TextWindow::scan_blocks(BracketState& state, std::size_t& scanned) {
  for (;;) {
    const std::string_view rest = text().substr(scanned);
    std::size_t blocks = rest.size() / kScanBlock;
    if (blocks == 0) return kNoBracket;
    state.quotes = nullptr;
    if (quoted_blocks_ < kQuotedBlocks) {
      state.quotes = quotes_.data() + quoted_blocks_;
      blocks = std::min(blocks, kQuotedBlocks - quoted_blocks_);
    }
    const std::size_t found = scan_(rest.data(), blocks, state);
    if (state.quotes != nullptr) {
      quoted_blocks_ = static_cast<std::size_t>(state.quotes - quotes_.data());
    }
    if (found != kNoBracket) return scanned + found;
    scanned += blocks * kScanBlock;
  }
}

/// Looks for the end of the container at the cursor. What does not fit stays behind `scanned`
/// bytes in `state`, so that the search can go on when they are gone.
JsonExtent TextWindow::container_extent(BracketState& state, std::size_t& scanned) {
  using enum JsonExtent::End;
  quoted_blocks_ = 0;
  for (;;) {
    const std::size_t found = scan_blocks(state, scanned);
    if (found != kNoBracket) return {kWhole, found};
    switch (more()) {
      case More::kYes:
        continue;
      case More::kFull:
        return {kTooLong, text().size()};
      case More::kEnd:
        break;
    }
    // The last, incomplete block, filled up with what changes nothing.
    std::array<char, kScanBlock> last;
    last.fill(' ');
    const std::string_view tail = text().substr(scanned);
    std::memcpy(last.data(), tail.data(), tail.size());
    state.quotes = nullptr;
    const std::size_t end = scan_(last.data(), 1, state);
    if (end != kNoBracket) return {kWhole, scanned + end};
    return {kCut, text().size()};
  }
}

/// Looks for the quote that ends a string, from its byte `from` on. Of one that does not fit, the
/// size is what has been looked at.
JsonExtent TextWindow::string_extent(std::size_t from) {
  using enum JsonExtent::End;
  for (;;) {
    const std::string_view rest = text();
    const char* const end = rest.data() + rest.size();
    const char* const quote = find_json_quote(rest.data() + std::min(from, rest.size()), end);
    if (quote < end) return {kWhole, static_cast<std::size_t>(quote - rest.data()) + 1};
    // A backslash that is the last byte at hand must be looked at again, with what follows it.
    std::size_t backslashes = 0;
    while (backslashes < rest.size() && rest[rest.size() - 1 - backslashes] == '\\') ++backslashes;
    from = rest.size() - backslashes % 2;
    switch (more()) {
      case More::kYes:
        continue;
      case More::kFull:
        return {kTooLong, from};
      case More::kEnd:
        return {kCut, text().size()};
    }
  }
}

JsonExtent TextWindow::scalar_extent() {
  using enum JsonExtent::End;
  std::size_t size = 0;
  for (;;) {
    const std::string_view rest = text();
    while (size < rest.size() && !ends_json_scalar(rest[size])) ++size;
    if (size < rest.size()) return {kWhole, size};
    switch (more()) {
      case More::kYes:
        continue;
      case More::kFull:
        return {kTooLong, size};
      case More::kEnd:
        return {kWhole, size};
    }
  }
}

JsonExtent TextWindow::extent() {
  const char first = text().front();
  if (first == '"') return string_extent(1);
  if (first != '{' && first != '[') return scalar_extent();
  BracketState state;
  std::size_t scanned = 0;
  return container_extent(state, scanned);
}

bool TextWindow::skip_value() {
  const char first = text().front();
  BracketState state;
  std::size_t from = 1;
  for (;;) {
    JsonExtent found;
    if (first == '"') {
      found = string_extent(from);
      from = 0;
    } else if (first == '{' || first == '[') {
      std::size_t scanned = 0;
      found = container_extent(state, scanned);
      if (found.end == JsonExtent::End::kTooLong) found.size = scanned;
    } else {
      found = scalar_extent();
    }
    consume(found.size);
    if (found.end != JsonExtent::End::kTooLong) return found.end == JsonExtent::End::kWhole;
  }
}

}  // namespace gpuvigil
