// SPDX-License-Identifier: Apache-2.0
#include "views/chrome_trace.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <queue>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "base/version.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{256} << 10U;
constexpr std::int64_t kNsPerUs = 1000;

std::string_view category(KernelKind kind) {
  switch (kind) {
    case KernelKind::kCompute:
    case KernelKind::kCollective:
      return "kernel";
    case KernelKind::kMemcpy:
      return "gpu_memcpy";
    case KernelKind::kMemset:
      return "gpu_memset";
  }
  return "kernel";
}

/// Rows on which nothing overlaps: the first that is free takes the next execution.
class Lanes {
 public:
  struct Taken {
    std::uint32_t row = 0;
    bool is_new = false;
  };

  /// `next` is the number of a row that is new.
  Taken take(std::int64_t start, std::int64_t end, std::uint32_t next) {
    if (!busy_.empty() && busy_.top().first <= start) {
      const std::uint32_t row = busy_.top().second;
      busy_.pop();
      busy_.emplace(end, row);
      return {.row = row, .is_new = false};
    }
    busy_.emplace(end, next);
    return {.row = next, .is_new = true};
  }
  [[nodiscard]] std::size_t count() const { return busy_.size(); }

 private:
  using Busy = std::pair<std::int64_t, std::uint32_t>;  ///< Until when, and which.
  std::priority_queue<Busy, std::vector<Busy>, std::greater<>> busy_;
};

/// All rows of all devices. Numbers of rows count from 0 in each device.
class Rows {
 public:
  struct Place {
    std::uint32_t row = 0;
    std::string name;  ///< Of a row that is new and has one.
  };

  Place take(std::uint32_t device, std::optional<std::uint64_t> stream, std::int64_t start,
             std::int64_t end) {
    Lanes& lanes = lanes_[{device, stream}];
    std::uint32_t& used = used_[device];
    const Lanes::Taken taken = lanes.take(start, end, used);
    Place place{.row = taken.row, .name = {}};
    if (!taken.is_new) return place;
    ++used;
    if (stream) {
      place.name = lanes.count() == 1 ? fmt::format("stream {}", *stream)
                                      : fmt::format("stream {} ({})", *stream, lanes.count());
    }
    return place;
  }

 private:
  std::map<std::pair<std::uint32_t, std::optional<std::uint64_t>>, Lanes> lanes_;
  std::map<std::uint32_t, std::uint32_t> used_;
};

std::string microseconds(std::uint64_t ns) {
  return fmt::format("{}.{:03}", ns / kNsPerUs, ns % kNsPerUs);
}

void write_numbers(JsonWriter& json, std::string_view key,
                   const std::array<std::uint32_t, 3>& numbers) {
  json.key(key);
  json.begin_array();
  for (const std::uint32_t number : numbers) json.number(number);
  json.end_array();
}

void write_detail(JsonWriter& json, const ExecutionTrace::Detail& detail) {
  json.key("stream");
  json.number(detail.stream);
  if (detail.correlation != 0) {
    json.key("correlation");
    json.number(detail.correlation);
  }
  if (detail.bytes) {
    json.key("bytes");
    json.number(*detail.bytes);
  }
  if (detail.grid[0] == 0) return;
  write_numbers(json, "grid", detail.grid);
  write_numbers(json, "block", detail.block);
  json.key("registers per thread");
  json.number(detail.registers);
  json.key("shared memory");
  json.number(detail.shared_bytes);
}

void append_event(std::string& out, const ExecutionTrace::Series& series,
                  const ExecutionTrace::Detail* detail, std::uint32_t row,
                  std::uint64_t since_base_ns, std::uint64_t duration_ns) {
  std::string event;
  JsonWriter json(event);
  json.begin_object();
  json.key("ph");
  json.string("X");
  json.key("cat");
  json.string(category(series.kind));
  json.key("name");
  json.string(series.name);
  json.key("pid");
  json.number(series.device);
  json.key("tid");
  json.number(row);
  json.key("ts");
  json.raw(microseconds(since_base_ns));
  json.key("dur");
  json.raw(microseconds(duration_ns));
  json.key("args");
  json.begin_object();
  json.key("device");
  json.number(series.device);
  if (detail != nullptr) write_detail(json, *detail);
  json.end_object();
  json.end_object();
  json.finish();
  out += event;
}

/// What a process (without a row) or a row of it is called.
void append_name(std::string& out, std::uint32_t process, std::optional<std::uint32_t> row,
                 std::string_view name) {
  std::string event;
  JsonWriter json(event);
  json.begin_object();
  json.key("ph");
  json.string("M");
  json.key("name");
  json.string(row ? "thread_name" : "process_name");
  json.key("pid");
  json.number(process);
  if (row) {
    json.key("tid");
    json.number(*row);
  }
  json.key("args");
  json.begin_object();
  json.key("name");
  json.string(name);
  json.end_object();
  json.end_object();
  json.finish();
  out += event;
}

/// All before the events.
std::string head(std::span<const ExecutionTrace::Device> devices, std::int64_t base_ns) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("displayTimeUnit");
  json.string("ms");
  json.key("baseTimeNanoseconds");
  json.number(static_cast<std::uint64_t>(base_ns));
  json.key("deviceProperties");
  json.begin_array();
  for (const ExecutionTrace::Device& device : devices) {
    json.begin_object();
    json.key("id");
    json.number(device.index);
    json.key("name");
    json.string(device.name);
    json.key("uuid");
    json.string(device.uuid);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  json.finish();
  out.pop_back();  // the events come before its brace
  return out + ",\"traceEvents\":[\n";
}

/// All behind the events: what is in it and what is not.
std::string tail(const ChromeTrace& trace, std::uint64_t in_file) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("writer");
  json.string(fmt::format("gpuvigil {}", version()));
  json.key("executions");
  json.number(trace.total);
  json.key("executions_in_this_file");
  json.number(in_file);
  json.key("executions_not_in_this_file");
  json.number(trace.total - std::min(trace.total, in_file));
  for (const TraceFact& fact : trace.facts) {
    json.key(fact.key);
    if (const auto* number = std::get_if<std::uint64_t>(&fact.value)) json.number(*number);
    if (const auto* flag = std::get_if<bool>(&fact.value)) json.boolean(*flag);
    if (const auto* text = std::get_if<std::string>(&fact.value)) json.string(*text);
  }
  json.end_object();
  json.finish();
  return "\n],\"otherData\":" + out + "}\n";
}

/// The text so far, which goes to the sink in pieces.
class Text {
 public:
  Text(std::string begin, const TextSink& sink) : text_(std::move(begin)), sink_(sink) {}

  /// Where an element of the array is to be written.
  std::string& element() {
    text_ += std::exchange(separator_, ",\n");
    return text_;
  }
  [[nodiscard]] std::size_t size() const { return given_ + text_.size(); }
  Result<void> give(std::size_t at_least) {
    if (text_.size() < at_least) return {};
    GPUVIGIL_CHECK(sink_(text_));
    given_ += text_.size();
    text_.clear();
    return {};
  }
  Result<void> end(const std::string& with) {
    text_ += with;
    return give(0);
  }

 private:
  std::string text_;
  const TextSink& sink_;
  std::string_view separator_;
  std::size_t given_ = 0;
};

}  // namespace

Result<void> write_chrome_trace(const ChromeTrace& trace, const TextSink& sink) {
  std::vector<ExecutionTrace::Event> sorted(trace.events.begin(), trace.events.end());
  std::ranges::stable_sort(sorted, {}, &ExecutionTrace::Event::start_ns);
  const std::int64_t base = sorted.empty() ? 0 : std::max<std::int64_t>(sorted.front().start_ns, 0);
  Text text(head(trace.devices, base), sink);
  for (const ExecutionTrace::Device& device : trace.devices) {
    append_name(text.element(), device.index, std::nullopt,
                fmt::format("GPU {}: {}", device.index, device.name));
  }
  Rows rows;
  std::uint64_t in_file = 0;
  for (const ExecutionTrace::Event& one : sorted) {
    if (text.size() >= trace.max_bytes) break;
    const ExecutionTrace::Series& series = trace.series[one.series];
    const ExecutionTrace::Detail* const detail =
        one.detail == ExecutionTrace::kNoDetail ? nullptr : &trace.details[one.detail];
    const std::int64_t start = std::max(one.start_ns, base);
    const Rows::Place place =
        rows.take(series.device, detail == nullptr ? std::nullopt : std::optional(detail->stream),
                  start, start + static_cast<std::int64_t>(one.duration_ns));
    if (!place.name.empty()) append_name(text.element(), series.device, place.row, place.name);
    append_event(text.element(), series, detail, place.row,
                 static_cast<std::uint64_t>(start - base), one.duration_ns);
    ++in_file;
    GPUVIGIL_CHECK(text.give(kPieceBytes));
  }
  return text.end(tail(trace, in_file));
}

}  // namespace gpuvigil
