// SPDX-License-Identifier: Apache-2.0
#include "trace/rocprof_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "trace/csv_reader.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxDevices = 1'024;
constexpr std::uint64_t kRowsPerProgress = 16'384;
constexpr std::size_t kNone = SIZE_MAX;

/// What a column is called by one profiler or another.
using Names = std::array<std::string_view, 2>;
constexpr Names kKernel = {"Kernel_Name", "KernelName"};
constexpr Names kStart = {"Start_Timestamp", "BeginNs"};
constexpr Names kEnd = {"End_Timestamp", "EndNs"};
constexpr std::array<std::string_view, 3> kDevice = {"Agent_Id", "GPU_ID", "gpu-id"};

/// Where in a row things stand; kNone: nowhere.
struct Columns {
  std::size_t count = 0;
  std::size_t name = kNone;
  std::size_t start = kNone;
  std::size_t end = kNone;
  std::size_t device = kNone;
  std::size_t other_device = kNone;  ///< Of a copy: both ends of it.
  bool is_copies = false;
  bool has_counter = false;
};

std::optional<std::int64_t> whole(std::string_view text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value < 0) return std::nullopt;
  return value;
}

/// "4", or "Agent 4" as newer ones write it.
std::optional<std::uint32_t> agent(std::string_view text) {
  text.remove_prefix(std::min(text.rfind(' ') + 1, text.size()));
  const auto value = whole(text);
  if (!value || *value > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

Columns find_columns(const std::vector<std::string_view>& header) {
  const auto find = [&](const auto& names) {
    for (const std::string_view name : names) {
      const auto at = std::ranges::find(header, name);
      if (at != header.end()) return static_cast<std::size_t>(at - header.begin());
    }
    return kNone;
  };
  Columns columns{.count = header.size(),
                  .name = find(kKernel),
                  .start = find(kStart),
                  .end = find(kEnd),
                  .device = find(kDevice)};
  columns.has_counter = std::ranges::find(header, "Counter_Name") != header.end();
  if (columns.name == kNone) {
    columns.name = find(std::array<std::string_view, 1>{"Direction"});
    columns.device = find(std::array<std::string_view, 1>{"Source_Agent_Id"});
    columns.other_device = find(std::array<std::string_view, 1>{"Destination_Agent_Id"});
    columns.is_copies = columns.name != kNone;
  }
  return columns;
}

/// Why a table with these columns is not read; empty where it is.
std::string_view refusal(const Columns& columns) {
  if (columns.name == kNone) {
    return "holds no GPU work; give the kernel_trace.csv that is written beside it";
  }
  if (columns.has_counter) {
    return "has each kernel once for each counter; record a kernel_trace.csv "
           "(rocprofv3 --kernel-trace)";
  }
  if (columns.start == kNone || columns.end == kNone) {
    return "has no times; record a kernel_trace.csv (rocprofv3 --kernel-trace)";
  }
  return {};
}

class RocprofReader {
 public:
  RocprofReader(ByteSource& text, TraceSink& sink, const std::string& file_name,
                const ReadProgress& progress)
      : text_(text), csv_(text), sink_(sink), file_name_(file_name), progress_(progress) {
    summary_.format = "rocprof";
  }

  Result<TraceSummary> read();

 private:
  Result<void> read_rows(const Columns& columns);
  void read_row(const Columns& columns, const std::vector<std::string_view>& cells);
  std::optional<std::uint32_t> dense_device(const Columns& columns,
                                            const std::vector<std::string_view>& cells);
  void note(const std::string& what) {
    if (summary_.damage.empty()) {
      summary_.damage = fmt::format("{}: byte {}: {}", file_name_, csv_.offset(), what);
    }
  }

  ByteSource& text_;
  CsvReader csv_;
  TraceSink& sink_;
  const std::string& file_name_;
  const ReadProgress& progress_;
  TraceSummary summary_;
  std::map<std::uint32_t, std::uint32_t> dense_;  ///< By the number in the table.
};

Result<TraceSummary> RocprofReader::read() {
  std::vector<std::string_view> header;
  GPUVIGIL_TRY(const CsvReader::Row first, csv_.next(header));
  if (first != CsvReader::Row::kWhole) {
    return fail(Errc::kCorrupt, fmt::format("{}: no table with a whole header", file_name_));
  }
  const Columns columns = find_columns(header);
  if (const auto why = refusal(columns); !why.empty()) {
    return fail(Errc::kCorrupt, fmt::format("{}: {}", file_name_, why));
  }
  GPUVIGIL_CHECK(read_rows(columns));
  if (summary_.executions == 0 && summary_.executions_unreadable > 0) {
    return fail(Errc::kCorrupt,
                fmt::format("{}: none of its {} rows has times in whole nanoseconds; a spreadsheet "
                            "rounds them, give the file as it was recorded",
                            file_name_, summary_.executions_unreadable));
  }
  if (summary_.executions == 0) {
    const std::string why = summary_.damage.empty() ? std::string() : ", " + summary_.damage;
    return fail(Errc::kCorrupt, fmt::format("{}: a table without rows{}", file_name_, why));
  }
  if (const std::string damage = text_.damage(); !damage.empty()) note(damage);
  if (progress_) progress_(text_.file_size(), text_.file_size());
  return std::move(summary_);
}

Result<void> RocprofReader::read_rows(const Columns& columns) {
  std::vector<std::string_view> cells;
  for (;;) {
    GPUVIGIL_TRY(const CsvReader::Row row, csv_.next(cells));
    if (row == CsvReader::Row::kEnd) return {};
    if (row == CsvReader::Row::kTooLong) {
      return fail(Errc::kTooLarge, fmt::format("{}: byte {}: a row of more than {} bytes or cells",
                                               file_name_, csv_.offset(), CsvReader::kMaxCells));
    }
    if (row == CsvReader::Row::kCut || cells.size() < columns.count) {
      summary_.bytes_unreadable += csv_.size();
      const bool is_last = row == CsvReader::Row::kCut;
      note(fmt::format("row {} is cut", csv_.row() + (is_last ? 1 : 0)));
      if (is_last) return {};
      continue;
    }
    read_row(columns, cells);
    if (progress_ && summary_.events % kRowsPerProgress == 0) {
      progress_(text_.file_position(), text_.file_size());
    }
  }
}

void RocprofReader::read_row(const Columns& columns, const std::vector<std::string_view>& cells) {
  ++summary_.events;
  const auto start = whole(cells[columns.start]);
  const auto end = whole(cells[columns.end]);
  const auto device = dense_device(columns, cells);
  if (!start || !end || *end < *start || !device) {
    ++summary_.executions_unreadable;
    return;
  }
  ++summary_.executions;
  summary_.first_ns = std::min(summary_.first_ns.value_or(*start), *start);
  summary_.last_ns = std::max(summary_.last_ns.value_or(*end), *end);
  const std::string_view name = cells[columns.name];
  sink_.execution({.name = name,
                   .kind = columns.is_copies ? KernelKind::kMemcpy : kind_of_kernel(name),
                   .device = *device,
                   .start_ns = *start,
                   .duration_ns = *end - *start});
}

std::optional<std::uint32_t> RocprofReader::dense_device(
    const Columns& columns, const std::vector<std::string_view>& cells) {
  // A table of one device may leave its number out.
  std::optional<std::uint32_t> number =
      columns.device == kNone ? std::optional<std::uint32_t>(0) : agent(cells[columns.device]);
  if (columns.other_device != kNone) {
    const auto other = agent(cells[columns.other_device]);
    if (!number || !other) return std::nullopt;
    number = std::max(*number, *other);
  }
  if (!number) return std::nullopt;
  const auto next = static_cast<std::uint32_t>(summary_.devices.size());
  const auto known = dense_.find(*number);
  if (known != dense_.end()) return known->second;
  if (dense_.size() == kMaxDevices) return std::nullopt;
  dense_.emplace(*number, next);
  summary_.devices.push_back({.recorded_number = *number, .name = {}, .memory_total_bytes = {}});
  sink_.device_found(next, summary_.devices.back());
  return next;
}

}  // namespace

bool is_rocprof(std::string_view head) {
  static constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (head.starts_with(kByteOrderMark)) head.remove_prefix(kByteOrderMark.size());
  const std::string_view line = head.substr(0, head.find('\n'));
  if (line.starts_with('{') || line.starts_with('[') || !line.contains(',')) return false;
  // A column that such a table has near its beginning, and other tables hardly ever.
  static constexpr std::array<std::string_view, 4> kSigns = {"Kernel_Name", "KernelName",
                                                             "Source_Agent_Id", "\"Function\""};
  const auto has_sign = [&](std::string_view sign) { return line.contains(sign); };
  return std::ranges::any_of(kSigns, has_sign) ||
         (line.starts_with("Dispatch_ID,") && line.contains("GPU_ID"));
}

Result<TraceSummary> read_rocprof(ByteSource& text, TraceSink& sink, const std::string& file_name,
                                  const ReadProgress& progress) {
  return RocprofReader(text, sink, file_name, progress).read();
}

}  // namespace gpuvigil
