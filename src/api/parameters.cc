// SPDX-License-Identifier: Apache-2.0
#include "api/parameters.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxGlobs = 8;
constexpr std::size_t kMaxGlobBytes = 256;
constexpr std::size_t kMaxDevices = 1024;

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Takes `count` digits off the front.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  const auto digits = text.substr(0, count);
  if (!std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; }))
    return std::nullopt;
  text.remove_prefix(count);
  return parse_number<int>(digits);
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<Timestamp> take_date(std::string_view& text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *year < 1970 || *year > 2200) return std::nullopt;
  return Timestamp(std::chrono::sys_days(date).time_since_epoch());
}

std::optional<Duration> take_time_of_day(std::string_view& text) {
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || !take(text, ':')) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  Duration time =
      std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second);
  if (!take(text, '.')) return time;
  std::int64_t unit = 100'000'000;
  std::size_t digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    time += Duration((text.front() - '0') * unit);
    unit /= 10;
    ++digits;
    text.remove_prefix(1);
  }
  if (digits == 0 || digits > 9) return std::nullopt;
  return time;
}

/// `Z`, or "+02:00".
std::optional<Duration> take_offset(std::string_view& text) {
  if (take(text, 'Z') || take(text, 'z')) return Duration::zero();
  const bool east = take(text, '+');
  if (!east && !take(text, '-')) return std::nullopt;
  const auto hours = take_digits(text, 2);
  if (!hours || !take(text, ':')) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const Duration offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return east ? offset : -offset;
}

}  // namespace

std::optional<Timestamp> parse_rfc3339(std::string_view text) {
  const auto date = take_date(text);
  if (!date || !(take(text, 'T') || take(text, 't') || take(text, ' '))) return std::nullopt;
  const auto time = take_time_of_day(text);
  if (!time) return std::nullopt;
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  return *date + *time - *offset;
}

std::optional<Duration> parse_span(std::string_view text) {
  static constexpr std::array<Choice<Duration>, 5> kUnits = {{
      {"ms", std::chrono::milliseconds(1)},
      {"s", std::chrono::seconds(1)},
      {"m", std::chrono::minutes(1)},
      {"h", std::chrono::hours(1)},
      {"d", std::chrono::days(1)},
  }};
  for (const auto& unit : kUnits) {
    if (!text.ends_with(unit.word)) continue;
    const auto count = parse_number<std::uint32_t>(text.substr(0, text.size() - unit.word.size()));
    if (!count || *count == 0) continue;
    const auto span = static_cast<double>(unit.value.count()) * *count;
    if (span > 9e18) return std::nullopt;
    return unit.value * *count;
  }
  return std::nullopt;
}

namespace {

/// PCI bus ids are written with a domain of eight, four or no digits, in either case.
bool names_bus(std::string_view bus_id, std::string_view reference) {
  constexpr std::size_t kShortest = std::string_view("00:00.0").size();
  if (reference.size() < kShortest || reference.size() > bus_id.size()) return false;
  const auto same = [](char a, char b) { return std::tolower(a) == std::tolower(b); };
  const std::string_view tail = bus_id.substr(bus_id.size() - reference.size());
  return std::ranges::equal(tail, reference, same);
}

}  // namespace

std::optional<std::uint32_t> find_device(const Frame& frame, std::string_view reference) {
  const auto index = parse_number<std::uint32_t>(reference);
  if (index && *index < frame.devices.size()) return index;
  for (const DeviceRow& device : frame.devices) {
    if (device.info->uuid == reference) return device.index;
    if (names_bus(device.info->pci_bus_id, reference)) return device.index;
  }
  return std::nullopt;
}

void ParameterReader::error(std::string_view parameter, std::string reason) {
  errors_.push_back({clean_text(parameter), std::move(reason)});
}

void ParameterReader::wrong_word(std::string_view name, std::string_view word,
                                 const std::vector<std::string_view>& allowed) {
  std::string reason = fmt::format("must be one of {}", fmt::join(allowed, ", "));
  if (const auto near = nearest_word(word, allowed)) {
    reason += fmt::format("; did you mean {}?", *near);
  }
  error(name, std::move(reason));
}

std::vector<std::string_view> ParameterReader::all(std::string_view name) {
  known_.push_back(name);
  std::vector<std::string_view> found;
  for (const auto& [key, value] : query_) {
    if (key == name) found.push_back(value);
  }
  return found;
}

std::optional<std::string_view> ParameterReader::single(std::string_view name) {
  const auto found = all(name);
  if (found.empty()) return std::nullopt;
  if (found.size() > 1) {
    error(name, "may be given only once");
    return std::nullopt;
  }
  return found.front();
}

std::uint64_t ParameterReader::number(std::string_view name, std::uint64_t fallback,
                                      std::uint64_t low, std::uint64_t high) {
  const auto text = single(name);
  if (!text) return fallback;
  const auto value = parse_number<std::uint64_t>(*text);
  if (!value || *value < low || *value > high) {
    error(name, fmt::format("must be a whole number from {} to {}", low, high));
    return fallback;
  }
  return *value;
}

std::vector<std::string_view> ParameterReader::words(std::string_view name, std::size_t most) {
  auto found = all(name);
  if (found.size() > most) error(name, fmt::format("may be given at most {} times", most));
  return found;
}

std::vector<std::string> ParameterReader::globs(std::string_view name) {
  std::vector<std::string> found;
  for (const std::string_view glob : all(name)) {
    if (glob.empty() || glob.size() > kMaxGlobBytes) {
      error(name, fmt::format("each pattern must have 1 to {} bytes", kMaxGlobBytes));
    }
    found.emplace_back(glob);
  }
  if (found.size() > kMaxGlobs) error(name, fmt::format("at most {} patterns", kMaxGlobs));
  return found;
}

std::optional<std::vector<std::uint32_t>> ParameterReader::devices(std::string_view name) {
  const auto references = all(name);
  if (references.empty()) return std::nullopt;
  std::vector<std::uint32_t> found;
  if (references.size() > kMaxDevices) error(name, fmt::format("at most {} devices", kMaxDevices));
  for (const std::string_view reference : references) {
    if (const auto device = find_device(frame_, reference)) {
      found.push_back(*device);
    } else {
      error(name, fmt::format("no such device: {}; give an index below {}, a UUID or a PCI bus id",
                              clean_text(truncate_utf8(reference, 64)), frame_.devices.size()));
    }
  }
  std::ranges::sort(found);
  found.erase(std::ranges::unique(found).begin(), found.end());
  return found;
}

std::string ParameterReader::text(std::string_view name) {
  constexpr std::size_t kMaxTextBytes = 64;
  const auto found = single(name);
  if (!found) return {};
  if (found->empty() || found->size() > kMaxTextBytes) {
    error(name, fmt::format("must have 1 to {} bytes", kMaxTextBytes));
  }
  return std::string(*found);
}

std::optional<std::uint32_t> ParameterReader::pid(std::string_view name) {
  constexpr std::uint64_t kMaxPid = 1U << 22U;  // Linux has no more
  const std::uint64_t found = number(name, 0, 1, kMaxPid);
  if (found == 0) return std::nullopt;
  return static_cast<std::uint32_t>(found);
}

std::optional<Timestamp> ParameterReader::since(std::string_view name) {
  const auto text = single(name);
  if (!text) return std::nullopt;
  if (const auto at = parse_rfc3339(*text)) return at;
  if (const auto span = parse_span(*text)) return frame_.edge - *span;
  error(name, "must be a time such as 2026-01-02T03:04:05Z or a span back from now such as 15m");
  return std::nullopt;
}

std::vector<ParameterError> ParameterReader::finish() {
  for (const auto& [key, value] : query_) {
    if (std::ranges::find(known_, key) != known_.end()) continue;
    std::string reason = "unknown parameter";
    if (const auto near = nearest_word(key, known_)) {
      reason += fmt::format("; did you mean {}?", *near);
    }
    error(truncate_utf8(key, 64), std::move(reason));
  }
  return std::move(errors_);
}

KernelQuery read_kernel_query(ParameterReader& in) {
  static constexpr std::array<Choice<KernelSort>, 10> kSorts = {{
      {"avg_time", KernelSort::kAvgTime},
      {"total_time", KernelSort::kTotalTime},
      {"calls", KernelSort::kCalls},
      {"max_time", KernelSort::kMaxTime},
      {"p50_time", KernelSort::kP50Time},
      {"p95_time", KernelSort::kP95Time},
      {"p99_time", KernelSort::kP99Time},
      {"last_execution", KernelSort::kLastExecution},
      {"avg_memory", KernelSort::kAvgMemory},
      {"name", KernelSort::kName},
  }};
  static constexpr std::array<Choice<KindFilter>, 6> kKinds = {{
      {"kernel", KindFilter::kKernel},
      {"compute", KindFilter::kCompute},
      {"collective", KindFilter::kCollective},
      {"memcpy", KindFilter::kMemcpy},
      {"memset", KindFilter::kMemset},
      {"all", KindFilter::kAll},
  }};
  static constexpr std::array<Choice<bool>, 2> kOrders = {{{"desc", true}, {"asc", false}}};

  KernelQuery query;
  query.sort_by = in.choice<KernelSort>("sort_by", kSorts, query.sort_by);
  query.descending = in.choice<bool>("order", kOrders, query.sort_by != KernelSort::kName);
  query.limit = in.number("limit", 20, 1, 1000);
  query.offset = in.number("offset", 0, 0, 1'000'000);
  query.min_calls = in.number("min_calls", 1, 0, UINT64_MAX);
  query.kind = in.choice<KindFilter>("kind", kKinds, query.kind);
  query.names = in.globs("name");
  query.devices = in.devices("device");
  query.since = in.since("since");
  query.pid = in.pid("pid");
  if (query.pid && query.since) {
    in.error("since", "cannot be given with pid: what one process did has no windows");
  }
  return query;
}

ProcessQuery read_process_query(ParameterReader& in) {
  static constexpr std::array<Choice<ProcessSort>, 4> kSorts = {{
      {"memory", ProcessSort::kMemory},
      {"kernel_time", ProcessSort::kKernelTime},
      {"utilization", ProcessSort::kUtilization},
      {"pid", ProcessSort::kPid},
  }};
  ProcessQuery query;
  query.sort_by = in.choice<ProcessSort>("sort_by", kSorts, query.sort_by);
  query.limit = in.number("limit", query.limit, 1, 1000);
  query.offset = in.number("offset", 0, 0, 1'000'000);
  query.pid = in.pid("pid");
  query.user = in.text("user");
  query.devices = in.devices("device");
  return query;
}

EventQuery read_event_query(ParameterReader& in) {
  static constexpr std::array<Choice<EventSeverity>, 3> kSeverities = {{
      {"info", EventSeverity::kInfo},
      {"warning", EventSeverity::kWarning},
      {"critical", EventSeverity::kCritical},
  }};
  EventQuery query;
  query.least = in.choice<EventSeverity>("severity", kSeverities, query.least);
  query.kind = in.text("kind");
  query.limit = in.number("limit", query.limit, 1, 1000);
  query.devices = in.devices("device");
  query.since = in.since("since");
  return query;
}

AlertQuery read_alert_query(ParameterReader& in) {
  using Wanted = std::optional<Severity>;
  static constexpr std::array<Choice<Wanted>, 3> kSeverities = {
      {{"warning", Severity::kWarning}, {"critical", Severity::kCritical}, {"all", std::nullopt}}};
  static constexpr std::array<Choice<AlertStateFilter>, 4> kStates = {{
      {"active", AlertStateFilter::kActive},
      {"pending", AlertStateFilter::kPending},
      {"resolved", AlertStateFilter::kResolved},
      {"all", AlertStateFilter::kAll},
  }};
  AlertQuery query;
  query.severity = in.choice<Wanted>("severity", kSeverities, std::nullopt);
  query.state = in.choice<AlertStateFilter>("state", kStates, query.state);
  query.limit = in.number("limit", 50, 1, 1000);
  query.devices = in.devices("device");
  query.since = in.since("since");
  return query;
}

}  // namespace gpuvigil
