// SPDX-License-Identifier: Apache-2.0
#include "apps/doctor.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include <fmt/format.h>

#include "apps/doctor_bundle.h"
#include "apps/exit_codes.h"
#include "apps/output.h"
#include "apps/verbs.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "base/version.h"

namespace gpuvigil {
namespace {

constexpr int kNameWidth = 14;

void write_text(JsonWriter& json, std::string_view key, const std::string& text) {
  json.key(key);
  if (text.empty()) {
    json.null();
  } else {
    json.string(text);
  }
}

/// Failures are worst, then warnings.
CheckStatus worst_of(std::span<const CheckResult> results) {
  CheckStatus worst = CheckStatus::kOk;
  for (const CheckResult& result : results) {
    if (result.finding.status != CheckStatus::kSkip) worst = std::max(worst, result.finding.status);
  }
  return worst;
}

}  // namespace

std::vector<CheckResult> examine(const DoctorContext& context) {
  std::vector<CheckResult> results;
  for (const Check& check : doctor_checks()) results.push_back({check.name, check.look(context)});
  return results;
}

std::string_view status_name(CheckStatus status) {
  switch (status) {
    case CheckStatus::kOk:
      return "ok";
    case CheckStatus::kWarn:
      return "warn";
    case CheckStatus::kFail:
      return "fail";
    case CheckStatus::kSkip:
      return "skip";
  }
  return "";
}

std::string doctor_text(std::span<const CheckResult> results) {
  const std::string indent(kNameWidth + 6, ' ');
  std::string out;
  for (const auto& [name, finding] : results) {
    out += fmt::format("{:4}  {:{}}", status_name(finding.status), name, kNameWidth);
    bool is_first = true;
    for (const auto line : std::views::split(finding.found, '\n')) {
      if (!std::exchange(is_first, false)) out += indent;
      out += clean_text(std::string_view(line.begin(), line.end())) + '\n';
    }
    if (!finding.advice.empty()) out += fmt::format("{}-> {}\n", indent, finding.advice);
  }
  return out;
}

std::string doctor_json(std::span<const CheckResult> results) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("version");
  json.string(version());
  json.key("status");
  json.string(status_name(worst_of(results)));
  json.key("checks");
  json.begin_array();
  for (const auto& [name, finding] : results) {
    json.begin_object();
    json.key("name");
    json.string(name);
    json.key("status");
    json.string(status_name(finding.status));
    json.key("found");
    json.string(finding.found);
    write_text(json, "advice", finding.advice);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  json.finish();
  return out;
}

int run_doctor(const DoctorOptions& options) {
  const DoctorContext context{.root = "", .config_path = options.config};
  const auto results = examine(context);
  std::string out = options.json ? doctor_json(results) + "\n" : doctor_text(results);
  if (!options.bundle.empty()) {
    const auto written =
        write_bundle(options.bundle, {.context = context, .log = options.log}, results);
    if (!written) return complain(written.error());
    out = fmt::format("wrote {}; look through it before you send it\n", options.bundle);
  }
  const auto done = print(out);
  if (!done) return complain(done.error());
  return worst_of(results) == CheckStatus::kFail ? kExitFailure : kExitOk;
}

}  // namespace gpuvigil
