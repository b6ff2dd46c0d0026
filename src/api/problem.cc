// SPDX-License-Identifier: Apache-2.0
#include "api/problem.h"

#include <algorithm>
#include <array>

#include "views/json_writer.h"

namespace gpuvigil {
namespace {

struct Title {
  unsigned status;
  std::string_view text;
};

constexpr std::array<Title, 15> kTitles = {{
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {426, "Upgrade Required"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
}};

std::string_view title_of(unsigned status) {
  const auto found = std::ranges::find(kTitles, status, &Title::status);
  return found == kTitles.end() ? "Error" : found->text;
}

}  // namespace

HttpResponse problem(unsigned status, std::string_view detail,
                     const std::vector<ParameterError>& errors) {
  auto body = std::make_shared<std::string>();
  {
    JsonWriter json(*body);
    json.begin_object();
    json.key("type");
    json.string("about:blank");
    json.key("title");
    json.string(title_of(status));
    json.key("status");
    json.number(status);
    json.key("detail");
    json.string(detail);
    if (!errors.empty()) {
      json.key("errors");
      json.begin_array();
      for (const ParameterError& error : errors) {
        json.begin_object();
        json.key("parameter");
        json.string(error.parameter);
        json.key("reason");
        json.string(error.reason);
        json.end_object();
      }
      json.end_array();
    }
    json.end_object();
  }
  return {.status = status,
          .content_type = "application/problem+json",
          .body = std::move(body),
          .headers = {}};
}

}  // namespace gpuvigil
