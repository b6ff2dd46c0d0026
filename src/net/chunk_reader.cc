// SPDX-License-Identifier: Apache-2.0
#include "net/chunk_reader.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/assert.h"
#include "net/ascii.h"

namespace gpuvigil {
namespace {

/// Chunks may be tiny, but not so tiny that reading their lines costs much more than the body does.
constexpr std::size_t kLineBytesPerBodyByte = 8;

bool is_text(char c) {
  return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
}

std::string_view take_token(std::string_view& rest) {
  const auto end = std::ranges::find_if_not(rest, is_token_char);
  const auto token = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
  rest.remove_prefix(token.size());
  return token;
}

void skip_spaces(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
}

bool take(char c, std::string_view& rest) {
  if (!rest.starts_with(c)) return false;
  rest.remove_prefix(1);
  return true;
}

/// Behind the first quote; false when there is no second one.
bool skip_quoted(std::string_view& rest) {
  while (!rest.empty()) {
    if (take('"', rest)) return true;
    rest.remove_prefix(std::min<std::size_t>(rest.front() == '\\' ? 2 : 1, rest.size()));
  }
  return false;
}

/// *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
bool are_extensions(std::string_view rest) {
  while (!rest.empty()) {
    skip_spaces(rest);
    if (!take(';', rest)) return false;
    skip_spaces(rest);
    if (take_token(rest).empty()) return false;
    const std::string_view behind_name = rest;
    skip_spaces(rest);
    if (!take('=', rest)) {
      rest = behind_name;
      continue;
    }
    skip_spaces(rest);
    const bool is_value = take('"', rest) ? skip_quoted(rest) : !take_token(rest).empty();
    if (!is_value) return false;
  }
  return true;
}

}  // namespace

std::optional<std::uint64_t> parse_chunk_line(std::string_view line) {
  std::uint64_t size = 0;
  const char* const end = line.data() + line.size();
  const auto [behind, error] = std::from_chars(line.data(), end, size, 16);
  if (error != std::errc() || !are_extensions({behind, end})) return std::nullopt;
  return size;
}

std::size_t ChunkReader::feed(std::string_view bytes, std::string& body) {
  GPUVIGIL_ASSERT(!is_done() && !refusal_);
  std::size_t used = 0;
  while (!is_done() && !refusal_) {
    const std::string_view rest = bytes.substr(used);
    if (state_ == State::kData) {
      const std::size_t count = std::min<std::uint64_t>(rest.size(), remaining_);
      body.append(rest.substr(0, count));
      used += count;
      remaining_ -= count;
      if (remaining_ > 0) break;
      state_ = State::kDataEnd;
      continue;
    }
    const auto line = take_line(rest);
    if (!line) break;
    used += line->size() + 2;
    on_line(*line, body.size());
  }
  return used;
}

std::optional<std::string_view> ChunkReader::take_line(std::string_view bytes) {
  if (state_ == State::kDataEnd && !std::string_view("\r\n").starts_with(bytes.substr(0, 2))) {
    refuse(400, "a chunk is longer than its size");
    return std::nullopt;
  }
  const std::size_t at = bytes.find('\n', scanned_);
  const bool is_whole = at != std::string_view::npos;
  if ((is_whole ? at + 1 : bytes.size() + 1) > limits_.header_bytes) {
    refuse(400, fmt::format("a line between chunks is longer than {} bytes", limits_.header_bytes));
    return std::nullopt;
  }
  scanned_ = is_whole ? 0 : bytes.size();
  if (!is_whole) return std::nullopt;
  if (at == 0 || bytes[at - 1] != '\r' || !std::ranges::all_of(bytes.substr(0, at - 1), is_text)) {
    refuse(400, "a line between chunks holds a control character or ends without CR LF");
    return std::nullopt;
  }
  return bytes.substr(0, at - 1);
}

void ChunkReader::on_line(std::string_view line, std::size_t body_size) {
  line_bytes_ += line.size() + 2;
  if (line_bytes_ > kLineBytesPerBodyByte * (limits_.body_bytes + limits_.header_bytes)) {
    return refuse(413, "the chunks of the body are too small for its size");
  }
  switch (state_) {
    case State::kSize:
      return on_size(line, body_size);
    case State::kDataEnd:
      state_ = State::kSize;
      return;
    case State::kTrailers:
      return on_trailer(line);
    case State::kData:
    case State::kDone:
      return;
  }
}

void ChunkReader::on_size(std::string_view line, std::size_t body_size) {
  const auto size = parse_chunk_line(line);
  if (!size) return refuse(400, "a chunk does not begin with its size");
  if (*size > limits_.body_bytes - body_size) {
    return refuse(413, fmt::format("the body is larger than {} bytes", limits_.body_bytes));
  }
  remaining_ = *size;
  state_ = *size == 0 ? State::kTrailers : State::kData;
}

void ChunkReader::on_trailer(std::string_view line) {
  if (line.empty()) {
    state_ = State::kDone;
    return;
  }
  trailer_bytes_ += line.size() + 2;
  if (trailer_bytes_ > limits_.header_bytes || ++trailers_ > limits_.header_fields) {
    return refuse(400, "there are too many trailers");
  }
  const std::string_view name = take_token(line);
  if (name.empty() || !line.starts_with(':')) return refuse(400, "a trailer is no field");
  for (const std::string_view framing : {"content-length", "transfer-encoding", "host"}) {
    if (equals_ignoring_case(name, framing)) {
      return refuse(400, fmt::format("{} may not be a trailer", framing));
    }
  }
}

void ChunkReader::refuse(unsigned status, std::string detail) {
  refusal_ = {status, std::move(detail)};
}

}  // namespace gpuvigil
