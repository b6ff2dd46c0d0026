// SPDX-License-Identifier: Apache-2.0
#include "apps/client.h"

#include <fmt/format.h>

#include "apps/client_token.h"
#include "base/json_reader.h"
#include "base/text.h"
#include "net/http_client.h"
#include "net/stream_client.h"

namespace gpuvigil {
namespace {

constexpr Duration kPatience = std::chrono::seconds(5);
constexpr Duration kStreamPatience = std::chrono::seconds(90);  ///< Over the longest interval.
constexpr std::size_t kMaxProblemBytes = 1024 * 1024;

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Errc code_of_status(unsigned status) {
  switch (status) {
    case 400:
      return Errc::kInvalidArgument;
    case 401:
    case 403:
      return Errc::kPermission;
    case 404:
      return Errc::kNotFound;
    case 409:
    case 429:
      return Errc::kIo;
    case 503:
      return Errc::kUnavailable;
    default:
      return Errc::kInternal;
  }
}

/// What a problem+json says, in one line.
Error refusal(unsigned status, std::string_view body) {
  std::string text = fmt::format("the server refused ({})", status);
  if (const auto problem = parse_json(body, kMaxProblemBytes)) {
    text = clean_text((*problem)["detail"].string_or(text));
    if (const auto* errors = (*problem)["errors"].as_array()) {
      for (const JsonValue& error : *errors) {
        text += clean_text(fmt::format("; {}: {}", error["parameter"].string_or("?"),
                                       error["reason"].string_or("?")));
      }
    }
  }
  return {code_of_status(status), std::move(text)};
}

/// How to ask: whom to trust, and the token to send if there is one.
Result<HttpClientOptions> http_options(const ClientOptions& client) {
  HttpClientOptions options{.timeout = kPatience, .headers = {}, .ca_file = client.ca_file};
  GPUVIGIL_TRY(const Secret token, client_token(client));
  if (!token.empty()) {
    options.headers.emplace_back("Authorization", fmt::format("Bearer {}", token.reveal()));
  }
  return options;
}

std::string without_slash(std::string_view server) {
  while (server.ends_with('/')) server.remove_suffix(1);
  return std::string(server);
}

}  // namespace

std::string query_string(const ApiParameters& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    out += fmt::format("{}{}={}", out.empty() ? '?' : '&', name, percent_encoded(value));
  }
  return out;
}

Result<std::string> ask(const ClientOptions& client, std::string_view path,
                        const ApiParameters& parameters) {
  const std::string url =
      fmt::format("{}{}{}", without_slash(client.server), path, query_string(parameters));
  GPUVIGIL_TRY(const HttpClientOptions options, http_options(client));
  GPUVIGIL_TRY(ClientResponse response, http_get(url, options));
  if (response.status != 200) {
    return std::unexpected(refusal(response.status, response.body));
  }
  return std::move(response.body);
}

Result<std::string> change(const ClientOptions& client, std::string_view method,
                           std::string_view path, std::string_view json, Duration timeout) {
  GPUVIGIL_TRY(HttpClientOptions options, http_options(client));
  options.timeout = timeout;
  GPUVIGIL_TRY(ClientResponse response,
               http_send(method, without_slash(client.server) + std::string(path), json, options));
  if (response.status >= 300) return std::unexpected(refusal(response.status, response.body));
  return std::move(response.body);
}

std::string path_segment(std::string_view text) {
  return percent_encoded(text);
}

Result<void> watch(const ClientOptions& client, const ApiParameters& parameters,
                   const std::function<Result<bool>(const std::string&)>& on_message) {
  const std::string url =
      fmt::format("{}/api/v1/gpu/stream{}", without_slash(client.server), query_string(parameters));
  GPUVIGIL_TRY(const HttpClientOptions options, http_options(client));
  GPUVIGIL_TRY(auto stream, StreamClient::connect(url, options));
  while (true) {
    GPUVIGIL_TRY(const auto message, stream->next(kStreamPatience));
    if (!message) return fail(Errc::kUnavailable, "the server closed the stream");
    GPUVIGIL_TRY(const bool more, on_message(*message));
    if (!more) return {};
  }
}

}  // namespace gpuvigil
