// SPDX-License-Identifier: Apache-2.0
#include "trace/long_event.h"

namespace gpuvigil {
namespace {

constexpr std::int64_t kKeptDepth = 2;  // the event and its args

}  // namespace

void LongEvent::keep(char c) {
  if (out_.size() == kMaxBytes) {
    overflowed_ = true;
    return;
  }
  out_ += c;
}

void LongEvent::take_in_string(char c) {
  if (c == '"' && !escaped_) {
    in_string_ = false;
    if (depth_ <= kKeptDepth) keep('"');
    return;
  }
  // Never cut between a backslash and what it escapes.
  if (!escaped_ && string_bytes_ + 2 > kMaxStringBytes) drops_rest_ = true;
  if (!drops_rest_) {
    keep(c);
    ++string_bytes_;
  }
  escaped_ = c == '\\' && !escaped_;
}

void LongEvent::take_outside(char c) {
  const bool kept = depth_ <= kKeptDepth;
  switch (c) {
    case '"':
      in_string_ = true;
      string_bytes_ = 0;
      drops_rest_ = !kept;
      if (kept) keep(c);
      return;
    case '{':
    case '[':
      started_ = true;
      if (kept) keep(c);
      ++depth_;
      return;
    case '}':
    case ']':
      --depth_;
      if (depth_ <= kKeptDepth) keep(c);
      if (depth_ == 0) out_.append(kJsonPadding, ' ');
      return;
    default:
      if (kept && !is_json_blank(c)) keep(c);
      return;
  }
}

std::size_t LongEvent::take(std::string_view text) {
  std::size_t taken = 0;
  while (taken < text.size() && !ended()) {
    const char c = text[taken++];
    if (in_string_) {
      take_in_string(c);
    } else {
      take_outside(c);
    }
  }
  return taken;
}

}  // namespace gpuvigil
