// SPDX-License-Identifier: Apache-2.0
#include "api/ingest.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "api/parameters.h"
#include "base/json_reader.h"
#include "base/text.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxErrors = 20;  // more help nobody
constexpr std::size_t kMaxNameBytes = 64 * 1024;
constexpr double kMaxDurationMs = 1e12;
constexpr double kMaxMemoryMb = 1e9;
/// What is older belongs in a recording: the windows reach back an hour.
constexpr Duration kOldest = 1h;
/// Clocks of machines differ a little.
constexpr Duration kAhead = 10s;

constexpr std::array<Choice<KernelKind>, 4> kKinds = {{{"compute", KernelKind::kCompute},
                                                       {"collective", KernelKind::kCollective},
                                                       {"memcpy", KernelKind::kMemcpy},
                                                       {"memset", KernelKind::kMemset}}};

/// Reads the members of one element of a list: each must be known, well formed and in range.
class ElementReader {
 public:
  ElementReader(const JsonValue& element, std::string where, const IngestContext& context,
                std::vector<ParameterError>& errors)
      : element_(element), where_(std::move(where)), context_(context), errors_(errors) {
    if (element.as_object() == nullptr) errors_.push_back({where_, "must be an object"});
  }

  std::optional<double> number(std::string_view key, double low, double high) {
    const JsonValue* value = member(key);
    if (value == nullptr) return std::nullopt;
    const bool is_number = value->as_int() != nullptr || value->as_double() != nullptr;
    const double number = value->number_or(0);
    if (is_number && number >= low && number <= high) return number;
    wrong(key, fmt::format("must be a number from {} to {}", low, high));
    return std::nullopt;
  }

  std::string_view text(std::string_view key, std::size_t most) {
    const JsonValue* value = member(key);
    if (value == nullptr) return {};
    const std::string_view text = value->string_or({});
    if (!text.empty() && text.size() <= most) return text;
    wrong(key, fmt::format("must be a text of 1 to {} bytes", most));
    return {};
  }

  /// The end of the execution, the time of the sample; absent: the moment of the request.
  std::optional<Timestamp> timestamp() {
    const JsonValue* value = member("timestamp");
    if (value == nullptr) return std::nullopt;
    const auto at = parse_rfc3339(value->string_or({}));
    if (!at) {
      wrong("timestamp", "must be a time such as 2026-01-02T03:04:05.678Z");
    } else if (*at > context_.now + kAhead) {
      wrong("timestamp", "lies in the future");
    } else if (*at < context_.now - kOldest) {
      wrong("timestamp", "is older than an hour; put what is older into a recording");
    }
    return at;
  }

  /// The UUID of the device that is meant; of number 0 when none is named.
  std::string device() {
    const JsonValue* value = member("device");
    const std::int64_t* number = value == nullptr ? nullptr : value->as_int();
    std::optional<std::string> uuid;
    if (value == nullptr) {
      uuid = submitted_device(context_.frame, 0);
    } else if (number != nullptr && *number >= 0 && *number < 1'000'000) {
      uuid = submitted_device(context_.frame, static_cast<std::uint32_t>(*number));
    } else if (const auto index = find_device(context_.frame, value->string_or({}))) {
      uuid = context_.frame.devices[*index].info->uuid;
    }
    if (uuid) return *std::move(uuid);
    wrong("device", fmt::format("must be the index, UUID or PCI bus id of a device, or a number "
                                "below {}",
                                kMaxSubmittedDevices));
    return {};
  }

  std::optional<KernelKind> kind() {
    const JsonValue* value = member("kind");
    if (value == nullptr) return std::nullopt;
    const auto found = std::ranges::find(kKinds, value->string_or({}), &Choice<KernelKind>::word);
    if (found != kKinds.end()) return found->value;
    wrong("kind", "must be compute, collective, memcpy or memset");
    return std::nullopt;
  }

  void require(std::string_view key) {
    if (element_[key].is_null()) wrong(key, "is missing");
  }

  void wrong(std::string_view key, std::string reason) {
    errors_.push_back({fmt::format("{}.{}", where_, key), std::move(reason)});
  }

  /// Members that nobody asked for are mistakes.
  void finish() {
    const auto* object = element_.as_object();
    if (object == nullptr) return;
    for (const auto& [key, value] : *object) {
      if (std::ranges::find(known_, key) != known_.end()) continue;
      wrong(clean_text(truncate_utf8(key, 64)), "is not known here");
    }
  }

 private:
  /// Null where it is absent or null.
  const JsonValue* member(std::string_view key) {
    known_.push_back(key);
    const JsonValue& value = element_[key];
    return value.is_null() ? nullptr : &value;
  }

  const JsonValue& element_;
  const std::string where_;
  const IngestContext& context_;
  std::vector<ParameterError>& errors_;
  std::vector<std::string_view> known_;
};

Bytes to_bytes(double mb) {
  return Bytes(static_cast<std::uint64_t>(std::llround(mb * kBytesPerMebibyte)));
}

SubmittedExecution read_execution(ElementReader& in, const IngestContext& context) {
  in.require("name");
  in.require("duration_ms");
  SubmittedExecution made;
  made.name = in.text("name", kMaxNameBytes);
  made.kind = in.kind().value_or(kind_of_kernel(made.name));
  made.device = in.device();
  Execution& execution = made.execution;
  const double duration_ms = in.number("duration_ms", 0, kMaxDurationMs).value_or(0);
  execution.duration = Duration(std::llround(duration_ms * 1e6));
  if (const auto memory = in.number("memory_mb", 0, kMaxMemoryMb)) {
    execution.memory = to_bytes(*memory);
  }
  const auto end = in.timestamp();
  execution.end = end.value_or(context.now);
  // Who does not say when it ended does not say when it ran either.
  if (end) execution.start = *end - execution.duration;
  return made;
}

/// True when this server measures the device itself: then nobody else tells of it.
bool is_measured_here(const Frame& frame, std::string_view uuid) {
  return std::ranges::any_of(frame.devices, [&](const DeviceRow& device) {
    return device.info->uuid == uuid && device.info->source != kSubmittedSource;
  });
}

template <class T, class Convert>
void read_reading(ElementReader& in, std::string_view key, double high, Reading<T>& reading,
                  Convert convert, int& given) {
  if (const auto number = in.number(key, 0, high)) {
    reading = convert(*number);
    ++given;
  }
}

SubmittedSample read_sample(ElementReader& in, const IngestContext& context) {
  SubmittedSample made;
  made.device = in.device();
  if (is_measured_here(context.frame, made.device)) {
    in.wrong("device", "is measured by this server itself");
  }
  DeviceSample& sample = made.sample;
  sample = absent_sample(Missing::kNotSampled, in.timestamp().value_or(context.now));
  int given = 0;
  const auto megahertz = [](double value) {
    return Megahertz(static_cast<std::uint32_t>(std::lround(value)));
  };
  const auto percent = [](double value) { return Percent(value); };
  const auto celsius = [](double value) { return Celsius(value); };
  const auto watts = [](double value) { return Watts(value); };
  read_reading(in, "gpu_utilization", 100, sample.gpu_utilization, percent, given);
  read_reading(in, "memory_used_mb", kMaxMemoryMb, sample.memory_used, to_bytes, given);
  read_reading(in, "memory_total_mb", kMaxMemoryMb, sample.memory_total, to_bytes, given);
  read_reading(in, "temperature_celsius", 1000, sample.temperature, celsius, given);
  read_reading(in, "power_watts", 100'000, sample.power, watts, given);
  read_reading(in, "power_limit_watts", 100'000, sample.power_limit, watts, given);
  read_reading(in, "sm_clock_mhz", 100'000, sample.sm_clock, megahertz, given);
  read_reading(in, "memory_clock_mhz", 100'000, sample.memory_clock, megahertz, given);
  if (sample.memory_used && sample.memory_total && *sample.memory_used > *sample.memory_total) {
    in.wrong("memory_used_mb", "must not be more than memory_total_mb");
  }
  if (given == 0) in.wrong("gpu_utilization", "or another reading is needed");
  return made;
}

/// Reads `{"LIST":[…]}` and hands each element to `read_element`.
template <class ReadElement>
std::expected<void, IngestRefusal> read_list(std::string_view body, const std::string& list,
                                             const IngestContext& context,
                                             ReadElement read_element) {
  const auto root = parse_json(body, kMaxIngestBytes);
  if (!root) {
    const bool is_large = root.error().code == Errc::kTooLarge;
    return std::unexpected(IngestRefusal{is_large ? 413U : 400U, root.error().message, {}});
  }
  const auto* object = root->as_object();
  const auto* elements = (*root)[list].as_array();
  if (elements == nullptr || object->size() != 1) {
    return std::unexpected(IngestRefusal{
        400, fmt::format(R"(the body must be {{"{}":[…]}} and nothing else)", list), {}});
  }
  if (elements->size() > kMaxSubmittedItems) {
    return std::unexpected(IngestRefusal{413,
                                         fmt::format("{} {}, at most {} are taken at once",
                                                     elements->size(), list, kMaxSubmittedItems),
                                         {}});
  }
  std::vector<ParameterError> errors;
  for (std::size_t i = 0; i < elements->size() && errors.size() < kMaxErrors; ++i) {
    ElementReader in((*elements)[i], fmt::format("{}[{}]", list, i), context, errors);
    if ((*elements)[i].as_object() == nullptr) continue;
    read_element(in);
    in.finish();
  }
  if (errors.empty()) return {};
  errors.resize(std::min(errors.size(), kMaxErrors));
  return std::unexpected(IngestRefusal{
      400, fmt::format("nothing was taken: some {} are not understood", list), std::move(errors)});
}

}  // namespace

std::expected<Submission, IngestRefusal> read_executions(std::string_view body,
                                                         const IngestContext& context) {
  Submission made;
  auto read = read_list(body, "executions", context, [&](ElementReader& in) {
    made.executions.push_back(read_execution(in, context));
  });
  if (!read) return std::unexpected(std::move(read).error());
  return made;
}

std::expected<Submission, IngestRefusal> read_samples(std::string_view body,
                                                      const IngestContext& context) {
  Submission made;
  auto read = read_list(body, "samples", context, [&](ElementReader& in) {
    made.samples.push_back(read_sample(in, context));
  });
  if (!read) return std::unexpected(std::move(read).error());
  return made;
}

}  // namespace gpuvigil
