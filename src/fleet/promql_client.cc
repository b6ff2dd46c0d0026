// SPDX-License-Identifier: Apache-2.0
#include "fleet/promql_client.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "base/json_reader.h"
#include "base/text.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxSeries = 100'000;
constexpr std::size_t kMaxProblemBytes = 200;
constexpr double kMsPerSecond = 1000;

/// "12.5", "NaN", "+Inf"; what is no number is not a number.
double number_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = std::numeric_limits<double>::quiet_NaN();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return value;
}

Result<PromSeries::Point> read_point(const JsonValue& pair) {
  const auto* both = pair.as_array();
  if (both == nullptr || both->size() != 2 || (*both)[1].as_string() == nullptr) {
    return fail(Errc::kCorrupt, "a point is no pair of a time and a text");
  }
  const double seconds = (*both)[0].number_or(std::numeric_limits<double>::quiet_NaN());
  constexpr double kLastSecond = 9e9;  // in the 23rd century, where nanoseconds end
  if (!(std::abs(seconds) <= kLastSecond)) return fail(Errc::kCorrupt, "a point has no time");
  return PromSeries::Point{.at_ms = std::llround(seconds * kMsPerSecond),
                           .value = number_of(*(*both)[1].as_string())};
}

Result<PromSeries> read_series(const JsonValue& json) {
  PromSeries series;
  const auto* labels = json["metric"].as_object();
  if (labels == nullptr) return fail(Errc::kCorrupt, "a series has no labels");
  for (const auto& [name, value] : *labels) series.labels[name] = value.string_or("");
  if (const auto* points = json["values"].as_array()) {
    series.points.reserve(points->size());
    for (const JsonValue& point : *points) {
      GPUVIGIL_TRY(series.points.emplace_back(), read_point(point));
    }
  } else {
    GPUVIGIL_TRY(series.points.emplace_back(), read_point(json["value"]));
  }
  return series;
}

/// For application/x-www-form-urlencoded.
void put_form(std::string& out, std::string_view key, std::string_view value) {
  if (!out.empty()) out += '&';
  out += key;
  out += '=';
  for (const char c : value) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
    if (is_plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
}

std::string seconds_text(Timestamp at) {
  const std::int64_t ms = to_unix_ns(at) / 1'000'000;
  return fmt::format("{}{}.{:03}", ms < 0 ? "-" : "", std::abs(ms) / 1000, std::abs(ms) % 1000);
}

/// What the other side says of a refusal: its "error", else nothing.
std::string problem_in(const OutboundAnswer& answer) {
  const auto json = parse_json(answer.body, PromqlClient::kMaxAnswerBytes);
  if (!json) return {};
  const std::string text = clean_text((*json)["error"].string_or(""));
  return text.empty() ? text : fmt::format(": {}", truncate_utf8(text, kMaxProblemBytes));
}

Error refusal(const OutboundAnswer& answer, const std::string& origin) {
  const auto say = [&](Errc code, std::string_view what) {
    return Error{code,
                 fmt::format("{} {} (HTTP {}){}", origin, what, answer.status, problem_in(answer))};
  };
  switch (answer.status) {
    case 401:
    case 403:
      return say(Errc::kUnavailable, "does not let this server in");
    case 413:
    case 422:
      return say(Errc::kTooLarge, "finds that too much");
    case 429:
      return say(Errc::kUnavailable, "is asked too often");
    default:
      return say(Errc::kUnavailable, "does not answer questions");
  }
}

}  // namespace

std::string_view PromSeries::label(std::string_view name) const {
  const auto found = labels.find(name);
  return found == labels.end() ? std::string_view() : std::string_view(found->second);
}

Result<std::vector<PromSeries>> parse_prom_answer(std::string_view body) {
  GPUVIGIL_TRY(const JsonValue json, parse_json(body, PromqlClient::kMaxAnswerBytes));
  const auto* result = json["data"]["result"].as_array();
  if (json["status"].string_or("") != "success" || result == nullptr) {
    return fail(Errc::kCorrupt, "that is no answer of Prometheus' query API");
  }
  if (result->size() > kMaxSeries) {
    return fail(Errc::kTooLarge, fmt::format("more than {} series came", kMaxSeries));
  }
  std::vector<PromSeries> all;
  all.reserve(result->size());
  for (const JsonValue& one : *result) {
    GPUVIGIL_TRY(PromSeries series, read_series(one));
    all.push_back(std::move(series));
  }
  return all;
}

PromqlClient::PromqlClient(OutboundUrl query_url, OutboundUrl range_url, Secret authorization,
                           std::unique_ptr<OutboundClient> client)
    : query_url_(std::move(query_url)),
      range_url_(std::move(range_url)),
      authorization_(std::move(authorization)),
      client_(std::move(client)) {}

Result<std::unique_ptr<PromqlClient>> PromqlClient::open(Options options) {
  std::string base = options.base.text();
  while (base.ends_with('/')) base.pop_back();
  GPUVIGIL_TRY(OutboundUrl query_url, OutboundUrl::parse(base + "/api/v1/query"));
  GPUVIGIL_TRY(OutboundUrl range_url, OutboundUrl::parse(base + "/api/v1/query_range"));
  options.outbound.max_answer = kMaxAnswerBytes;
  GPUVIGIL_TRY(auto client, OutboundClient::open(std::move(options.outbound)));
  return std::unique_ptr<PromqlClient>(new PromqlClient(std::move(query_url), std::move(range_url),
                                                        std::move(options.authorization),
                                                        std::move(client)));
}

Result<std::vector<PromSeries>> PromqlClient::ask(const OutboundUrl& url, std::string body) {
  // VictoriaMetrics else answers for half a minute ago, and moves times to multiples of the step.
  put_form(body, "nocache", "1");
  const OutboundResult got =
      client_->send({.url = url,
                     .content_type = "application/x-www-form-urlencoded",
                     .body = body,
                     .authorization = authorization_.empty() ? nullptr : &authorization_});
  if (!got) {
    const bool late = got.error().fault == OutboundFault::kTimeout;
    return fail(late ? Errc::kTimeout : Errc::kUnavailable, got.error().message);
  }
  if (got->status != 200) return std::unexpected(refusal(*got, origin()));
  if (got->cut) {
    return fail(Errc::kTooLarge,
                fmt::format("{} answers with more than {} MiB", origin(), kMaxAnswerBytes >> 20U));
  }
  return parse_prom_answer(got->body);
}

Result<std::vector<PromSeries>> PromqlClient::query(std::string_view expression, Timestamp at) {
  std::string body;
  put_form(body, "query", expression);
  put_form(body, "time", seconds_text(at));
  return ask(query_url_, std::move(body));
}

Result<std::vector<PromSeries>> PromqlClient::query_range(std::string_view expression,
                                                          const PromRange& range) {
  if (range.points == 0 || range.points > kMaxPoints) {
    return fail(Errc::kTooLarge, fmt::format("{} points at once", range.points));
  }
  std::string body;
  put_form(body, "query", expression);
  put_form(body, "start", seconds_text(range.first));
  put_form(body, "end",
           seconds_text(range.first + static_cast<std::int64_t>(range.points - 1) * range.step));
  put_form(body, "step", fmt::format("{}", range.step / std::chrono::seconds(1)));
  return ask(range_url_, std::move(body));
}

}  // namespace gpuvigil
