// SPDX-License-Identifier: Apache-2.0
#include "api/problem.h"

#include "base/json_writer.h"
#include "net/response_writer.h"

namespace gpuvigil {

HttpResponse problem(unsigned status, std::string_view detail,
                     const std::vector<ParameterError>& errors) {
  auto body = std::make_shared<std::string>();
  {
    JsonWriter json(*body);
    json.begin_object();
    json.key("type");
    json.string("about:blank");
    json.key("title");
    json.string(reason_phrase(status));
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
