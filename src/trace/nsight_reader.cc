// SPDX-License-Identifier: Apache-2.0
#include "trace/nsight_reader.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/sqlite.h"
#include "base/text.h"
#include "model/kernel.h"
#include "trace/nsight_names.h"
#include "trace/nsight_schema.h"

namespace gpuvigil {
namespace {

using OptionalNumber = std::optional<std::int64_t>;

constexpr std::string_view kActivityPrefix = "CUPTI_ACTIVITY_KIND_";
constexpr const char* kKernelTable = "CUPTI_ACTIVITY_KIND_KERNEL";
constexpr const char* kCopyTable = "CUPTI_ACTIVITY_KIND_MEMCPY";
constexpr const char* kSetTable = "CUPTI_ACTIVITY_KIND_MEMSET";
constexpr const char* kGraphTable = "CUPTI_ACTIVITY_KIND_GRAPH_TRACE";
constexpr const char* kMemoryTable = "CUDA_GPU_MEMORY_USAGE_EVENTS";

constexpr std::int64_t kHourNs = 3'600'000'000'000;
constexpr std::int64_t kYearNs = 365 * 24 * kHourNs;
constexpr std::int64_t kMaxEpochNs = 4'000'000'000'000'000'000;
constexpr std::size_t kMaxDevices = 1024;
constexpr std::size_t kMaxDeviceNameBytes = 256;
constexpr std::size_t kMaxMemoryEvents = 4'000'000;
constexpr std::uint64_t kRowsPerProgress = 16384;
constexpr std::string_view kHowToExport = "nsys export --type sqlite";

/// Times of an export, brought to its session: they count from the session's start, or, where the
/// export was told to normalise them, from the Unix epoch.
struct TimeAxis {
  std::int64_t epoch_ns = 0;  ///< Start of the session; 0 where the export does not tell.
  std::int64_t last_ns = kYearNs;

  /// What to take off a time to bring it to the session; nothing when it lies in neither count.
  [[nodiscard]] OptionalNumber zero_of(OptionalNumber recorded) const {
    if (!recorded) return std::nullopt;
    if (*recorded >= -kHourNs && *recorded <= last_ns) return 0;
    if (epoch_ns == 0 || *recorded < epoch_ns - kHourNs || *recorded > epoch_ns + last_ns) {
      return std::nullopt;
    }
    return epoch_ns;
  }
};

struct Gpu {
  OptionalNumber id;    ///< Nsight's own.
  OptionalNumber cuda;  ///< CUDA's.
  std::string name;
  std::optional<std::uint64_t> memory_bytes;
};

/// One pass over an export.
class NsightReader {
 public:
  NsightReader(SqliteFile& file, TraceSink& sink, const ReadProgress& progress)
      : file_(file), sink_(sink), progress_(progress) {
    summary_.format = "nsight-systems";
  }

  Result<TraceSummary> read();

 private:
  Result<void> refuse_other_databases() const;
  Result<void> read_session();
  Result<void> estimate_rows();
  Result<void> read_kernels();
  Result<void> read_copies(const char* table, const char* kind_column);
  Result<void> read_memory();
  Result<void> read_other_spans();
  Result<void> span_of(const std::string& table);
  Result<void> read_gpus();
  [[nodiscard]] TraceDevice describe(std::uint32_t cuda_number) const;
  static Result<std::string_view> kernel_name(const SqliteStatement& row,
                                              detail::NsightNames& names, KernelKind& kind);

  void hand_in(const SqliteStatement& row, std::string_view name, KernelKind kind);
  OptionalNumber dense_device(OptionalNumber recorded);
  void extend_span(std::int64_t first, std::int64_t last);
  void tick(std::uint64_t rows);
  void note(std::string text);

  SqliteFile& file_;
  TraceSink& sink_;
  const ReadProgress& progress_;
  detail::NsightSchema schema_;
  TimeAxis axis_;
  std::vector<Gpu> gpus_;
  std::set<std::pair<std::int64_t, std::int64_t>> meant_gpus_;  ///< CUDA's number and a GPU's id.
  std::map<std::int64_t, std::uint32_t> devices_;               ///< Recorded number to dense.
  TraceSummary summary_;
  std::uint64_t rows_done_ = 0;
  std::uint64_t rows_expected_ = 0;
};

Result<void> NsightReader::refuse_other_databases() const {
  const bool is_export = std::ranges::any_of(schema_.tables(), [](const auto& entry) {
    const std::string& name = entry.first;
    return name.starts_with("CUPTI_ACTIVITY_") || name.starts_with("TARGET_INFO_") ||
           name == "META_DATA_EXPORT";
  });
  if (!is_export) {
    return fail(Errc::kCorrupt,
                fmt::format("{}: a SQLite database, but no export of Nsight Systems: it has no "
                            "table {}; write one with {}",
                            file_.name(), kKernelTable, kHowToExport));
  }
  for (const char* table : {kKernelTable, kCopyTable, kSetTable}) {
    if (!schema_.has(table)) continue;
    for (const char* column : {"start", "end", "deviceId"}) {
      if (schema_.has(table, column)) continue;
      return fail(Errc::kCorrupt, fmt::format("{}: table {} has no column {}; export it again "
                                              "with {}",
                                              file_.name(), table, column, kHowToExport));
    }
  }
  return {};
}

Result<void> NsightReader::read_session() {
  static constexpr std::array kStart = {"utcEpochNs"};
  static constexpr std::array kLength = {"duration"};
  GPUVIGIL_TRY(auto start, schema_.select(file_, "TARGET_INFO_SESSION_START_TIME", kStart));
  if (start) {
    GPUVIGIL_TRY(const bool is_there, start->step());
    const std::int64_t epoch = is_there ? start->integer(0).value_or(0) : 0;
    if (epoch > kYearNs && epoch < kMaxEpochNs) axis_.epoch_ns = epoch;
  }
  GPUVIGIL_TRY(auto length, schema_.select(file_, "ANALYSIS_DETAILS", kLength));
  if (length) {
    GPUVIGIL_TRY(const bool is_there, length->step());
    const std::int64_t duration = is_there ? length->integer(0).value_or(0) : 0;
    // An hour of grace: clocks of host and device are matched, not equal.
    if (duration > 0 && duration < kYearNs - kHourNs) axis_.last_ns = duration + kHourNs;
  }
  summary_.base_unix_ns = axis_.epoch_ns;
  return {};
}

/// How many rows there are to read, for the progress: the largest row number of each table.
Result<void> NsightReader::estimate_rows() {
  if (!progress_) return {};
  for (const auto& [name, table] : schema_.tables()) {
    if (!name.starts_with(kActivityPrefix) || !table.columns.contains("start")) continue;
    auto last = file_.prepare(fmt::format("SELECT max(rowid) FROM {}", sqlite_quoted(name)));
    if (!last) continue;  // a table without row numbers: the estimate is less good
    GPUVIGIL_TRY(const bool is_there, last->step());
    const std::int64_t rows = is_there ? last->integer(0).value_or(0) : 0;
    rows_expected_ += static_cast<std::uint64_t>(std::clamp<std::int64_t>(rows, 0, 1LL << 40));
  }
  return {};
}

void NsightReader::tick(std::uint64_t rows) {
  const bool is_due = (rows_done_ + rows) / kRowsPerProgress != rows_done_ / kRowsPerProgress;
  rows_done_ += rows;
  if (!progress_ || !is_due || rows_expected_ == 0) return;
  const double share =
      std::min(static_cast<double>(rows_done_) / static_cast<double>(rows_expected_), 1.0);
  const auto total = static_cast<double>(file_.size_bytes());
  progress_(static_cast<std::uint64_t>(share * total), file_.size_bytes());
}

void NsightReader::note(std::string text) {
  if (summary_.damage.empty()) {
    summary_.damage = fmt::format("{}: {}", file_.name(), text);
  } else {
    summary_.damage += "; " + text;
  }
}

void NsightReader::extend_span(std::int64_t first, std::int64_t last) {
  summary_.first_ns = std::min(summary_.first_ns.value_or(first), first);
  summary_.last_ns = std::max(summary_.last_ns.value_or(last), last);
}

OptionalNumber NsightReader::dense_device(OptionalNumber recorded) {
  if (!recorded || *recorded < 0 || *recorded > UINT32_MAX) return std::nullopt;
  if (const auto known = devices_.find(*recorded); known != devices_.end()) return known->second;
  if (devices_.size() == kMaxDevices) return std::nullopt;
  const auto dense = static_cast<std::uint32_t>(devices_.size());
  devices_.emplace(*recorded, dense);
  summary_.devices.push_back(describe(static_cast<std::uint32_t>(*recorded)));
  sink_.device_found(dense, summary_.devices.back());
  return dense;
}

/// Columns 0 to 2 of the row are start, end and device.
void NsightReader::hand_in(const SqliteStatement& row, std::string_view name, KernelKind kind) {
  ++summary_.events;
  tick(1);
  const OptionalNumber start = row.integer(0);
  const OptionalNumber end = row.integer(1);
  const OptionalNumber zero = axis_.zero_of(start);
  if (!start || !end || !zero || axis_.zero_of(end) != zero || *end < *start) {
    ++summary_.executions_unreadable;
    return;
  }
  const OptionalNumber device = dense_device(row.integer(2));
  if (!device) {
    ++summary_.executions_unreadable;
    return;
  }
  ++summary_.executions;
  extend_span(*start - *zero, *end - *zero);
  sink_.execution({.name = name,
                   .kind = kind,
                   .device = static_cast<std::uint32_t>(*device),
                   .start_ns = *start - *zero,
                   .duration_ns = *end - *start});
}

/// Columns from 3 on are demangledName, shortName, mangledName: ids, or in some exports the text.
Result<std::string_view> NsightReader::kernel_name(const SqliteStatement& row,
                                                   detail::NsightNames& names, KernelKind& kind) {
  const detail::NsightName* placeholder = nullptr;
  for (int column = 3; column <= 5; ++column) {
    if (const auto text = row.text(column)) {
      kind = kind_of_kernel(*text);
      return *text;
    }
    const OptionalNumber id = row.integer(column);
    if (!id) continue;
    GPUVIGIL_TRY(const detail::NsightName* name, names.find(*id));
    if (name->found) {
      kind = name->kind;
      return name->text;
    }
    if (placeholder == nullptr) placeholder = name;
  }
  kind = KernelKind::kCompute;
  return placeholder != nullptr ? std::string_view(placeholder->text)
                                : "(kernel without a name in the recording)";
}

Result<void> NsightReader::read_kernels() {
  static constexpr std::array kColumns = {"start",         "end",       "deviceId",
                                          "demangledName", "shortName", "mangledName"};
  const bool has_strings = schema_.has("StringIds", "id") && schema_.has("StringIds", "value");
  const bool id_is_key = has_strings && schema_.tables().find("StringIds")->second.key ==
                                            std::vector{std::string("id")};
  GPUVIGIL_TRY(auto rows, schema_.select(file_, kKernelTable, kColumns));
  if (!rows) return {};
  GPUVIGIL_TRY(auto names, detail::NsightNames::open(file_, has_strings, id_is_key));
  while (true) {
    GPUVIGIL_TRY(const bool more, rows->step());
    if (!more) return {};
    KernelKind kind{};
    GPUVIGIL_TRY(const std::string_view name, kernel_name(*rows, names, kind));
    hand_in(*rows, name, kind);
  }
}

/// Copies and sets alike: their names follow from a number.
Result<void> NsightReader::read_copies(const char* table, const char* kind_column) {
  const std::array columns = {"start", "end", "deviceId", kind_column};
  GPUVIGIL_TRY(auto rows, schema_.select(file_, table, columns));
  if (!rows) return {};
  const bool is_copy = table == kCopyTable;
  while (true) {
    GPUVIGIL_TRY(const bool more, rows->step());
    if (!more) return {};
    const OptionalNumber number = rows->integer(3);
    hand_in(*rows, is_copy ? detail::nsight_copy_name(number) : detail::nsight_set_name(number),
            is_copy ? KernelKind::kMemcpy : KernelKind::kMemset);
  }
}

/// Allocations and releases become what was held after each. What was allocated before the
/// recording began is in no row: the least that explains all releases is taken for it.
Result<void> NsightReader::read_memory() {
  static constexpr std::array kColumns = {"start", "deviceId", "bytes", "memKind",
                                          "memoryOperationType"};
  static constexpr std::int64_t kDeviceMemory = 2;  // ENUM_CUDA_MEM_KIND
  static constexpr std::int64_t kAllocation = 0;    // ENUM_CUDA_DEV_MEM_EVENT_OPER
  struct Change {
    std::int64_t at_ns;
    std::int64_t bytes;
    std::uint32_t device;
  };
  GPUVIGIL_TRY(auto rows, schema_.select(file_, kMemoryTable, kColumns));
  if (!rows) return {};
  std::vector<Change> changes;
  while (true) {
    GPUVIGIL_TRY(const bool more, rows->step());
    if (!more) break;
    ++summary_.events;
    const OptionalNumber recorded = rows->integer(0);
    const OptionalNumber zero = axis_.zero_of(recorded);
    const std::int64_t bytes = rows->integer(2).value_or(0);
    const OptionalNumber operation = rows->integer(4);
    if (!recorded || !zero || bytes <= 0 || bytes > 1LL << 50 ||
        rows->integer(3) != kDeviceMemory || !operation || *operation < 0 || *operation > 1) {
      continue;
    }
    const OptionalNumber device = dense_device(rows->integer(1));
    if (!device) continue;
    if (changes.size() == kMaxMemoryEvents) {
      note(fmt::format("memory is shown for the first {} allocations", kMaxMemoryEvents));
      break;
    }
    const std::int64_t at = *recorded - *zero;
    changes.push_back({.at_ns = at,
                       .bytes = *operation == kAllocation ? bytes : -bytes,
                       .device = static_cast<std::uint32_t>(*device)});
    extend_span(at, at);
  }
  std::ranges::stable_sort(changes, {}, &Change::at_ns);
  std::vector<std::int64_t> held(devices_.size());
  std::vector<std::int64_t> least(devices_.size());
  for (const Change& change : changes) {
    held[change.device] += change.bytes;
    least[change.device] = std::min(least[change.device], held[change.device]);
  }
  for (std::size_t i = 0; i < held.size(); ++i) held[i] = -least[i];
  for (const Change& change : changes) {
    held[change.device] += change.bytes;
    sink_.memory({.device = change.device,
                  .at_ns = change.at_ns,
                  .allocated_bytes = static_cast<std::uint64_t>(held[change.device]),
                  .reserved_bytes = std::nullopt});
  }
  return {};
}

/// API calls and synchronisations are no GPU work, but the recording covers them.
Result<void> NsightReader::read_other_spans() {
  for (const auto& [name, table] : schema_.tables()) {
    if (!name.starts_with(kActivityPrefix) || name == kKernelTable || name == kCopyTable ||
        name == kSetTable || !table.columns.contains("start") || !table.columns.contains("end")) {
      continue;
    }
    const std::uint64_t before = summary_.events;
    GPUVIGIL_CHECK(span_of(name));
    const std::uint64_t rows = summary_.events - before;
    tick(rows);
    if (name == kGraphTable && rows > 0) {
      note(
          fmt::format("{} launches of CUDA graphs were recorded whole, their kernels are missing "
                      "here; record with nsys profile --cuda-graph-trace=node",
                      rows));
    }
  }
  return {};
}

Result<void> NsightReader::span_of(const std::string& table) {
  for (const std::int64_t zero : {std::int64_t{0}, axis_.epoch_ns}) {
    GPUVIGIL_TRY(auto row, file_.prepare(fmt::format(
                               "SELECT min(start), max(\"end\"), count(*) FROM {0} WHERE "
                               "typeof(start) = 'integer' AND typeof(\"end\") = 'integer' AND "
                               "start >= {1} AND \"end\" >= start AND \"end\" <= {2}",
                               sqlite_quoted(table), zero - kHourNs, zero + axis_.last_ns)));
    GPUVIGIL_TRY(const bool is_there, row.step());
    const OptionalNumber first = is_there ? row.integer(0) : std::nullopt;
    const OptionalNumber last = is_there ? row.integer(1) : std::nullopt;
    if (!first || !last) continue;
    extend_span(*first - zero, *last - zero);
    summary_.events += static_cast<std::uint64_t>(row.integer(2).value_or(0));
    return {};
  }
  return {};
}

/// What the export says of the machine's GPUs, and which of them (by their id in TARGET_INFO_GPU) a
/// CUDA device number meant: more than one where processes saw different devices.
Result<void> NsightReader::read_gpus() {
  static constexpr std::array kGpu = {"id", "cuDevice", "name", "totalMemory"};
  static constexpr std::array kMeant = {"cudaId", "gpuId"};
  GPUVIGIL_TRY(auto gpus, schema_.select(file_, "TARGET_INFO_GPU", kGpu));
  while (gpus && gpus_.size() < kMaxDevices) {
    GPUVIGIL_TRY(const bool more, gpus->step());
    if (!more) break;
    const std::int64_t bytes = gpus->integer(3).value_or(0);
    gpus_.push_back({.id = gpus->integer(0),
                     .cuda = gpus->integer(1) ? gpus->integer(1) : gpus->integer(0),
                     .name = std::string(truncate_utf8(clean_text(gpus->text(2).value_or("")),
                                                       kMaxDeviceNameBytes)),
                     .memory_bytes = bytes > 0 ? std::optional(static_cast<std::uint64_t>(bytes))
                                               : std::nullopt});
  }
  GPUVIGIL_TRY(auto meant, schema_.select(file_, "TARGET_INFO_CUDA_DEVICE", kMeant));
  while (meant) {
    GPUVIGIL_TRY(const bool more, meant->step());
    if (!more) break;
    const OptionalNumber cuda = meant->integer(0);
    const OptionalNumber gpu = meant->integer(1);
    if (cuda && gpu && meant_gpus_.size() < kMaxDevices * 4) meant_gpus_.emplace(*cuda, *gpu);
  }
  return {};
}

/// The rows' deviceId is CUDA's number. TARGET_INFO_CUDA_DEVICE tells which GPU that was, older
/// exports have cuDevice in TARGET_INFO_GPU, whose own ids may run the other way.
TraceDevice NsightReader::describe(std::uint32_t cuda_number) const {
  TraceDevice device{.recorded_number = cuda_number, .name = {}, .memory_total_bytes = {}};
  const std::int64_t number = cuda_number;
  const auto first_meant = meant_gpus_.lower_bound({number, INT64_MIN});
  const bool is_told = first_meant != meant_gpus_.end() && first_meant->first == number;
  bool is_first = true;
  for (const Gpu& gpu : gpus_) {
    const bool is_meant = is_told ? gpu.id && meant_gpus_.contains({number, *gpu.id})
                                  : gpu.cuda == OptionalNumber(number);
    if (!is_meant) continue;
    if (std::exchange(is_first, false)) {
      device.name = gpu.name;
      device.memory_total_bytes = gpu.memory_bytes;
    } else if (device.name != gpu.name || device.memory_total_bytes != gpu.memory_bytes) {
      device.name.clear();  // different GPUs went by this number: neither name is true
      device.memory_total_bytes.reset();
      break;
    }
  }
  return device;
}

Result<TraceSummary> NsightReader::read() {
  GPUVIGIL_TRY(schema_, detail::NsightSchema::read(file_));
  GPUVIGIL_CHECK(refuse_other_databases());
  GPUVIGIL_CHECK(read_session());
  GPUVIGIL_CHECK(read_gpus());
  GPUVIGIL_CHECK(estimate_rows());
  GPUVIGIL_CHECK(read_kernels());
  GPUVIGIL_CHECK(read_copies(kCopyTable, "copyKind"));
  GPUVIGIL_CHECK(read_copies(kSetTable, "memKind"));
  GPUVIGIL_CHECK(read_memory());
  GPUVIGIL_CHECK(read_other_spans());
  if (summary_.executions + summary_.executions_unreadable == 0) {
    note("holds no GPU work; record it with nsys profile --trace=cuda");
  }
  if (progress_) progress_(file_.size_bytes(), file_.size_bytes());
  return std::move(summary_);
}

std::unexpected<Error> with_advice(Error error) {
  if (error.code == Errc::kCorrupt && error.message.ends_with("not a SQLite file")) {
    error.message += fmt::format("; write one with {}", kHowToExport);
  }
  return std::unexpected(std::move(error));
}

}  // namespace

Result<TraceSummary> read_nsight(const std::string& path, TraceSink& sink,
                                 const ReadProgress& progress) {
  auto file = SqliteFile::open(path);
  if (!file) return with_advice(std::move(file).error());
  auto summary = NsightReader(*file, sink, progress).read();
  if (!summary) return with_advice(std::move(summary).error());
  return summary;
}

Result<TraceSummary> read_nsight_bytes(const std::string& name, std::span<const std::byte> bytes,
                                       TraceSink& sink) {
  auto file = SqliteFile::from_bytes(name, bytes);
  if (!file) return with_advice(std::move(file).error());
  const ReadProgress no_progress;
  auto summary = NsightReader(*file, sink, no_progress).read();
  if (!summary) return with_advice(std::move(summary).error());
  return summary;
}

}  // namespace gpuvigil
