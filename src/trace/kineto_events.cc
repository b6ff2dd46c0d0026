// SPDX-License-Identifier: Apache-2.0
#include "trace/kineto_events.h"

#include <algorithm>
#include <utility>

#include "trace/json_text.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxNames = 65'536;
constexpr std::size_t kMaxNameTableBytes = std::size_t{32} << 20U;
constexpr std::size_t kMaxTableNameBytes = std::size_t{64} << 10U;
constexpr std::size_t kMaxMemoryReadings = 65'536;

}  // namespace

enum class KinetoEvents::Work { kNone, kKernel, kMemcpy, kMemset };

/// GPU work whose times are times.
struct KinetoEvents::Timed {
  Work work;
  std::int64_t start_ns;
  std::int64_t duration_ns;
};

/// What a raw category, quotes included, says about an event.
KinetoEvents::Work KinetoEvents::work_of(std::string_view category) {
  if (category.size() == 8) {
    if (category == R"("kernel")" || category == R"("Kernel")" || category == R"("KERNEL")") {
      return Work::kKernel;
    }
    if (category == R"("Memcpy")" || category == R"("memcpy")") return Work::kMemcpy;
    if (category == R"("Memset")" || category == R"("memset")") return Work::kMemset;
  } else if (category.size() == 12) {
    if (category == R"("gpu_memcpy")") return Work::kMemcpy;
    if (category == R"("gpu_memset")") return Work::kMemset;
  }
  return Work::kNone;
}

namespace {

/// A device number: an integer, or a string that ends with one ("stream 7" is none, but "GPU 0"
/// as a pid is).
std::optional<std::uint32_t> trailing_number(std::string_view raw) {
  const std::string_view text = unquoted(raw);
  if (raw.size() == text.size()) {
    const auto number = parse_count(text);
    return number && *number <= UINT32_MAX ? std::optional(static_cast<std::uint32_t>(*number))
                                           : std::nullopt;
  }
  std::size_t begin = text.size();
  while (begin > 0 && text[begin - 1] >= '0' && text[begin - 1] <= '9') --begin;
  if (begin > 0 && (text[begin - 1] == '-' || text[begin - 1] == '.')) return std::nullopt;
  const auto number = parse_count(text.substr(begin));
  return number && *number <= UINT32_MAX ? std::optional(static_cast<std::uint32_t>(*number))
                                         : std::nullopt;
}

/// c10::DeviceType of PyTorch: CUDA, and HIP where it is not disguised as CUDA. 0 is the CPU.
bool is_gpu_type(std::string_view raw) {
  const std::string_view type = unquoted(raw);
  return type == "1" || type == "6";
}

}  // namespace

/// The members of an event that matter, raw.
struct KinetoEvents::Fields {
  /// Keeps a member if it is the first of its name. A missing member is an empty view.
  void take(const JsonField& field) {
    const auto keep = [&field](std::string_view& place) {
      if (place.empty()) place = field.value;
    };
    const std::string_view key = field.key;
    switch (key.size()) {
      case 2:
        if (key == "ph") keep(phase);
        if (key == "ts") keep(start);
        return;
      case 3:
        if (key == "cat") keep(category);
        if (key == "dur") keep(duration);
        if (key == "pid") keep(pid);
        return;
      case 4:
        if (key == "name") keep(name);
        if (key == "args") keep(args);
        return;
      default:
        return;
    }
  }

  std::string_view phase;
  std::string_view category;
  std::string_view name;
  std::string_view start;
  std::string_view duration;
  std::string_view pid;
  std::string_view args;
};

/// The members of its "args" that matter, raw; each the first of its name. They are read up to the
/// last that is asked for.
struct KinetoEvents::Args {
  static Args of_work(const EventText& event, std::string_view object, bool wants_kind);
  static Args of_memory(const EventText& event, std::string_view object);

  std::string_view device;
  std::string_view kind;
  std::string_view device_type;
  std::string_view device_id;
  std::string_view allocated;
  std::string_view reserved;

 private:
  static void keep(std::string_view& place, const JsonField& field, std::string_view key) {
    if (place.empty() && field.key == key) place = json_value(field.value);
  }
};

KinetoEvents::Args KinetoEvents::Args::of_work(const EventText& event, std::string_view object,
                                               bool wants_kind) {
  Args args;
  if (!object.starts_with('{')) return args;
  EventWalk walk(event, object);
  for (JsonField field; walk.next(field);) {
    keep(args.device, field, "device");
    if (wants_kind) keep(args.kind, field, "kind");
    if (!args.device.empty() && (!wants_kind || !args.kind.empty())) break;
  }
  return args;
}

KinetoEvents::Args KinetoEvents::Args::of_memory(const EventText& event, std::string_view object) {
  Args args;
  if (!object.starts_with('{')) return args;
  EventWalk walk(event, object);
  for (JsonField field; walk.next(field);) {
    keep(args.device_type, field, "Device Type");
    keep(args.device_id, field, "Device Id");
    keep(args.allocated, field, "Total Allocated");
    keep(args.reserved, field, "Total Reserved");
  }
  return args;
}

bool KinetoEvents::read(const EventText& event) {
  Fields fields;
  EventWalk walk(event);
  for (JsonField field; walk.next(field);) {
    fields.take(field);
    // Most events are of no interest, and most of those show it early.
    if (fields.phase == R"("X")") {
      const bool timed = !fields.start.empty() && !fields.duration.empty();
      if (timed && !fields.category.empty() && work_of(fields.category) == Work::kNone) break;
    } else if (!fields.phase.empty() && fields.phase != R"("i")") {
      return true;
    }
  }
  if (walk.broken()) return false;
  if (fields.phase == R"("X")") {
    take_timed(event, fields);
  } else if (fields.name == R"("[memory]")" && fields.phase == R"("i")") {
    take_memory(event, fields);
  }
  return true;
}

void KinetoEvents::take_timed(const EventText& event, const Fields& fields) {
  const auto start = parse_microseconds_at(fields.start);
  const auto duration = parse_microseconds_at(fields.duration);
  std::int64_t end = 0;
  const bool sound =
      start && duration && *duration >= 0 && !__builtin_add_overflow(*start, *duration, &end);
  if (sound) {
    first_ns_ = std::min(first_ns_.value_or(*start), *start);
    last_ns_ = std::max(last_ns_.value_or(end), end);
  }
  const Work work = work_of(fields.category);
  if (work == Work::kNone) {
    amd_ = amd_ || (fields.name.starts_with(R"("hip)") &&
                    (fields.category == R"("cuda_runtime")" || fields.category == R"("Runtime")"));
  } else if (sound) {
    take_work(event, fields, {.work = work, .start_ns = *start, .duration_ns = *duration});
  } else {
    ++executions_unreadable_;
  }
}

void KinetoEvents::take_work(const EventText& event, const Fields& fields, const Timed& timed) {
  const bool wants_kind = !is_amd() && !properties_.say_not_amd();
  const Args args = Args::of_work(event, fields.args, wants_kind);
  amd_ = amd_ || args.kind.starts_with(R"("Dispatch)");
  const auto device = device_of(fields, args);
  if (!device) {
    ++executions_unreadable_;
    return;
  }
  const Name& name = name_of(json_value(fields.name));
  KernelKind kind = name.kind;
  if (timed.work == Work::kMemcpy) kind = KernelKind::kMemcpy;
  if (timed.work == Work::kMemset) kind = KernelKind::kMemset;
  ++executions_;
  sink_.execution({.name = name.text,
                   .kind = kind,
                   .device = *device,
                   .start_ns = timed.start_ns,
                   .duration_ns = timed.duration_ns});
}

/// The dense number of the device on which an event ran: args.device, else the pid, which on a
/// GPU's lane is the same number. One that tells neither is taken for device 0.
std::optional<std::uint32_t> KinetoEvents::device_of(const Fields& fields, const Args& args) {
  auto number = trailing_number(args.device);
  if (!number) number = trailing_number(json_value(fields.pid));
  return dense_number(number.value_or(0));
}

std::optional<std::uint32_t> KinetoEvents::dense_number(std::uint32_t recorded) {
  const auto known = dense_.find(recorded);
  if (known != dense_.end()) return known->second;
  if (devices_.size() == kMaxDevices) return std::nullopt;
  const auto dense = static_cast<std::uint32_t>(devices_.size());
  devices_.push_back(recorded);
  dense_.emplace(recorded, dense);
  sink_.device_found(dense, properties_.device(recorded, is_amd()));
  return dense;
}

/// A name with its escapes decoded, and what kind of kernel it would be. Recordings repeat few
/// names often, so both are kept by the raw text.
const KinetoEvents::Name& KinetoEvents::name_of(std::string_view raw) {
  const auto known = names_.find(raw);
  if (known != names_.end()) return known->second;
  Name name{.text = decode_json_text(raw, kMaxRecordedNameBytes), .kind = KernelKind::kCompute};
  name.kind = kind_of_kernel(name.text);
  if (raw.size() > kMaxTableNameBytes) return long_name_ = std::move(name);
  if (names_.size() == kMaxNames || name_bytes_ > kMaxNameTableBytes) {
    names_.clear();
    name_bytes_ = 0;
  }
  name_bytes_ += raw.size() + name.text.size() + sizeof(Name);
  return names_.emplace(raw, std::move(name)).first->second;
}

void KinetoEvents::take_memory(const EventText& event, const Fields& fields) {
  const auto at = parse_microseconds_at(fields.start);
  const Args args = Args::of_memory(event, fields.args);
  const auto allocated = parse_count(args.allocated);
  const auto id = parse_count(args.device_id);
  if (!at || !is_gpu_type(args.device_type) || !allocated || !id || *id > UINT32_MAX) return;
  if (memory_.size() == kMaxMemoryReadings) tell_memory();
  memory_.push_back({.at_ns = *at,
                     .allocated_bytes = *allocated,
                     .reserved_bytes = parse_count(args.reserved),
                     .device_id = static_cast<std::uint32_t>(*id)});
}

/// Hands on the allocator's readings. They are kept back because their device ids count GPUs from
/// 0, which on AMD is not how kernels number them: there the ids and the devices with kernels are
/// matched in ascending order, provided that there are as many of the one as of the other.
/// Readings of which nobody knows where they belong are left out.
void KinetoEvents::tell_memory() {
  std::vector<std::uint32_t> ids;
  for (const AllocatorReading& reading : memory_) ids.push_back(reading.device_id);
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  std::vector<std::uint32_t> numbers = devices_;
  std::ranges::sort(numbers);
  for (const AllocatorReading& reading : memory_) {
    std::uint32_t recorded = reading.device_id;
    if (is_amd()) {
      if (ids.size() != numbers.size()) break;
      recorded = numbers[static_cast<std::size_t>(std::ranges::lower_bound(ids, reading.device_id) -
                                                  ids.begin())];
    }
    const auto device = dense_number(recorded);
    if (!device) continue;
    sink_.memory({.device = *device,
                  .at_ns = reading.at_ns,
                  .allocated_bytes = reading.allocated_bytes,
                  .reserved_bytes = reading.reserved_bytes});
  }
  memory_.clear();
}

void KinetoEvents::finish(TraceSummary& summary) {
  tell_memory();
  for (const std::uint32_t number : devices_) {
    summary.devices.push_back(properties_.device(number, is_amd()));
  }
  summary.first_ns = first_ns_;
  summary.last_ns = last_ns_;
  summary.executions = executions_;
  summary.executions_unreadable = executions_unreadable_;
}

}  // namespace gpuvigil
