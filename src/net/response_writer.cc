// SPDX-License-Identifier: Apache-2.0
#include "net/response_writer.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <iterator>

#include <fmt/format.h>

#include "net/ascii.h"
#include "net/gzip.h"

namespace gpuvigil {

using namespace std::string_view_literals;

namespace {

bool is_compressible(std::string_view type) {
  type = trim(type.substr(0, type.find(';')));
  return type.starts_with("text/") || type == "application/json" || type.ends_with("+json") ||
         type == "application/javascript" || type == "image/svg+xml";
}

/// 1xx, 204 and 304 end with their fields (RFC 9110, 6.4.1).
bool has_no_body(unsigned status) {
  return status < 200 || status == 204 || status == 304;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

std::string_view without_weakness(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  return etag;
}

}  // namespace

bool has_header(const HttpResponse& response, std::string_view name) {
  return std::ranges::any_of(response.headers, [&](const auto& header) {
    return equals_ignoring_case(header.first, name);
  });
}

ResponseWriter::Wire ResponseWriter::write(const HttpResponse& response, const ResponseForm& form) {
  Body body = response.body;
  const bool may_compress = body != nullptr && body->size() > kCompressFrom &&
                            body->size() <= kCompressTo && is_compressible(response.content_type) &&
                            !has_header(response, "content-encoding");
  Known* known = response.status == 200 ? find(body) : nullptr;
  const bool not_modified = known != nullptr && matches_etag(form.if_none_match, known->etag);
  const unsigned status = not_modified ? 304 : response.status;
  bool is_compressed = false;
  if (may_compress && !not_modified && accepts_gzip(form.accept_encoding)) {
    if (Body smaller = compressed(body, known)) {
      body = std::move(smaller);
      is_compressed = true;
    }
  }

  const bool has_no_content =
      form.head_only || has_no_body(status) || body == nullptr || body->empty();
  // Nearly all answers to programs that poll are these: their heads lie ready.
  std::string* ready = nullptr;
  if (known != nullptr && !not_modified && response.headers.empty() && form.keep_alive &&
      form.version >= 11) {
    if (known->content_type != response.content_type) known->heads = {};
    known->content_type = response.content_type;
    ready = &known->heads[is_compressed ? 1 : 0];
    if (!ready->empty()) return {*ready, has_no_content ? nullptr : std::move(body)};
  }

  begin_head(status);
  if (!has_no_body(status)) {
    if (body != nullptr && !body->empty()) add("Content-Type", response.content_type);
    add_length(body == nullptr ? 0 : body->size());
  }
  if (is_compressed) head_ += "Content-Encoding: gzip\r\n"sv;
  if (may_compress) head_ += "Vary: Accept-Encoding\r\n"sv;
  if (known != nullptr) head_.append("ETag: ").append(known->etag).append("\r\n");
  if (!has_header(response, "cache-control")) head_ += "Cache-Control: no-store\r\n"sv;
  head_ +=
      "X-Content-Type-Options: nosniff\r\n"
      "Cross-Origin-Resource-Policy: same-origin\r\n"
      "Referrer-Policy: no-referrer\r\n"sv;
  for (const auto& [name, value] : response.headers) add(name, value);
  if (!form.keep_alive) {
    head_ += "Connection: close\r\n"sv;
  } else if (form.version < 11) {
    head_ += "Connection: keep-alive\r\n"sv;
  }
  head_ += "\r\n";
  if (ready != nullptr) *ready = head_;
  return {head_, has_no_content ? nullptr : std::move(body)};
}

ResponseWriter::Known* ResponseWriter::find(const Body& body) {
  if (body == nullptr || body.use_count() < 3) return nullptr;  // the response's and write()'s own
  Known* free = nullptr;
  for (auto& known : known_) {
    if (known.address == body.get() && !known.body.expired()) return &known;
  }
  for (auto& known : known_) {
    if (known.body.expired()) free = &known;
  }
  if (free == nullptr) {
    free = &known_[next_];
    next_ = (next_ + 1) % kCached;
  }
  const auto hash = std::hash<std::string_view>{}(*body);
  *free = {.body = body,
           .address = body.get(),
           .etag = fmt::format("W/\"{:016x}\"", hash),
           .content_type = {},
           .heads = {},
           .compressed = nullptr,
           .was_compressed = false};
  return free;
}

ResponseWriter::Body ResponseWriter::compressed(const Body& body, Known* known) {
  if (known == nullptr) return gzip(*body);
  if (!std::exchange(known->was_compressed, true)) known->compressed = gzip(*body);
  return known->compressed;
}

void ResponseWriter::begin_head(unsigned status) {
  head_.clear();
  if (status == 200) {
    head_ += "HTTP/1.1 200 OK\r\n"sv;
  } else {
    fmt::format_to(std::back_inserter(head_), "HTTP/1.1 {} {}\r\n", status, reason_phrase(status));
  }
}

void ResponseWriter::add_length(std::size_t length) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), length).ptr;
  head_.append("Content-Length: ").append(digits.begin(), end).append("\r\n");
}

void ResponseWriter::add(std::string_view name, std::string_view value) {
  head_.append(name).append(": ");
  const std::size_t begin = head_.size();
  head_ += value;
  // Whatever the application put together, it cannot end the field: no header is ever injected.
  if (std::ranges::any_of(value, is_control)) {
    std::replace_if(head_.begin() + static_cast<std::ptrdiff_t>(begin), head_.end(), is_control,
                    ' ');
  }
  head_ += "\r\n";
}

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

bool accepts_gzip(std::string_view accept_encoding) {
  bool named = false;
  bool by_star = false;
  bool refused = false;
  for_each_element(accept_encoding, [&](std::string_view element) {
    const std::size_t semicolon = std::min(element.find(';'), element.size());
    const std::string_view coding = trim(element.substr(0, semicolon));
    std::string_view weight = trim(element.substr(std::min(semicolon + 1, element.size())));
    bool wanted = true;
    if (weight.starts_with("q=") || weight.starts_with("Q=")) {
      weight.remove_prefix(2);
      wanted = weight.find_first_of("123456789") != std::string_view::npos;
    }
    if (equals_ignoring_case(coding, "gzip") || equals_ignoring_case(coding, "x-gzip")) {
      (wanted ? named : refused) = true;
    } else if (coding == "*") {
      by_star = wanted;
    }
  });
  return named || (by_star && !refused);
}

bool matches_etag(std::string_view if_none_match, std::string_view etag) {
  bool found = false;
  for_each_element(if_none_match, [&](std::string_view element) {
    found = found || element == "*" || without_weakness(element) == without_weakness(etag);
  });
  return found;
}

}  // namespace gpuvigil
