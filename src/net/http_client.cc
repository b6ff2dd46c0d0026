// SPDX-License-Identifier: Apache-2.0
#include "net/http_client.h"

#include "net/client_request.h"
#include "net/client_socket.h"

namespace gpuvigil {

Result<ClientResponse> http_get(std::string_view url, const HttpClientOptions& options) {
  return http_send("GET", url, {}, options);
}

Result<ClientResponse> http_send(std::string_view method, std::string_view url,
                                 std::string_view body, const HttpClientOptions& options) {
  const Deadline deadline(options.timeout);
  GPUVIGIL_TRY(const HttpUrl parsed, parse_url(url));
  HttpHeaders all = {{"Connection", "close"}};
  all.insert(all.end(), options.headers.begin(), options.headers.end());
  if (method != "GET") all.emplace_back("Content-Length", std::to_string(body.size()));
  if (!body.empty()) all.emplace_back("Content-Type", "application/json");
  GPUVIGIL_TRY(std::string request, format_request(method, parsed, all));
  request += body;
  GPUVIGIL_TRY(ClientSocket socket, ClientSocket::connect(parsed, options.ca_file, deadline));
  GPUVIGIL_CHECK(socket.send(request, deadline));
  ResponseParser parser(kMaxClientHeader, kMaxClientBody);
  GPUVIGIL_CHECK(receive_response(socket, parser, deadline));
  return std::move(parser.response());
}

}  // namespace gpuvigil
