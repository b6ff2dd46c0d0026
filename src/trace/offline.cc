// SPDX-License-Identifier: Apache-2.0
#include "trace/offline.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <iterator>
#include <optional>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxPending = 65'536;
constexpr std::size_t kMaxNames = 65'536;
constexpr std::size_t kMaxNameBytes = std::size_t{16} << 20U;
constexpr std::size_t kKinds = 4;

/// A device of the file at hand.
struct FileDevice {
  std::string recording;  ///< The recording's name, for the order.
  std::uint64_t file_id = 0;
  TraceDevice known;
  std::optional<DeviceSlot> slot;
  std::optional<TraceMemory> memory;  ///< The newest reading.
};

/// The series of one name, by device and kind.
using NameSeries = std::vector<std::optional<SeriesSlot>>;

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};
using NameTable = std::unordered_map<std::string, NameSeries, TextHash, std::equal_to<>>;

/// An execution, with its name and device looked up.
struct Found {
  NameTable::value_type* name = nullptr;
  KernelKind kind = KernelKind::kCompute;
  std::size_t device = 0;  ///< In FileIntake::devices_.
  std::int64_t start_ns = 0;
  std::int64_t duration_ns = 0;
};

/// A recording that has been read.
struct Ended {
  std::size_t first_device = 0;
  TraceSummary summary;
};

/// Puts one file into the intake. Executions wait at first, until the file has ended or too many
/// wait: then its devices are known and can be made in their order.
class FileIntake final : public TraceVisitor, private TraceSink {
 public:
  /// `next_device` counts on over all files.
  FileIntake(Intake& intake, std::uint32_t& next_device)
      : intake_(intake), owner_(intake.open_owner()), next_device_(next_device) {}

  TraceSink& recording_begins(const std::string& name, std::uint64_t file_id) override;
  void recording_ends(const TraceSummary& summary) override;
  /// Makes the devices that are known by now, in their order, and tells what waited for them. To be
  /// called after the last recording.
  void settle();

 private:
  void device_found(std::uint32_t dense, const TraceDevice& known) override;
  void execution(const TraceExecution& execution) override;
  void memory(const TraceMemory& memory) override;

  [[nodiscard]] NameTable::value_type& name(std::string_view text);
  [[nodiscard]] std::size_t device(std::uint32_t dense);
  [[nodiscard]] DeviceSlot slot_of(FileDevice& device);
  [[nodiscard]] SeriesSlot series_of(const Found& found);
  void tell(const Found& found);
  void tell_end(const Ended& ended);

  Intake& intake_;
  OwnerId owner_;
  std::uint32_t& next_device_;
  std::string recording_;
  std::uint64_t file_id_ = 0;
  std::vector<FileDevice> devices_;
  std::size_t first_device_ = 0;  ///< Of the recording at hand.
  bool settled_ = false;
  std::vector<Found> pending_;
  std::vector<Ended> ended_;
  NameTable names_;
  std::size_t name_bytes_ = 0;
};

TraceSink& FileIntake::recording_begins(const std::string& name, std::uint64_t file_id) {
  recording_ = name;
  file_id_ = file_id;
  first_device_ = devices_.size();
  return *this;
}

/// The place of a device of the recording at hand.
std::size_t FileIntake::device(std::uint32_t dense) {
  while (devices_.size() <= first_device_ + dense) {
    devices_.push_back(
        {.recording = recording_, .file_id = file_id_, .known = {}, .slot = {}, .memory = {}});
  }
  return first_device_ + dense;
}

void FileIntake::device_found(std::uint32_t dense, const TraceDevice& known) {
  devices_[device(dense)].known = known;
}

NameTable::value_type& FileIntake::name(std::string_view text) {
  const auto known = names_.find(text);
  if (known != names_.end()) return *known;
  if (names_.size() == kMaxNames || name_bytes_ + text.size() > kMaxNameBytes) {
    settle();  // those that wait point into the table
    names_.clear();
    name_bytes_ = 0;
  }
  name_bytes_ += text.size();
  return *names_.try_emplace(std::string(text)).first;
}

void FileIntake::execution(const TraceExecution& execution) {
  if (pending_.size() == kMaxPending) settle();
  const Found found{.name = &name(execution.name),
                    .kind = execution.kind,
                    .device = device(execution.device),
                    .start_ns = execution.start_ns,
                    .duration_ns = execution.duration_ns};
  if (settled_) {
    tell(found);
  } else {
    pending_.push_back(found);
  }
}

void FileIntake::memory(const TraceMemory& memory) {
  auto& newest = devices_[device(memory.device)].memory;
  if (!newest || newest->at_ns <= memory.at_ns) newest = memory;
}

DeviceSlot FileIntake::slot_of(FileDevice& device) {
  if (!device.slot) {
    device.slot =
        intake_.device({.uuid = fmt::format("REC-{:016x}-{}", device.file_id, next_device_++),
                        .name = device.known.name,
                        .pci_bus_id = {},
                        .source = "replay"});
  }
  return *device.slot;
}

SeriesSlot FileIntake::series_of(const Found& found) {
  NameSeries& series = found.name->second;
  const std::size_t place = found.device * kKinds + static_cast<std::size_t>(found.kind);
  if (series.size() <= place) series.resize(place + 1);
  if (!series[place]) {
    series[place] =
        intake_.series(owner_, slot_of(devices_[found.device]), found.name->first, found.kind);
  }
  return *series[place];
}

void FileIntake::tell(const Found& found) {
  const Timestamp start = from_unix_ns(found.start_ns);
  const Timestamp end = from_unix_ns(found.start_ns + found.duration_ns);
  intake_.execution(series_of(found), {.start = start,
                                       .end = end,
                                       .duration = Duration(found.duration_ns),
                                       .memory = std::nullopt});
  intake_.activity(slot_of(devices_[found.device]), found.kind, start, end);
}

void FileIntake::settle() {
  if (settled_) return;
  settled_ = true;
  std::vector<FileDevice*> order;
  for (FileDevice& device : devices_) order.push_back(&device);
  std::ranges::stable_sort(order, [](const FileDevice* a, const FileDevice* b) {
    const int names = ::strverscmp(a->recording.c_str(), b->recording.c_str());
    return names != 0 ? names < 0 : a->known.recorded_number < b->known.recorded_number;
  });
  for (FileDevice* device : order) static_cast<void>(slot_of(*device));
  for (const Found& found : pending_) tell(found);
  pending_ = {};
  for (const Ended& ended : ended_) tell_end(ended);
  ended_ = {};
}

void FileIntake::recording_ends(const TraceSummary& summary) {
  for (std::uint32_t dense = 0; dense < summary.devices.size(); ++dense) {
    devices_[device(dense)].known = summary.devices[dense];
  }
  const Ended ended{.first_device = first_device_, .summary = summary};
  if (settled_) {
    tell_end(ended);
  } else {
    ended_.push_back(ended);
  }
}

/// What is known of a recording's devices only when all of it has been told.
void FileIntake::tell_end(const Ended& ended) {
  const TraceSummary& summary = ended.summary;
  intake_.lost(Loss::kExecutionsUnreadable, summary.executions_unreadable);
  intake_.lost(Loss::kBytesUnreadable, summary.bytes_unreadable);
  for (std::size_t i = 0; i < summary.devices.size(); ++i) {
    FileDevice& device = devices_[ended.first_device + i];
    const DeviceSlot slot = slot_of(device);
    if (summary.first_ns && summary.last_ns) {
      intake_.covered(slot, from_unix_ns(*summary.first_ns), from_unix_ns(*summary.last_ns));
    }
    if (summary.base_unix_ns != 0) intake_.rebase(slot, Duration(summary.base_unix_ns));
    DeviceSample sample = absent_sample(
        Missing::kNotRecorded, from_unix_ns(summary.base_unix_ns + summary.last_ns.value_or(0)));
    if (device.memory) sample.memory_used = Bytes(device.memory->allocated_bytes);
    if (device.known.memory_total_bytes) {
      sample.memory_total = Bytes(*device.known.memory_total_bytes);
    }
    intake_.sample(slot, sample);
  }
}

}  // namespace

Result<std::vector<TraceSummary>> read_into(Intake& intake, std::span<const std::string> paths,
                                            const ReadProgress& progress) {
  // All are opened before one is read, so that a mistyped last name costs no waiting.
  std::uint64_t total = 0;
  std::vector<std::uint64_t> sizes;
  for (const std::string& path : paths) {
    GPUVIGIL_TRY(const auto file, FileSource::open(path));
    sizes.push_back(file.file_size());
    total += sizes.back();
  }
  std::vector<TraceSummary> all;
  std::uint64_t done = 0;
  std::uint32_t next_device = 0;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    ReadProgress of_all;
    if (progress) {
      of_all = [&](std::uint64_t read, std::uint64_t /*size*/) { progress(done + read, total); };
    }
    FileIntake file(intake, next_device);
    GPUVIGIL_TRY(auto summaries, read_trace(paths[i], file, of_all));
    file.settle();
    std::ranges::move(summaries, std::back_inserter(all));
    done += sizes[i];
  }
  return all;
}

}  // namespace gpuvigil
