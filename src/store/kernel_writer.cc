// SPDX-License-Identifier: Apache-2.0
#include "store/kernel_writer.h"

#include <algorithm>
#include <utility>

#include "store/kernel_blob.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kNamesAtOnce = 64;  ///< That go when there is no room, at least.

}  // namespace

KernelWriter::KernelWriter(const KernelLimits& limits)
    : limits_(limits),
      // As wide as the coarsest: what is too little for a step of seconds may be much in an hour.
      running_{KernelSums(limits.series.back()), KernelSums(limits.series.back()),
               KernelSums(limits.series.back())},
      second_(limits.series.front()) {
  begin_anew();
}

void KernelWriter::begin_anew() {
  numbers_.clear();
  name_bytes_ = 0;
  next_number_ = 1;
  new_names_.clear();
  old_names_.clear();
  seconds_.clear();
  steps_.clear();
  second_.clear();
  // Numbers of devices stay: the running sums go by them.
  if (devices_.empty()) devices_.emplace_back();
  devices_in_file_ = 0;
}

Result<void> KernelWriter::load(KernelFile file, std::uint64_t& damaged) {
  GPUVIGIL_TRY(std::vector<std::string> devices, file.load_devices());
  devices_in_file_ = devices.size();
  if (!devices.empty()) devices_ = std::move(devices);
  for (std::uint32_t i = 1; i < devices_.size(); ++i) device_numbers_.emplace(devices_[i], i);
  GPUVIGIL_TRY(const std::vector<StoredKernel> kernels, file.load_kernels());
  for (const StoredKernel& kernel : kernels) {
    numbers_[kernel.id] = {
        .number = kernel.number, .used_ns = kernel.used_ns, .bytes = kernel.bytes};
    name_bytes_ += kernel.bytes;
    next_number_ = std::max(next_number_, kernel.number + 1);
  }
  GPUVIGIL_TRY(const auto raw, file.span_of(TierId::kRaw));
  if (!raw) return {};
  // The steps that were running, each of what the finer one has told of it.
  const std::int64_t step = kernel_step_of(TierId::kRaw, raw->newest_ns);
  const std::int64_t minute = kernel_step_of(TierId::kMinute, raw->newest_ns);
  const std::int64_t hour = kernel_step_of(TierId::kHour, raw->newest_ns);
  GPUVIGIL_CHECK(
      load_sums(file, TierId::kRaw, step, raw->newest_ns, running(TierId::kRaw), damaged));
  GPUVIGIL_CHECK(load_sums(file, TierId::kRaw, minute, step, running(TierId::kMinute), damaged));
  return load_sums(file, TierId::kMinute, hour, minute, running(TierId::kHour), damaged);
}

Result<void> KernelWriter::load_sums(KernelFile& file, TierId tier, std::int64_t from_ns,
                                     std::int64_t to_ns, KernelSums& into, std::uint64_t& damaged) {
  std::unordered_map<std::uint64_t, std::uint64_t> ids;
  for (const auto& [id, name] : numbers_) ids.emplace(name.number, id);
  KernelBlobReader reader;
  return file.each_step(
      tier, from_ns, to_ns, [&](std::int64_t from, std::int64_t to, std::string_view bytes) {
        if (!reader.open(bytes, from_unix_ns(from))) {
          ++damaged;
          return;
        }
        into.cover(from_unix_ns(from), from_unix_ns(to));
        for (const KernelBlobReader::Entry& entry : reader.entries()) {
          const auto known = ids.find(entry.kernel);
          const bool is_known = known != ids.end() && entry.device < devices_.size();
          KernelSum& sum = into.at({.kernel = is_known ? known->second : other_kernels()->id,
                                    .kind = entry.kind,
                                    .device = is_known ? entry.device : 0});
          if (!reader.add_to(sum, entry)) ++damaged;
        }
      });
}

std::uint32_t KernelWriter::device_number(const std::string& uuid) {
  if (const auto known = device_numbers_.find(uuid); known != device_numbers_.end()) {
    return known->second;
  }
  if (devices_.size() >= limits_.devices) return 0;
  const auto number = static_cast<std::uint32_t>(devices_.size());
  devices_.push_back(uuid);
  device_numbers_.emplace(uuid, number);
  return number;
}

void KernelWriter::add(const WindowDelta& delta,
                       std::span<const std::shared_ptr<const DeviceInfo>> devices) {
  const std::int64_t to_ns = to_unix_ns(delta.to);
  for (const TierId tier : {TierId::kRaw, TierId::kMinute, TierId::kHour}) {
    const KernelSums& sums = running(tier);
    if (sums.from() && kernel_step_of(tier, to_unix_ns(sums.to())) != kernel_step_of(tier, to_ns)) {
      close(tier);
    }
  }
  std::vector<std::uint32_t> numbers;
  numbers.reserve(devices.size());
  for (const auto& device : devices) {
    numbers.push_back(device ? device_number(device->uuid) : 0);
  }
  running(TierId::kRaw).cover(delta.from, delta.to);
  second_.cover(delta.from, delta.to);
  for (const SeriesDelta& series : delta.series) {
    if (series.counters.calls == 0) continue;
    const std::uint32_t device = series.key->device;
    const KernelSeriesId id{.kernel = series.key->name->id,
                            .kind = series.key->kind,
                            .device = device < numbers.size() ? numbers[device] : 0};
    KernelSum one;
    one.name = series.key->name;
    one.counters = series.counters;
    one.last_end = series.last_end;
    for (const BucketCount& hit : delta.buckets_of(series)) {
      one.sketch.add_to_bucket(hit.bucket, hit.count);
    }
    running(TierId::kRaw).at(id).merge(one);
    second_.at(id).merge(one);
  }
}

void KernelWriter::end_second() {
  if (!second_.from()) return;
  seconds_.push_back(step_of(TierId::kRaw, second_));
  second_.clear();
}

/// A step is whole: it goes to the file, and into the next coarser one.
void KernelWriter::close(TierId tier) {
  KernelSums& sums = running(tier);
  if (tier == TierId::kRaw) {
    seconds_.clear();  // it tells all that they do
    second_.clear();
  }
  const auto coarser = static_cast<std::size_t>(tier) + 1;
  if (coarser < kTiers) running_[coarser].merge(sums);
  steps_.push_back(step_of(tier, sums));
  sums.clear();
  if (steps_.size() <= limits_.waiting_steps) return;
  steps_.pop_front();
  ++dropped_;
}

KernelStep KernelWriter::step_of(TierId tier, KernelSums& sums) {
  sums.fold_to(limits_.series[static_cast<std::size_t>(tier)]);
  std::vector<KernelRecord> records;
  records.reserve(sums.sums().size());
  KernelSums nameless(kMaxKernelRecords);
  for (const auto& [id, sum] : sums.sums()) {
    const auto number = number_of(id.kernel, sum);
    if (number) {
      records.push_back({.kernel = *number, .device = id.device, .kind = id.kind, .sum = &sum});
    } else {  // it was loaded, and its name has gone since
      nameless.at({.kernel = 0, .kind = id.kind, .device = id.device}).merge(sum);
    }
  }
  // Number 0 has no name: it is read as __other__.
  for (const auto& [id, sum] : nameless.sums()) {
    records.push_back({.kernel = 0, .device = id.device, .kind = id.kind, .sum = &sum});
  }
  return {.tier = tier,
          .from_ns = to_unix_ns(*sums.from()),
          .to_ns = to_unix_ns(sums.to()),
          .bytes = pack_kernels(records, *sums.from(), zstd_)};
}

std::optional<std::uint64_t> KernelWriter::number_of(std::uint64_t id, const KernelSum& sum) {
  auto known = numbers_.find(id);
  if (known == numbers_.end()) {
    if (!sum.name) return std::nullopt;
    make_room_for_names();
    known =
        numbers_.emplace(id, Name{.number = next_number_++, .bytes = sum.name->name.size()}).first;
    name_bytes_ += known->second.bytes;
    new_names_.push_back({.number = known->second.number,
                          .id = id,
                          .used_ns = to_unix_ns(sum.last_end),
                          .bytes = known->second.bytes,
                          .name = sum.name->name});
  }
  constexpr std::int64_t kHour = 3'600'000'000'000;
  Name& name = known->second;
  const std::int64_t used = to_unix_ns(sum.last_end);
  if (used / kHour > name.used_ns / kHour) name.is_touched = true;
  name.used_ns = std::max(name.used_ns, used);
  return name.number;
}

void KernelWriter::make_room_for_names() {
  if (numbers_.size() < limits_.names && name_bytes_ < limits_.name_bytes) return;
  std::vector<std::pair<std::int64_t, std::uint64_t>> by_use;
  by_use.reserve(numbers_.size());
  for (const auto& [id, name] : numbers_) by_use.emplace_back(name.used_ns, id);
  const std::size_t count =
      std::min(std::max(limits_.names / 8, kNamesAtOnce), by_use.size() / 2 + 1);
  std::ranges::nth_element(by_use, by_use.begin() + static_cast<std::ptrdiff_t>(count - 1));
  for (std::size_t i = 0; i < count; ++i) {
    const auto gone = numbers_.find(by_use[i].second);
    const std::uint64_t number = gone->second.number;
    name_bytes_ -= gone->second.bytes;
    numbers_.erase(gone);
    const auto is_it = [number](const StoredKernel& kernel) { return kernel.number == number; };
    if (std::erase_if(new_names_, is_it) == 0) old_names_.push_back(number);
  }
}

Result<void> KernelWriter::write(KernelFile file) {
  for (std::size_t i = devices_in_file_; i < devices_.size(); ++i) {
    GPUVIGIL_CHECK(file.add_device(static_cast<std::uint32_t>(i), devices_[i]));
  }
  for (const std::uint64_t number : old_names_) GPUVIGIL_CHECK(file.drop_kernel(number));
  for (const StoredKernel& kernel : new_names_) GPUVIGIL_CHECK(file.add_kernel(kernel));
  bool ends_an_hour = false;
  for (const KernelStep& step : steps_) {
    ends_an_hour = ends_an_hour || step.tier == TierId::kHour;
    // In place of what told the same before, second by second.
    GPUVIGIL_CHECK(file.drop_steps(step.tier, kernel_step_of(step.tier, step.to_ns), step.to_ns));
    GPUVIGIL_CHECK(file.add_step(step));
  }
  for (const KernelStep& step : seconds_) GPUVIGIL_CHECK(file.add_step(step));
  if (!ends_an_hour) return {};
  for (const auto& [id, name] : numbers_) {
    if (name.is_touched) GPUVIGIL_CHECK(file.touch_kernel(name.number, name.used_ns));
  }
  return {};
}

void KernelWriter::written() {
  devices_in_file_ = devices_.size();
  for (const KernelStep& step : steps_) {
    if (step.tier != TierId::kHour) continue;
    for (auto& [id, name] : numbers_) name.is_touched = false;
    break;
  }
  old_names_.clear();
  new_names_.clear();
  steps_.clear();
  seconds_.clear();
}

std::vector<KernelStep> KernelWriter::waiting() const {
  std::vector<KernelStep> all(steps_.begin(), steps_.end());
  all.insert(all.end(), seconds_.begin(), seconds_.end());
  return all;
}

}  // namespace gpuvigil
