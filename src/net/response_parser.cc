// SPDX-License-Identifier: Apache-2.0
#include "net/response_parser.h"

#include <algorithm>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <fmt/format.h>

#include "base/assert.h"
#include "net/ascii.h"

namespace gpuvigil {
namespace http = boost::beast::http;

namespace {

using BeastError = boost::beast::error_code;
using BeastText = boost::beast::string_view;

/// The least that can follow in a chunked body that is not whole: "0\r\n\r\n". Beast 1.81 asserts
/// that it is never called again with less after it has seen the last chunk's header, so nothing
/// shorter is shown to it; no valid message waits for that.
constexpr std::size_t kMinChunkedRest = 5;

Error explain(const BeastError& error) {
  if (error == http::error::body_limit) return {Errc::kTooLarge, "the answer is too large"};
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return {Errc::kTooLarge, "the header of the answer is too large"};
  }
  if (error == http::error::partial_message) {
    return {Errc::kCorrupt, "the connection was closed in the middle of the answer"};
  }
  return {Errc::kCorrupt, fmt::format("the answer is no HTTP: {}", error.message())};
}

}  // namespace

struct ResponseParser::Grammar final : http::basic_parser<false> {
  Grammar(ClientResponse& response, std::size_t header_bytes, std::size_t body_bytes)
      : response_(response) {
    eager(true);
    header_limit(static_cast<std::uint32_t>(header_bytes));
    body_limit(body_bytes);
  }

 private:
  void on_request_impl(http::verb, BeastText, BeastText, int, BeastError&) override {}

  void on_response_impl(int code, BeastText, int, BeastError&) override {
    response_.status = static_cast<unsigned>(code);
  }

  void on_field_impl(http::field, BeastText name, BeastText value, BeastError&) override {
    response_.headers.emplace_back(lower_case({name.data(), name.size()}),
                                   std::string(value.data(), value.size()));
  }

  void on_header_impl(BeastError&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, BeastError&) override {}

  std::size_t on_body_impl(BeastText bytes, BeastError& error) override {
    return append(bytes, error);
  }

  void on_chunk_header_impl(std::uint64_t, BeastText, BeastError&) override {}

  std::size_t on_chunk_body_impl(std::uint64_t, BeastText bytes, BeastError& error) override {
    return append(bytes, error);
  }

  void on_finish_impl(BeastError&) override {}

  std::size_t append(BeastText bytes, BeastError&) {
    response_.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }

  ClientResponse& response_;
};

ResponseParser::ResponseParser(std::size_t header_limit, std::size_t body_limit)
    : header_limit_(header_limit),
      body_limit_(body_limit),
      grammar_(std::make_unique<Grammar>(response_, header_limit, body_limit)) {}
ResponseParser::~ResponseParser() = default;

Result<void> ResponseParser::feed(std::string_view bytes) {
  GPUVIGIL_ASSERT(!is_done_);
  pending_ += bytes;
  while (!pending_.empty() && !is_done_) {
    if (grammar_->is_header_done() && grammar_->chunked() && pending_.size() < kMinChunkedRest)
      break;
    BeastError error;
    const auto used = grammar_->put(boost::asio::buffer(pending_.data(), pending_.size()), error);
    pending_.erase(0, used);
    if (error && error != http::error::need_more) return std::unexpected(explain(error));
    if (!grammar_->is_done()) return {};
    const bool is_interim = response_.status < 200 && response_.status != 101;
    is_done_ = !is_interim;
    if (is_interim) {
      response_ = {};
      grammar_ = std::make_unique<Grammar>(response_, header_limit_, body_limit_);
    }
  }
  return {};
}

Result<void> ResponseParser::end() {
  if (is_done_) return {};
  if (!grammar_->got_some()) {
    return fail(Errc::kCorrupt, "the connection was closed without an answer");
  }
  BeastError error;
  grammar_->put_eof(error);
  if (error) return std::unexpected(explain(error));
  is_done_ = true;
  return {};
}

}  // namespace gpuvigil
