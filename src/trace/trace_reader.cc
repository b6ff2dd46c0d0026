// SPDX-License-Identifier: Apache-2.0
#include "trace/trace_reader.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/inflate.h"
#include "base/sha256.h"
#include "base/text.h"
#include "trace/kineto_reader.h"
#include "trace/nsight_reader.h"
#include "trace/rocprof_reader.h"
#include "trace/tar_reader.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kHashedBytes = std::size_t{1} << 20U;
constexpr std::string_view kSqliteMagic("SQLite format 3\0", 16);
constexpr std::size_t kMaxMembers = 4096;
constexpr std::size_t kTextSign = 512;  // of a table the names of its first columns

/// Another source with its first bytes put back, so that they could be looked at.
class HeadedSource final : public ByteSource {
 public:
  /// `rest` must outlive this.
  explicit HeadedSource(ByteSource& rest) : rest_(rest) {}

  /// Looks at the first bytes, at most `count`; before anything is read.
  Result<std::string_view> look(std::size_t count) {
    head_.resize(count);
    GPUVIGIL_TRY(const std::size_t filled, read_fully(rest_, head_));
    head_.resize(filled);
    return std::string_view(head_);
  }

  Result<std::size_t> read(std::span<char> into) override {
    if (given_ == head_.size()) return rest_.read(into);
    const std::size_t count = std::min(into.size(), head_.size() - given_);
    std::memcpy(into.data(), head_.data() + given_, count);
    given_ += count;
    return count;
  }
  [[nodiscard]] std::uint64_t file_position() const override { return rest_.file_position(); }
  [[nodiscard]] std::uint64_t file_size() const override { return rest_.file_size(); }
  [[nodiscard]] bool is_inflated() const override { return rest_.is_inflated(); }
  [[nodiscard]] std::string damage() const override { return rest_.damage(); }

 private:
  ByteSource& rest_;
  std::string head_;
  std::size_t given_ = 0;
};

/// A source that somebody else owns, where ownership is asked for.
class BorrowedSource final : public ByteSource {
 public:
  explicit BorrowedSource(ByteSource& lender) : lender_(lender) {}
  Result<std::size_t> read(std::span<char> into) override { return lender_.read(into); }
  [[nodiscard]] std::uint64_t file_position() const override { return lender_.file_position(); }
  [[nodiscard]] std::uint64_t file_size() const override { return lender_.file_size(); }
  [[nodiscard]] std::string damage() const override { return lender_.damage(); }

 private:
  ByteSource& lender_;
};

/// Reads one file for a visitor.
class FileReading {
 public:
  FileReading(const std::string& path, TraceVisitor& visitor, const ReadProgress& progress)
      : path_(path), visitor_(visitor), progress_(progress) {}

  Result<std::vector<TraceSummary>> read();

 private:
  Result<TraceSummary> read_sqlite();
  Result<TraceSummary> read_text(ByteSource& text, const std::string& name, std::uint64_t file_id);
  Result<void> read_archive(ByteSource& archive);
  Result<void> read_member(TarReader& tar);
  void add(TraceSummary summary, std::uint64_t file_id);

  const std::string& path_;
  TraceVisitor& visitor_;
  const ReadProgress& progress_;
  std::uint64_t file_id_ = 0;
  std::vector<TraceSummary> summaries_;
};

void FileReading::add(TraceSummary summary, std::uint64_t file_id) {
  summary.file_id = file_id;
  visitor_.recording_ends(summary);
  summaries_.push_back(std::move(summary));
}

Result<std::vector<TraceSummary>> FileReading::read() {
  GPUVIGIL_TRY(auto file, FileSource::open(path_));
  GPUVIGIL_TRY(const std::string head, file.head(kHashedBytes));
  file_id_ = sha256_prefix(fmt::format("{}\n", file.file_size()) + head);
  if (head.starts_with(kSqliteMagic)) {
    GPUVIGIL_TRY(auto summary, read_sqlite());
    add(std::move(summary), file_id_);
    return std::move(summaries_);
  }
  std::unique_ptr<ByteSource> text = std::make_unique<FileSource>(std::move(file));
  if (is_gzip(head)) {
    text = std::make_unique<ReadAheadSource>(std::make_unique<GzipSource>(std::move(text)));
  }
  HeadedSource headed(*text);
  GPUVIGIL_TRY(const std::string_view first, headed.look(kTarBlock));
  if (is_tar(first)) {
    GPUVIGIL_CHECK(read_archive(headed));
  } else {
    GPUVIGIL_TRY(auto summary, read_text(headed, path_, file_id_));
    add(std::move(summary), file_id_);
  }
  return std::move(summaries_);
}

Result<TraceSummary> FileReading::read_sqlite() {
  return read_nsight(path_, visitor_.recording_begins(path_, file_id_), progress_);
}

Result<TraceSummary> FileReading::read_text(ByteSource& text, const std::string& name,
                                            std::uint64_t file_id) {
  HeadedSource headed(text);
  GPUVIGIL_TRY(const std::string_view head, headed.look(kTextSign));
  TraceSink& sink = visitor_.recording_begins(name, file_id);
  if (is_rocprof(head)) return read_rocprof(headed, sink, name, progress_);
  return read_kineto(headed, sink, name, progress_);
}

/// An archive: its members, one recording each. One that cannot be read is told of and does not
/// keep the others from being read.
Result<void> FileReading::read_archive(ByteSource& archive) {
  TarReader tar(archive);
  std::size_t members = 0;
  for (;; ++members) {
    GPUVIGIL_TRY(const bool more, tar.next_file());
    if (!more) break;
    if (members == kMaxMembers) {
      return fail(Errc::kTooLarge,
                  fmt::format("{}: more than {} files in one archive", path_, kMaxMembers));
    }
    GPUVIGIL_CHECK(read_member(tar));
  }
  const bool any = std::ranges::any_of(summaries_, [](const auto& s) { return s.events > 0; });
  const std::string damage = tar.damage();
  if (!any) {
    const std::string why = damage.empty() ? std::string() : ", and " + damage;
    return fail(Errc::kCorrupt,
                fmt::format("{}: none of the {} files in this archive is a recording{}", path_,
                            members, why));
  }
  if (!damage.empty() && summaries_.back().damage.empty()) {
    summaries_.back().damage = fmt::format("{}: {}", path_, damage);
  }
  return {};
}

Result<void> FileReading::read_member(TarReader& tar) {
  const std::string name = fmt::format("{}:{}", path_, clean_text(tar.name()));
  const std::uint64_t member_id =
      sha256_prefix(fmt::format("{:016x}\n{}\n{}", file_id_, tar.size(), tar.name()));
  HeadedSource headed(tar);
  GPUVIGIL_TRY(const std::string_view head, headed.look(2));
  Result<TraceSummary> read = TraceSummary{};
  if (is_gzip(head)) {
    GzipSource inflated(std::make_unique<BorrowedSource>(headed));
    read = read_text(inflated, name, member_id);
  } else {
    read = read_text(headed, name, member_id);
  }
  if (!read) {
    TraceSummary unreadable;
    unreadable.format = "kineto";
    unreadable.damage = read.error().message;
    unreadable.bytes_unreadable = tar.size();
    add(std::move(unreadable), member_id);
    return {};
  }
  add(*std::move(read), member_id);
  return {};
}

}  // namespace

Result<std::vector<TraceSummary>> read_trace(const std::string& path, TraceVisitor& visitor,
                                             const ReadProgress& progress) {
  return FileReading(path, visitor, progress).read();
}

}  // namespace gpuvigil
