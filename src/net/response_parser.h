// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace gpuvigil {

/// What a server answered.
struct ClientResponse {
  unsigned status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  ///< Names in lower case.
  std::string body;

  /// The first header of that (lower case) name, or empty.
  [[nodiscard]] std::string_view header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

/// Turns the bytes of one HTTP/1.x response (interim ones, such as 100, are skipped) into a
/// ClientResponse. Boost.Beast reads the grammar.
///
/// Threading: one thread at a time.
class ResponseParser {
 public:
  ResponseParser(std::size_t header_limit, std::size_t body_limit);
  ~ResponseParser();
  ResponseParser(const ResponseParser&) = delete;
  ResponseParser& operator=(const ResponseParser&) = delete;

  /// Reads more bytes. Requires !is_done(). Errors: kCorrupt (no HTTP), kTooLarge; final.
  [[nodiscard]] Result<void> feed(std::string_view bytes);

  /// The server has closed. Errors: kCorrupt when the response is not whole.
  [[nodiscard]] Result<void> end();

  [[nodiscard]] bool is_done() const { return is_done_; }
  /// Once done, or switched to another protocol (101): whole but for what follows.
  [[nodiscard]] ClientResponse& response() { return response_; }
  /// What came behind the response.
  [[nodiscard]] const std::string& rest() const { return pending_; }

 private:
  struct Grammar;

  std::size_t header_limit_;
  std::size_t body_limit_;
  std::unique_ptr<Grammar> grammar_;
  ClientResponse response_;
  std::string pending_;  ///< Bytes that the grammar could not use yet.
  bool is_done_ = false;
};

}  // namespace gpuvigil
