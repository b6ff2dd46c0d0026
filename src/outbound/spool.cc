// SPDX-License-Identifier: Apache-2.0
#include "outbound/spool.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/failpoint.h"
#include "base/private_file.h"

namespace gpuvigil {
namespace {

constexpr std::string_view kSuffix = ".spool";
constexpr std::size_t kNumberDigits = 16;
constexpr mode_t kOwnerOnly = 0600;

struct RecordHead {
  std::uint32_t length = 0;
  std::uint32_t checksum = 0;
};

/// FNV-1a: finds what was cut off or overwritten; nobody else may write here.
std::uint32_t checksum_of(std::string_view bytes) {
  std::uint32_t hash = 2166136261U;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

/// False where it cannot be read whole.
bool read_at(int fd, char* into, std::size_t size, std::uint64_t offset) {
  while (size > 0) {
    const auto got = ::pread(fd, into, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    into += got;
    size -= static_cast<std::size_t>(got);
    offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

bool write_at(int fd, std::string_view bytes, std::uint64_t offset) {
  if (failpoint("spool.write")) return false;
  while (!bytes.empty()) {
    const auto done = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(done));
    offset += static_cast<std::uint64_t>(done);
  }
  return true;
}

/// The number of a segment by its name; nothing for another file.
std::optional<std::uint64_t> number_of(const std::string& name) {
  if (name.size() != kNumberDigits + kSuffix.size() || !name.ends_with(kSuffix)) return {};
  std::uint64_t number = 0;
  const char* const end = name.data() + kNumberDigits;
  const auto [at, error] = std::from_chars(name.data(), end, number, 16);
  if (error != std::errc() || at != end || number == 0) return {};
  return number;
}

std::string io_message(const std::string& path) {
  return fmt::format("{}: {}", path, std::strerror(errno));
}

}  // namespace

Spool::Spool(SpoolOptions options, UniqueFd lock)
    : options_(std::move(options)), lock_(std::move(lock)) {}
Spool::~Spool() = default;

Result<std::unique_ptr<Spool>> Spool::open(const SpoolOptions& options) {
  GPUVIGIL_CHECK(make_private_directory(options.directory));
  const std::string lock_path = options.directory + "/lock";
  UniqueFd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly));
  if (!lock) return fail(Errc::kIo, io_message(lock_path));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(Errc::kUnavailable, options.directory + ": another gpuvigil uses it");
  }
  std::unique_ptr<Spool> spool(new Spool(options, std::move(lock)));
  GPUVIGIL_CHECK(spool->load());
  return spool;
}

Result<void> Spool::load() {
  const std::string position_path = options_.directory + "/read";
  position_ = UniqueFd(
      ::open(position_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly));
  if (!position_) return fail(Errc::kIo, io_message(position_path));
  std::array<std::uint64_t, 2> position{};  // stays 0 where nothing was ever taken
  std::array<char, sizeof(position)> bytes{};
  if (read_at(position_.get(), bytes.data(), bytes.size(), 0)) {
    std::memcpy(position.data(), bytes.data(), bytes.size());
  }
  std::vector<std::uint64_t> numbers;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options_.directory, error)) {
    if (const auto number = number_of(entry.path().filename())) numbers.push_back(*number);
  }
  if (error) return fail(Errc::kIo, options_.directory + ": " + error.message());
  std::ranges::sort(numbers);
  next_number_ = position[0] + 1;  // a number that comes back would find an old position
  for (const std::uint64_t number : numbers) {
    next_number_ = std::max(next_number_, number + 1);
    Segment segment{.number = number, .offset = number == position[0] ? position[1] : 0};
    survey(segment);
    if (segment.records == 0 || number < position[0]) {
      ::unlink(path_of(number).c_str());
      continue;
    }
    stats_.records += segment.records;
    stats_.bytes += segment.bytes;
    segments_.push_back(segment);
  }
  return {};
}

std::string Spool::path_of(std::uint64_t number) const {
  return fmt::format("{}/{:016x}{}", options_.directory, number, kSuffix);
}

Result<UniqueFd> Spool::open_segment(std::uint64_t number, int flags) const {
  const std::string path = path_of(number);
  UniqueFd file(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly));
  if (!file) return fail(Errc::kIo, io_message(path));
  return file;
}

std::optional<std::string> Spool::read_record(int fd, std::uint64_t offset) {
  std::array<char, sizeof(RecordHead)> bytes{};
  if (!read_at(fd, bytes.data(), bytes.size(), offset)) return std::nullopt;
  RecordHead head;
  std::memcpy(&head, bytes.data(), sizeof(head));
  if (head.length > kMaxRecord) return std::nullopt;
  std::string record(head.length, '\0');
  if (!read_at(fd, record.data(), record.size(), offset + sizeof(head))) return std::nullopt;
  if (checksum_of(record) != head.checksum) return std::nullopt;
  return record;
}

void Spool::survey(Segment& segment) {
  const auto file = open_segment(segment.number, O_RDONLY);
  struct stat info{};
  if (!file || ::fstat(file->get(), &info) != 0) return;
  segment.bytes = segment.offset;
  while (const auto record = read_record(file->get(), segment.bytes)) {
    segment.bytes += sizeof(RecordHead) + record->size();
    ++segment.records;
  }
  if (segment.bytes != static_cast<std::uint64_t>(info.st_size)) ++stats_.damaged;
}

Result<void> Spool::push(std::string_view record) {
  if (record.size() > kMaxRecord) return fail(Errc::kTooLarge, "a record is too large");
  const RecordHead head{.length = static_cast<std::uint32_t>(record.size()),
                        .checksum = checksum_of(record)};
  const std::uint64_t size = sizeof(head) + record.size();
  while (!segments_.empty() && stats_.bytes + size > options_.max_bytes) drop_front(true);

  // Segments of an earlier life are not appended to: their end may be damaged.
  if (!tail_ || segments_.empty() || segments_.back().bytes >= kSegmentBytes) {
    GPUVIGIL_TRY(tail_, open_segment(next_number_, O_RDWR | O_CREAT | O_EXCL));
    segments_.push_back({.number = next_number_++});
  }
  Segment& segment = segments_.back();
  std::string bytes(sizeof(head), '\0');
  std::memcpy(bytes.data(), &head, sizeof(head));
  bytes += record;
  if (!write_at(tail_.get(), bytes, segment.bytes)) {
    const std::string why = io_message(path_of(segment.number));
    // What was written of it is overwritten by the next one.
    return fail(Errc::kIo, why);
  }
  segment.bytes += size;
  ++segment.records;
  stats_.bytes += size;
  ++stats_.records;
  return {};
}

void Spool::drop_front(bool is_loss) {
  const Segment gone = segments_.front();
  segments_.pop_front();
  head_.reset();
  if (segments_.empty()) tail_.reset();
  ::unlink(path_of(gone.number).c_str());
  stats_.records -= gone.records;
  stats_.bytes -= gone.bytes;
  if (is_loss) stats_.dropped += gone.records;
}

std::optional<std::string> Spool::front() {
  while (!segments_.empty()) {
    Segment& segment = segments_.front();
    if (segment.records == 0) {
      // All of it was taken; but what is appended to stays.
      if (segments_.size() == 1 && segment.bytes < kSegmentBytes && tail_) return std::nullopt;
      drop_front(false);
      continue;
    }
    if (!head_) {
      if (auto file = open_segment(segment.number, O_RDONLY)) head_ = *std::move(file);
    }
    if (auto record = head_ ? read_record(head_.get(), segment.offset) : std::nullopt) {
      return record;
    }
    ++stats_.damaged;  // somebody else has been at it
    drop_front(true);
  }
  return std::nullopt;
}

void Spool::pop() {
  const auto record = front();
  GPUVIGIL_ASSERT(record.has_value());
  Segment& segment = segments_.front();
  segment.offset += sizeof(RecordHead) + record->size();
  --segment.records;
  --stats_.records;
  remember_position();
}

void Spool::remember_position() {
  const Segment& segment = segments_.front();
  const std::array<std::uint64_t, 2> position = {segment.number, segment.offset};
  std::array<char, sizeof(position)> bytes{};
  std::memcpy(bytes.data(), position.data(), bytes.size());
  // If it fails, a restart sends some records once more, which their receivers must bear anyway.
  static_cast<void>(write_at(position_.get(), {bytes.data(), bytes.size()}, 0));
}

}  // namespace gpuvigil
