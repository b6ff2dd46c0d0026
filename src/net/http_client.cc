// SPDX-License-Identifier: Apache-2.0
#include "net/http_client.h"

#include <fmt/format.h>

#include "net/client_request.h"
#include "net/client_socket.h"

namespace gpuvigil {

Result<ClientResponse> http_get(std::string_view url, const HttpClientOptions& options) {
  return http_send("GET", url, {}, options);
}

Result<ClientResponse> http_send(std::string_view method, std::string_view url,
                                 std::string_view json, const HttpClientOptions& options) {
  const Deadline deadline(options.timeout);
  GPUVIGIL_TRY(const HttpUrl parsed, parse_url(url));
  HttpHeaders headers = {{"Connection", "close"}};
  if (!json.empty()) headers.emplace_back("Content-Type", "application/json");
  if (method != "GET") headers.emplace_back("Content-Length", fmt::to_string(json.size()));
  headers.insert(headers.end(), options.headers.begin(), options.headers.end());
  GPUVIGIL_TRY(std::string request, format_request(method, parsed, headers));
  request += json;
  GPUVIGIL_TRY(ClientSocket socket, ClientSocket::connect(parsed, options.ca_file, deadline));
  GPUVIGIL_CHECK(socket.send(request, deadline));
  ResponseParser parser(kMaxClientHeader, kMaxClientBody);
  GPUVIGIL_CHECK(receive_response(socket, parser, deadline));
  return std::move(parser.response());
}

}  // namespace gpuvigil
