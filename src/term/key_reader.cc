// SPDX-License-Identifier: Apache-2.0
#include "term/key_reader.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"

namespace gpuvigil {
namespace {

constexpr char kEscapeByte = '\x1b';
constexpr std::string_view kNoKey = "\x1b[?";  ///< How a sequence begins that is none of ours.

struct Sequence {
  std::string_view bytes;  ///< Behind ESC.
  KeyCode code;
};

constexpr std::array<Sequence, 21> kSequences = {{
    {"[A", KeyCode::kUp},      {"[B", KeyCode::kDown},    {"[C", KeyCode::kRight},
    {"[D", KeyCode::kLeft},    {"[H", KeyCode::kHome},    {"[F", KeyCode::kEnd},
    {"[Z", KeyCode::kBackTab}, {"OA", KeyCode::kUp},      {"OB", KeyCode::kDown},
    {"OC", KeyCode::kRight},   {"OD", KeyCode::kLeft},    {"OH", KeyCode::kHome},
    {"OF", KeyCode::kEnd},     {"OM", KeyCode::kEnter},   {"[1~", KeyCode::kHome},
    {"[4~", KeyCode::kEnd},    {"[5~", KeyCode::kPageUp}, {"[6~", KeyCode::kPageDown},
    {"[7~", KeyCode::kHome},   {"[8~", KeyCode::kEnd},    {"[E", KeyCode::kEnter},
}};

std::optional<Key> control_key(char byte) {
  switch (byte) {
    case '\r':
    case '\n':
      return Key{KeyCode::kEnter};
    case '\t':
      return Key{KeyCode::kTab};
    case '\x7f':
    case '\b':
      return Key{KeyCode::kBackspace};
    case '\x03':
      return Key{KeyCode::kInterrupt};
    case '\x1a':
      return Key{KeyCode::kSuspend};
    case '\x0c':
      return Key{KeyCode::kRedraw};
    default:
      return std::nullopt;
  }
}

/// How many bytes the character that begins with `first` has by UTF-8; 1 for a wrong byte.
std::size_t utf8_length(unsigned char first) {
  if (first >= 0xF0 && first <= 0xF4) return 4;
  if (first >= 0xE0) return first < 0xF0 ? 3 : 1;
  return first >= 0xC2 ? 2 : 1;
}

}  // namespace

std::vector<Key> KeyReader::feed(std::string_view bytes) {
  std::vector<Key> keys;
  while (!bytes.empty()) {
    const std::size_t room = std::min(bytes.size(), kMostPending - pending_.size());
    pending_ += bytes.substr(0, room);
    bytes.remove_prefix(room);
    while (!pending_.empty() && take(keys)) {
    }
    // A sequence that is longer than any key is none, whatever ends it.
    if (pending_.size() == kMostPending) pending_ = kNoKey;
  }
  return keys;
}

bool KeyReader::take(std::vector<Key>& keys) {
  if (in_string_) {
    const std::size_t end = pending_.find_first_of("\a\x1b");
    if (end == std::string::npos) {
      pending_.clear();
      return true;
    }
    in_string_ = false;
    // ESC \ is left: the end of a string, and no key.
    pending_.erase(0, pending_[end] == '\a' ? end + 1 : end);
    return true;
  }
  const char first = pending_.front();
  if (first == kEscapeByte) return take_sequence(keys);
  if (static_cast<unsigned char>(first) < 0x20 || first == '\x7f') {
    if (const auto key = control_key(first)) keys.push_back(*key);
    pending_.erase(0, 1);
    return true;
  }
  if (pending_.size() < utf8_length(static_cast<unsigned char>(first))) {
    // A wrong byte ends what looked like a character before it is whole.
    const bool may_continue = std::ranges::all_of(
        pending_.begin() + 1, pending_.end(),
        [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; });
    if (may_continue) return false;
  }
  const Utf8Char c = first_char(pending_);
  if (c.length > 0 && is_harmless(c.value)) keys.push_back({KeyCode::kCharacter, c.value});
  pending_.erase(0, c.length == 0 ? 1 : c.length);
  return true;
}

bool KeyReader::take_sequence(std::vector<Key>& keys) {
  if (pending_.size() == 1) return false;
  const char second = pending_[1];
  if (second == ']' || second == 'P' || second == 'X' || second == '^' || second == '_') {
    in_string_ = true;
    pending_.erase(0, 2);
    return true;
  }
  if (second == '\\') {
    pending_.erase(0, 2);
    return true;
  }
  if (second != '[' && second != 'O') {  // two keys; Alt with one sends the same
    keys.push_back({KeyCode::kEscape});
    pending_.erase(0, 1);
    return true;
  }
  // Parameters, then one final byte; a control character breaks it off.
  std::size_t end = 2;
  while (end < pending_.size() && pending_[end] >= 0x20 && pending_[end] <= 0x3F) ++end;
  if (end == pending_.size()) return false;
  if (static_cast<unsigned char>(pending_[end]) < 0x20) {
    pending_.erase(0, end);
    return true;
  }
  const std::string_view whole = std::string_view(pending_).substr(1, end);
  const auto* const found = std::ranges::find(kSequences, whole, &Sequence::bytes);
  if (found != kSequences.end()) keys.push_back({found->code});
  // A press of the mouse in the oldest protocol has three bytes more, which are no keys.
  const std::size_t more = whole == "[M" ? std::min<std::size_t>(3, pending_.size() - end - 1) : 0;
  pending_.erase(0, end + 1 + more);
  return true;
}

std::vector<Key> KeyReader::settle() {
  std::vector<Key> keys;
  if (pending_ == std::string_view(&kEscapeByte, 1)) keys.push_back({KeyCode::kEscape});
  pending_.clear();
  in_string_ = false;
  return keys;
}

}  // namespace gpuvigil
