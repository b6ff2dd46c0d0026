// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string_view>

#include "trace/json_text.h"

namespace gpuvigil {

/// An event as it was cut out of the text.
struct EventText {
  std::string_view text;  ///< From '{' to its bracket; kJsonPadding readable bytes follow.
  /// Where the quotes are, a bit for each byte, of as many blocks of the text as were noted.
  std::span<const std::uint64_t> quotes;
};

/// Walks the members of an event from quote to quote, without reading what lies between: the gaps
/// hold a colon, a comma, blanks, numbers. Fast because most events are left after a few members;
/// tolerant like ObjectWalker, and it notices less.
class EventWalk {
 public:
  explicit EventWalk(const EventText& event) : EventWalk(event, event.text) {}

  /// Walks an object inside the event: `object` is a piece of the event's text.
  EventWalk(const EventText& event, std::string_view object)
      : text_(event.text.data()),
        size_(static_cast<std::size_t>(object.data() + object.size() - event.text.data())),
        quotes_(event.quotes) {
    const auto begin = static_cast<std::size_t>(object.data() - event.text.data());
    next_key_ = quote(begin + 1);
    // Without a single quote it must be empty.
    broken_ = next_key_ == size_ && solid(begin + 1) + 1 < size_;
  }

  /// False at the end, or where the text is no member. A scalar's value begins with the scalar and
  /// goes on with whatever stands before the next member.
  [[nodiscard]] bool next(JsonField& field) {
    if (next_key_ >= size_) return false;
    const std::size_t key_end = quote(next_key_ + 1);
    std::size_t at = key_end + 1;
    if (at >= size_) return give_up();
    if (text_[at] != ':') at = solid(at);
    if (at >= size_ || text_[at] != ':') return give_up();
    ++at;
    if (is_json_blank(text_[at]) && is_json_blank(text_[++at])) at = solid(at);
    field.key = {text_ + next_key_ + 1, key_end - next_key_ - 1};
    if (text_[at] == '"') {
      const std::size_t end = quote(at + 1);
      if (end >= size_) return give_up();
      field.value = {text_ + at, end + 1 - at};
      next_key_ = quote(end + 1);
    } else if (text_[at] == '{' || text_[at] == '[') {
      const std::size_t end = container_end(at);
      if (end >= size_) return give_up();
      field.value = {text_ + at, end - at};
      next_key_ = quote(end);
    } else {
      next_key_ = quote(at);
      if (at + 1 >= size_) return give_up();
      field.value = {text_ + at, next_key_ - at};
    }
    return true;
  }

  /// True when next() gave up before the end.
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  bool give_up() {
    broken_ = true;
    return false;
  }
  [[nodiscard]] std::size_t solid(std::size_t from) const {
    return static_cast<std::size_t>(skip_json_blanks(text_ + from, text_ + size_) - text_);
  }

  /// The first quote at or behind `from`; the size where there is none.
  [[nodiscard]] std::size_t quote(std::size_t from) const {
    std::size_t block = from / kScanBlock;
    if (block >= quotes_.size()) return quote_in_text(from);
    std::uint64_t bits = quotes_[block] & ~std::uint64_t{0} << from % kScanBlock;
    while (bits == 0) {
      if (++block >= quotes_.size()) return quote_in_text(behind_noted(from));
      bits = quotes_[block];
    }
    from = block * kScanBlock + static_cast<std::size_t>(std::countr_zero(bits));
    return from < size_ ? from : size_;
  }

  [[nodiscard]] std::size_t quote_in_text(std::size_t from) const {
    if (from >= size_) return size_;
    return static_cast<std::size_t>(find_json_quote(text_ + from, text_ + size_) - text_);
  }

  /// Where to go on looking behind the noted blocks, which hold no quote from `from` on: behind
  /// what a backslash at their end escapes.
  [[nodiscard]] std::size_t behind_noted(std::size_t from) const {
    const std::size_t end = quotes_.size() * kScanBlock;
    if (end >= size_) return size_;
    std::size_t backslashes = 0;
    while (end - backslashes > from && text_[end - backslashes - 1] == '\\') ++backslashes;
    return end + backslashes % 2;
  }

  /// Behind the container at `from`.
  [[nodiscard]] std::size_t container_end(std::size_t from) const {
    BracketState state;
    const std::size_t blocks = (size_ - from + kScanBlock - 1) / kScanBlock;
    const std::size_t found = bracket_scan()(text_ + from, blocks, state);
    return found == kNoBracket ? size_ : from + found;
  }

  const char* text_;
  std::size_t size_;  ///< Where the object ends.
  std::span<const std::uint64_t> quotes_;
  std::size_t next_key_ = 0;
  bool broken_ = false;
};

}  // namespace gpuvigil
