// SPDX-License-Identifier: Apache-2.0
// The language of conditions: see read_condition() in rule.h.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "alert/rule.h"
#include "alert/rule_metric.h"
#include "base/text.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

/// What a unit stands for: so many of the base unit of a family.
struct UnitWord {
  std::string_view word;
  Unit family;
  double factor;
};

constexpr std::array kUnitWords = {
    UnitWord{"%", Unit::kPercent, 1},        UnitWord{"percent", Unit::kPercent, 1},
    UnitWord{"B", Unit::kBytes, 1},          UnitWord{"KiB", Unit::kBytes, 1024},
    UnitWord{"MiB", Unit::kBytes, 1048576},  UnitWord{"GiB", Unit::kBytes, 1073741824},
    UnitWord{"C", Unit::kCelsius, 1},        UnitWord{"°C", Unit::kCelsius, 1},
    UnitWord{"W", Unit::kWatts, 1},          UnitWord{"kW", Unit::kWatts, 1000},
    UnitWord{"J", Unit::kJoules, 1},         UnitWord{"MHz", Unit::kMegahertz, 1},
    UnitWord{"GHz", Unit::kMegahertz, 1000}, UnitWord{"ns", Unit::kSeconds, 1e-9},
    UnitWord{"us", Unit::kSeconds, 1e-6},    UnitWord{"ms", Unit::kSeconds, 1e-3},
    UnitWord{"s", Unit::kSeconds, 1},        UnitWord{"sec", Unit::kSeconds, 1},
    UnitWord{"m", Unit::kSeconds, 60},       UnitWord{"min", Unit::kSeconds, 60},
    UnitWord{"h", Unit::kSeconds, 3600},     UnitWord{"d", Unit::kSeconds, 86400},
};

struct StatWord {
  std::string_view word;
  KernelStat stat;
  std::string_view metric;  ///< What alerts show.
};

constexpr std::array kStatWords = {
    StatWord{"p50", KernelStat::kP50, "kernel_p50_time"},
    StatWord{"p95", KernelStat::kP95, "kernel_p95_time"},
    StatWord{"p99", KernelStat::kP99, "kernel_p99_time"},
    StatWord{"avg", KernelStat::kAverage, "kernel_avg_time"},
    StatWord{"max", KernelStat::kMax, "kernel_max_time"},
    StatWord{"calls", KernelStat::kCalls, "kernel_call_rate"},
    StatWord{"time", KernelStat::kTime, "kernel_time"},
};

constexpr std::array<std::string_view, 6> kEventKinds = {"xid",         "ecc_uncorrected", "health",
                                                         "device_lost", "device_back",     "mig"};

constexpr Duration kLongest = 24h;
constexpr std::size_t kMaxCodes = 64;

bool is_word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '%' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Reads a condition from left to right. The first mistake is kept; after it everything is a
/// harmless no.
class ConditionReader {
 public:
  ConditionReader(std::string_view text, Rule& rule) : rest_(text), rule_(rule) { skip(); }

  Result<void> read();

 private:
  void skip() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) {
      rest_.remove_prefix(1);
    }
  }
  void wrong(std::string_view expected) {
    if (!error_.empty()) return;
    error_ = rest_.empty() ? fmt::format("expected {} at its end", expected)
                           : fmt::format("expected {} before \"{}\"", expected,
                                         clean_text(truncate_utf8(clean_text(rest_), 40)));
  }
  void refuse(std::string why) {
    if (error_.empty()) error_ = std::move(why);
  }
  [[nodiscard]] bool ok() const { return error_.empty(); }

  [[nodiscard]] std::string_view peek_word() const {
    std::size_t end = 0;
    if (!rest_.empty() && rest_.front() == '%') return rest_.substr(0, 1);
    while (end < rest_.size() && rest_[end] != '%' &&
           (is_word_byte(rest_[end]) || (end > 0 && is_digit(rest_[end])))) {
      ++end;
    }
    return rest_.substr(0, end);
  }
  std::string_view word() {
    const std::string_view found = peek_word();
    rest_.remove_prefix(found.size());
    skip();
    return found;
  }
  bool accept(std::string_view wanted) {
    if (!ok() || peek_word() != wanted) return false;
    word();
    return true;
  }
  void expect(std::string_view wanted) {
    if (ok() && !accept(wanted)) wrong(fmt::format("\"{}\"", wanted));
  }
  bool accept_sign(char sign) {
    if (!ok() || rest_.empty() || rest_.front() != sign) return false;
    rest_.remove_prefix(1);
    skip();
    return true;
  }

  std::optional<double> number();
  double amount(Unit unit, bool per_second);
  Duration time();
  std::string metric();
  void code_list();
  void quoted_kernel();
  bool kernel_subject();
  void subject();
  void window(Duration fallback);
  void quantity(Comparison side);
  void hold();
  void check_kind();

  std::string_view rest_;
  Rule& rule_;
  Unit unit_ = Unit::kCount;  ///< Of what is compared.
  std::string error_;
};

std::optional<double> ConditionReader::number() {
  std::size_t end = 0;
  while (end < rest_.size() && (is_digit(rest_[end]) || rest_[end] == '.')) ++end;
  if (!ok() || end == 0 || end > 20) return std::nullopt;
  const std::string digits(rest_.substr(0, end));
  char* stopped = nullptr;
  const double value = std::strtod(digits.c_str(), &stopped);
  if (stopped != digits.c_str() + digits.size() || !std::isfinite(value)) return std::nullopt;
  rest_.remove_prefix(end);
  skip();
  return value;
}

/// A number and its unit, in `unit`; without one it is in that unit already.
double ConditionReader::amount(Unit unit, bool per_second) {
  const bool negative = accept_sign('-');
  const auto value = number();
  if (!value) {
    wrong("a number");
    return 0;
  }
  double factor = 1;
  const auto found = std::ranges::find(kUnitWords, peek_word(), &UnitWord::word);
  if (found != kUnitWords.end()) {
    if (found->family != unit) {
      refuse(fmt::format("\"{}\" is no unit of {}", found->word, rule_.metric));
      return 0;
    }
    factor = found->factor;
    word();
  } else if (rule_.stat != KernelStat::kNone && unit == Unit::kSeconds) {
    wrong("a unit of time such as ms");  // seconds would be a guess that nobody means
  }
  if (per_second && accept_sign('/')) expect("s");
  return (negative ? -1 : 1) * *value * factor;
}

Duration ConditionReader::time() {
  const auto value = number();
  const auto found = std::ranges::find(kUnitWords, peek_word(), &UnitWord::word);
  if (!value || found == kUnitWords.end() || found->family != Unit::kSeconds) {
    wrong("a time such as 30 s or 5 min");
    return {};
  }
  word();
  const double seconds = *value * found->factor;
  if (seconds > std::chrono::duration<double>(kLongest).count()) {
    refuse("a time is longer than 24 hours");
    return {};
  }
  return Duration(static_cast<std::int64_t>(std::llround(seconds * 1e9)));
}

std::string ConditionReader::metric() {
  const std::string_view name = peek_word();
  const auto found = find_rule_metric(name);
  if (!found) {
    const auto names = rule_metric_names();
    const auto near = nearest_word(name, names);
    if (name.empty()) {
      wrong("a metric");
    } else {
      refuse(near ? fmt::format("no such metric: {}; did you mean {}?", clean_text(name), *near)
                  : fmt::format("no such metric: {}", clean_text(name)));
    }
    return {};
  }
  word();
  return std::string(name);
}

void ConditionReader::window(Duration fallback) {
  if (!ok()) return;
  if (fallback > 0ns && peek_word() != "over") {
    rule_.over = fallback;
    return;
  }
  expect("over");
  rule_.over = time();
  if (ok() && rule_.over < 1s) refuse("a window must be at least 1 s");
}

void ConditionReader::code_list() {
  while (ok()) {
    const auto code = number();
    if (!code) return wrong("a number");
    if (*code != std::floor(*code) || *code > 1e6 || rule_.event_codes.size() == kMaxCodes) {
      return refuse("codes are at most 64 whole numbers up to 1000000");
    }
    rule_.event_codes.push_back(static_cast<std::uint32_t>(*code));
    if (!accept_sign(',')) return;
  }
}

void ConditionReader::quoted_kernel() {
  const char quote = rest_.empty() ? ' ' : rest_.front();
  const auto end = quote == '"' || quote == '\'' ? rest_.find(quote, 1) : std::string_view::npos;
  if (end == std::string_view::npos || end == 1 || end > 257) {
    return wrong("a pattern of 1 to 256 bytes in quotes");
  }
  rule_.kernel = std::string(rest_.substr(1, end - 1));
  rest_.remove_prefix(end + 1);
  skip();
}

/// `p95 of kernel "gemm*"`.
bool ConditionReader::kernel_subject() {
  const auto stat = std::ranges::find(kStatWords, peek_word(), &StatWord::word);
  if (stat == kStatWords.end()) return false;
  word();
  expect("of");
  expect("kernel");
  if (ok()) quoted_kernel();
  rule_.stat = stat->stat;
  rule_.metric = stat->metric;
  unit_ = Unit::kSeconds;
  if (stat->stat == KernelStat::kCalls) unit_ = Unit::kCount;
  if (stat->stat == KernelStat::kTime) unit_ = Unit::kPercent;
  return true;
}

void ConditionReader::subject() {
  const std::array<std::pair<std::string_view, Measure>, 3> measures = {
      {{"rate", Measure::kRate}, {"increase", Measure::kIncrease}, {"growth", Measure::kGrowth}}};
  for (const auto& [name, measure] : measures) {
    if (!accept(name)) continue;
    rule_.measure = measure;
    expect("of");
    if (ok()) rule_.metric = metric();
    return window(measure == Measure::kRate ? Duration(1min) : Duration::zero());
  }
  const bool relative = accept("relative");
  if (relative || peek_word() == "change") {
    expect("change");
    expect("of");
    rule_.measure = relative ? Measure::kRelativeChange : Measure::kChange;
    if (ok() && !kernel_subject()) rule_.metric = metric();
    return window({});
  }
  if (accept("count")) {
    expect("of");
    const auto kind = std::ranges::find(kEventKinds, peek_word());
    if (kind == kEventKinds.end()) {
      return wrong(fmt::format("a kind of event ({})", fmt::join(kEventKinds, ", ")));
    }
    word();
    rule_.measure = Measure::kEvents;
    rule_.event_kind = *kind;
    rule_.metric = fmt::format("{}_events", *kind);
    if (!rest_.empty() && is_digit(rest_.front())) code_list();
    return window({});
  }
  if (kernel_subject()) return window(1min);
  rule_.metric = metric();
}

/// A measure that a counter has and a gauge has not, or the other way round.
void ConditionReader::check_kind() {
  if (!ok() || rule_.stat != KernelStat::kNone || rule_.measure == Measure::kEvents) return;
  const auto found = find_rule_metric(rule_.metric);
  unit_ = found->unit;
  const bool counts = rule_.measure == Measure::kRate || rule_.measure == Measure::kIncrease;
  if (counts && found->kind != MetricKind::kCounter) {
    refuse(fmt::format("{} is no counter: it has no rate and no increase", rule_.metric));
  }
  if (rule_.metric == kDataAgeMetric && rule_.measure != Measure::kValue) {
    refuse("data_age has no windows");
  }
}

/// What it is compared with: a number, or what the device itself says.
void ConditionReader::quantity(Comparison side) {
  rule_.comparison = side;
  const bool relative = rule_.measure == Measure::kRelativeChange;
  const Unit unit = relative ? Unit::kPercent : unit_;
  const bool per_second = rule_.measure == Measure::kRate || rule_.stat == KernelStat::kCalls;
  const std::string_view before = rest_;
  if (const auto factor = number(); factor && accept("%") && accept("of")) {
    rule_.limit_metric = metric();
    rule_.limit_factor = *factor / 100;
  } else {
    rest_ = before;
    if (!rest_.empty() && (is_digit(rest_.front()) || rest_.front() == '-')) {
      rule_.threshold = amount(unit, per_second);
      return;
    }
    rule_.limit_metric = metric();
  }
  if (!ok()) return;
  if (rule_.limit_metric == kDataAgeMetric) return refuse("data_age is no limit");
  if (rule_.stat != KernelStat::kNone || find_rule_metric(rule_.limit_metric)->unit != unit) {
    return refuse(fmt::format("{} and {} have different units", rule_.metric, rule_.limit_metric));
  }
  if (accept_sign('+')) rule_.threshold = amount(unit, per_second);
  if (accept_sign('-')) rule_.threshold = -amount(unit, per_second);
}

void ConditionReader::hold() {
  if (accept("until")) {
    const bool is_above = rule_.comparison == Comparison::kAbove;
    expect(is_above ? "below" : "above");
    const bool relative = rule_.measure == Measure::kRelativeChange;
    const bool per_second = rule_.measure == Measure::kRate || rule_.stat == KernelStat::kCalls;
    rule_.clear = amount(relative ? Unit::kPercent : unit_, per_second);
    if (ok() && !rule_.limit_metric.empty()) refuse("\"until\" needs a threshold that is a number");
    if (ok() && (is_above ? *rule_.clear > rule_.threshold : *rule_.clear < rule_.threshold)) {
      refuse("\"until\" lies on the wrong side of the threshold");
    }
  }
  if (accept("for")) rule_.hold.before_firing = time();
}

Result<void> ConditionReader::read() {
  if (accept("no")) {
    expect("data");
    rule_.metric = accept("of") ? metric() : std::string(kDataAgeMetric);
    expect("for");
    rule_.measure = Measure::kAge;
    const Duration silence = time();
    if (ok() && silence < 1s) refuse("a time without data must be at least 1 s");
    rule_.threshold = std::chrono::duration<double>(silence).count();
  } else {
    subject();
    check_kind();
    if (accept("above")) {
      quantity(Comparison::kAbove);
    } else if (accept("below")) {
      quantity(Comparison::kBelow);
    } else {
      wrong("\"above\" or \"below\"");
    }
    hold();
  }
  if (ok() && !rest_.empty()) wrong("its end");
  if (!ok()) return fail(Errc::kInvalidArgument, error_);
  // Kernels are timed in milliseconds wherever people see them.
  if (rule_.stat != KernelStat::kNone && unit_ == Unit::kSeconds &&
      rule_.measure != Measure::kRelativeChange) {
    rule_.threshold *= 1e3;
    if (rule_.clear) *rule_.clear *= 1e3;
  }
  return {};
}

}  // namespace

Result<void> read_condition(std::string_view text, Rule& rule) {
  return ConditionReader(text, rule).read();
}

}  // namespace gpuvigil
