// SPDX-License-Identifier: Apache-2.0
#include "net/request_parser.h"

#include <algorithm>
#include <cstring>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <fmt/format.h>

#include "base/assert.h"
#include "net/ascii.h"
#include "net/target.h"

namespace gpuvigil {
namespace http = boost::beast::http;

namespace {

using BeastError = boost::beast::error_code;
using BeastText = boost::beast::string_view;

std::string_view to_std(BeastText text) {
  return {text.data(), text.size()};
}

Method to_method(std::string_view name) {
  static constexpr std::pair<std::string_view, Method> kMethods[] = {
      {"GET", Method::kGet},         {"HEAD", Method::kHead},   {"POST", Method::kPost},
      {"PUT", Method::kPut},         {"PATCH", Method::kPatch}, {"DELETE", Method::kDelete},
      {"OPTIONS", Method::kOptions},
  };
  for (const auto& [text, method] : kMethods) {
    if (text == name) return method;
  }
  return Method::kOther;
}

Refusal explain(const BeastError& error, const RequestLimits& limits) {
  if (error == http::error::body_limit) {
    return {413, fmt::format("the body is larger than {} bytes", limits.body_bytes)};
  }
  if (error == http::error::bad_version) return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return {431, fmt::format("the header is larger than {} bytes", limits.header_bytes)};
  }
  return {400, fmt::format("not an HTTP request: {}", error.message())};
}

}  // namespace

struct RequestParser::Grammar final : http::basic_parser<true> {
  explicit Grammar(RequestParser& owner) : owner_(owner) {
    eager(false);
    header_limit(static_cast<std::uint32_t>(owner.limits_.header_bytes));
    body_limit(owner.limits_.body_bytes);
  }

 private:
  /// Beast stops at once when a callback of ours has refused.
  void stop_if_refused(BeastError& error) const {
    if (owner_.state_ == State::kRefused) error = http::error::bad_value;
  }

  void on_request_impl(http::verb, BeastText method, BeastText target, int version,
                       BeastError& error) override {
    owner_.version_ = version;
    owner_.request_.method = to_method(to_std(method));
    auto parsed = gpuvigil::parse_target(to_std(target));
    if (parsed) {
      owner_.request_.path = std::move(parsed->path);
      owner_.request_.query = std::move(parsed->query);
      owner_.authority_ = std::move(parsed->authority);
    } else {
      owner_.refuse(400, std::move(parsed.error().message));
    }
    stop_if_refused(error);
  }

  void on_field_impl(http::field, BeastText name, BeastText value, BeastError& error) override {
    owner_.on_field(to_std(name), to_std(value));
    stop_if_refused(error);
  }

  void on_header_impl(BeastError& error) override {
    owner_.keep_alive_ = keep_alive();
    owner_.on_header_end();
    stop_if_refused(error);
  }

  // Bodies are ours: Beast stops behind the header.
  void on_body_init_impl(const boost::optional<std::uint64_t>&, BeastError&) override {}
  std::size_t on_body_impl(BeastText, BeastError&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, BeastText, BeastError&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastText, BeastError&) override { return 0; }
  void on_finish_impl(BeastError&) override {}
  void on_response_impl(int, BeastText, int, BeastError&) override {}

  RequestParser& owner_;
};

RequestParser::RequestParser(const RequestLimits& limits)
    : limits_(limits), grammar_(std::make_unique<Grammar>(*this)) {
  constexpr std::size_t kUsualFields = 12;  // browsers send about so many
  request_.headers.reserve(std::min(kUsualFields, limits.header_fields));
}
RequestParser::~RequestParser() = default;

std::size_t RequestParser::feed(std::string_view bytes) {
  GPUVIGIL_ASSERT(state_ == State::kHeader || state_ == State::kBody);
  if (bytes.empty()) return 0;
  if (header_whole_) return read_body(bytes);
  // Some clients end a body with a CR LF too many; RFC 9112, 2.2 asks to skip it once.
  if (bytes.size() >= 2 && bytes.starts_with("\r\n") && !grammar_->got_some() && !skipped_line_) {
    skipped_line_ = true;
    scanned_ = line_start_ = 0;
    return 2 + feed(bytes.substr(2));
  }
  return find_header_end(bytes) ? read_header(bytes) : 0;
}

bool RequestParser::find_header_end(std::string_view bytes) {
  while (scanned_ < bytes.size()) {
    const std::size_t end = bytes.find('\n', scanned_);
    if (end == std::string_view::npos || end >= limits_.header_bytes) {
      scanned_ = bytes.size();
      break;
    }
    if (end == 0 || bytes[end - 1] != '\r') {
      refuse(400, "a header line ends without a carriage return");
      return false;
    }
    if (line_start_ > 0 && (bytes[line_start_] == ' ' || bytes[line_start_] == '\t')) {
      refuse(400, "a header line is folded");
      return false;
    }
    const bool is_empty = end - line_start_ == 1;
    scanned_ = line_start_ = end + 1;
    if (is_empty) {
      header_whole_ = true;
      return true;
    }
  }
  if (bytes.size() < limits_.header_bytes) return false;
  if (line_start_ == 0) {
    refuse(414, fmt::format("the request line is longer than {} bytes", limits_.header_bytes));
  } else {
    refuse(431, fmt::format("the header is larger than {} bytes", limits_.header_bytes));
  }
  return false;
}

std::size_t RequestParser::read_header(std::string_view bytes) {
  BeastError error;
  const std::size_t used = grammar_->put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (state_ == State::kRefused) return used;
  if (error && error != http::error::need_more) {
    Refusal why = explain(error, limits_);
    refuse(why.status, std::move(why.detail));
    return used;
  }
  if (!grammar_->is_header_done()) {
    refuse(400, "the header is cut short");
    return used;
  }
  if (grammar_->is_done()) {
    state_ = State::kDone;
    return used;
  }
  state_ = State::kBody;
  if (grammar_->chunked()) {
    chunks_.emplace(limits_);
  } else {
    remaining_ = grammar_->content_length().value_or(0);
    // What was only promised is not paid for: a large body grows as it comes.
    constexpr std::uint64_t kTrusted = 64 * 1024;
    request_.body.reserve(std::min(remaining_, kTrusted));
  }
  return used + read_body(bytes.substr(used));
}

std::size_t RequestParser::read_body(std::string_view bytes) {
  if (!chunks_) {
    const std::size_t used = std::min<std::uint64_t>(bytes.size(), remaining_);
    request_.body.append(bytes.substr(0, used));
    remaining_ -= used;
    if (remaining_ == 0) state_ = State::kDone;
    return used;
  }
  const std::size_t used = chunks_->feed(bytes, request_.body);
  if (chunks_->is_done()) state_ = State::kDone;
  if (const auto& why = chunks_->refusal()) refuse(why->status, why->detail);
  return used;
}

void RequestParser::on_field(std::string_view name, std::string_view value) {
  if (request_.headers.size() == limits_.header_fields) {
    return refuse(431, fmt::format("more than {} header fields", limits_.header_fields));
  }
  std::string key = lower_case(name);
  if (key == "host") {
    if (std::exchange(has_host_, true)) return refuse(400, "more than one Host field");
  } else if (key == "content-length") {
    if (has_coding_) return refuse(400, "Content-Length beside Transfer-Encoding");
    if (std::exchange(has_length_, true)) return refuse(400, "more than one Content-Length field");
    if (value.find_first_not_of("0123456789") != std::string_view::npos) {
      return refuse(400, "Content-Length is not a number");
    }
  } else if (key == "transfer-encoding") {
    if (has_length_) return refuse(400, "Content-Length beside Transfer-Encoding");
    if (std::exchange(has_coding_, true))
      return refuse(400, "more than one Transfer-Encoding field");
    if (version_ < 11) return refuse(400, "Transfer-Encoding in HTTP/1.0");
    if (!equals_ignoring_case(value, "chunked")) {
      return refuse(501, "no transfer coding but chunked is spoken here");
    }
  } else if (key == "expect" && version_ >= 11) {
    if (!equals_ignoring_case(value, "100-continue")) {
      return refuse(417, "nothing but 100-continue can be expected here");
    }
    expects_continue_ = true;
  }
  request_.headers.emplace_back(std::move(key), value);
}

void RequestParser::on_header_end() {
  if (version_ >= 11 && !has_host_) refuse(400, "the Host field is missing");
}

void RequestParser::refuse(unsigned status, std::string detail) {
  state_ = State::kRefused;
  refusal_ = {status, std::move(detail)};
}

}  // namespace gpuvigil
