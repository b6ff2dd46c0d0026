// SPDX-License-Identifier: Apache-2.0
#include "trace/tar_reader.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace gpuvigil {
namespace {

constexpr std::uint64_t kMaxLongName = 64 * 1024;

/// One field of a header, up to its first NUL.
std::string_view field(std::string_view block, std::size_t offset, std::size_t size) {
  const std::string_view all = block.substr(offset, size);
  return all.substr(0, all.find('\0'));
}

/// An octal number with blanks around it.
std::optional<std::uint64_t> octal(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A member's size: octal, or in GNU's form for 8 GiB and more a big-endian number.
std::optional<std::uint64_t> member_size(std::string_view block) {
  constexpr std::size_t kOffset = 124;
  if (block[kOffset] != '\x80') return octal(field(block, kOffset, 12));
  std::uint64_t value = 0;
  for (std::size_t i = 4; i < 12; ++i) {
    value = value << 8U | static_cast<unsigned char>(block[kOffset + i]);
  }
  return value <= INT64_MAX ? std::optional(value) : std::nullopt;
}

bool checksum_holds(std::string_view block) {
  constexpr std::size_t kOffset = 148;
  constexpr std::size_t kSize = 8;
  std::uint64_t sum = kSize * ' ';
  for (std::size_t i = 0; i < kTarBlock; ++i) {
    if (i < kOffset || i >= kOffset + kSize) sum += static_cast<unsigned char>(block[i]);
  }
  return octal(field(block, kOffset, kSize)) == sum;
}

/// The value of "path" among the records "LENGTH key=value\n" of a POSIX extended header.
std::string pax_path(std::string_view records) {
  constexpr std::string_view kKey = " path=";
  const std::size_t at = records.find(kKey);
  if (at == std::string_view::npos) return {};
  const std::string_view value = records.substr(at + kKey.size());
  return std::string(value.substr(0, value.find('\n')));
}

}  // namespace

bool is_tar(std::string_view head) {
  return head.size() >= kTarBlock && head.substr(257, 5) == "ustar" && checksum_holds(head);
}

struct TarReader::Header {
  std::string name;
  std::uint64_t size = 0;
  char type = '0';
};

/// Nothing at the end of the archive, which is a block of zeros or the end of the bytes.
Result<std::optional<TarReader::Header>> TarReader::read_header() {
  std::array<char, kTarBlock> bytes{};
  GPUVIGIL_TRY(const std::size_t count, read_fully(archive_, bytes));
  const std::string_view block(bytes.data(), count);
  if (count == 0 || block.find_first_not_of('\0') == std::string_view::npos) return std::nullopt;
  if (count < kTarBlock) {
    damage_ = "the archive ends inside a header";
    return std::nullopt;
  }
  const auto size = member_size(block);
  if (!checksum_holds(block) || !size) {
    damage_ = "a header of the archive is damaged, the rest of it is lost";
    return std::nullopt;
  }
  Header header{.name = std::string(field(block, 0, 100)), .size = *size, .type = block[156]};
  const std::string_view prefix = field(block, 345, 155);
  if (block.substr(257, 6) == std::string_view("ustar\0", 6) && !prefix.empty()) {
    header.name = fmt::format("{}/{}", prefix, header.name);
  }
  return header;
}

Result<void> TarReader::skip_rest() {
  std::array<char, 16 * kTarBlock> nowhere;
  while (left_ + padding_ > 0) {
    std::uint64_t& part = left_ > 0 ? left_ : padding_;
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(part, nowhere.size()));
    GPUVIGIL_TRY(const std::size_t count, archive_.read(std::span(nowhere).first(wanted)));
    if (count == 0) break;
    part -= count;
  }
  return {};
}

/// The whole member at hand, which holds the name of the next one.
Result<std::string> TarReader::read_text() {
  std::string text(static_cast<std::size_t>(std::min(left_, kMaxLongName)), '\0');
  GPUVIGIL_TRY(const std::size_t count, read_fully(*this, text));
  text.resize(count);
  return text;
}

Result<bool> TarReader::next_file() {
  std::string long_name;
  for (;;) {
    GPUVIGIL_CHECK(skip_rest());
    if (left_ + padding_ > 0) return false;  // the archive ended inside the member before
    GPUVIGIL_TRY(const auto header, read_header());
    if (!header) return false;
    size_ = left_ = header->size;
    padding_ = (kTarBlock - header->size % kTarBlock) % kTarBlock;
    if (header->type == 'L') {
      GPUVIGIL_TRY(const std::string text, read_text());
      long_name = text.substr(0, text.find('\0'));
    } else if (header->type == 'x') {
      GPUVIGIL_TRY(const std::string text, read_text());
      long_name = pax_path(text);
    } else if (header->type == '0' || header->type == '\0') {
      name_ = long_name.empty() ? header->name : long_name;
      return true;
    } else {
      long_name.clear();  // it was a directory's, or a link's
    }
  }
}

Result<std::size_t> TarReader::read(std::span<char> into) {
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left_, into.size()));
  if (wanted == 0) return std::size_t{0};
  GPUVIGIL_TRY(const std::size_t count, archive_.read(into.first(wanted)));
  if (count == 0) damage_ = "the archive ends inside this member";
  left_ -= count;
  return count;
}

std::string TarReader::damage() const {
  const std::string below = archive_.damage();
  if (damage_.empty() || below.empty()) return damage_.empty() ? below : damage_;
  return fmt::format("{} ({})", damage_, below);
}

}  // namespace gpuvigil
