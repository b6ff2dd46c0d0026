// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/chunk_reader.h"
#include "net/http.h"
#include "net/request_limits.h"

namespace gpuvigil {

/// Turns the bytes of one HTTP/1.x request into an HttpRequest, or into the reason why it is none.
///
/// Boost.Beast reads the grammar of the header. On top of it, every shape that two implementations
/// could read differently is refused (request smuggling): two Content-Length, one beside
/// Transfer-Encoding, a coding other than chunked, line ends without CR, folded lines, two Host
/// fields; and chunks are read by a ChunkReader.
///
/// Threading: one thread at a time. **Invariants:** holds no more than the limits allow.
class RequestParser {
 public:
  enum class State {
    kHeader,   ///< The header is not whole yet.
    kBody,     ///< The header is whole and good, the body is not whole yet.
    kDone,     ///< request() is the request.
    kRefused,  ///< refusal() says why.
  };

  explicit RequestParser(const RequestLimits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  /// Reads from the front of `bytes` and returns how many it has used; the caller hands in the rest
  /// again, with more behind it. Stops after the end of the request. Requires a state that is
  /// neither kDone nor kRefused.
  std::size_t feed(std::string_view bytes);

  [[nodiscard]] State state() const { return state_; }

  /// From kBody on: complete but for the body; from kDone on: whole. May be moved from then.
  [[nodiscard]] HttpRequest& request() { return request_; }
  [[nodiscard]] const Refusal& refusal() const { return refusal_; }

  /// From kBody on: the client waits for "100 Continue" before it sends the body.
  [[nodiscard]] bool expects_continue() const { return expects_continue_; }
  /// From kBody on: the connection may serve another request after this one.
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }
  /// From kBody on: 10 or 11.
  [[nodiscard]] int version() const { return version_; }
  /// The host of an absolute-form target, else empty.
  [[nodiscard]] const std::string& authority() const { return authority_; }

 private:
  struct Grammar;  ///< The Beast parser, which calls back into us.
  friend struct Grammar;

  /// Looks for the end of the header without touching a byte twice; refuses line ends that are not
  /// CR LF and folded lines. True when the whole header lies in `bytes`.
  bool find_header_end(std::string_view bytes);
  void on_field(std::string_view name, std::string_view value);
  void on_header_end();
  void refuse(unsigned status, std::string detail);
  std::size_t read_header(std::string_view bytes);
  std::size_t read_body(std::string_view bytes);

  RequestLimits limits_;
  std::unique_ptr<Grammar> grammar_;
  State state_ = State::kHeader;
  HttpRequest request_;
  Refusal refusal_;
  std::string authority_;
  std::size_t scanned_ = 0;            ///< Header bytes that find_header_end has passed.
  std::size_t line_start_ = 0;         ///< Where the header line begins in which it is.
  std::uint64_t remaining_ = 0;        ///< Of a body whose length was told.
  std::optional<ChunkReader> chunks_;  ///< Of a body in chunks.
  int version_ = 11;
  bool skipped_line_ = false;  ///< An empty line before the request was passed.
  bool header_whole_ = false;  ///< All of the header has come.
  bool keep_alive_ = false;
  bool expects_continue_ = false;
  bool has_length_ = false;
  bool has_coding_ = false;
  bool has_host_ = false;
};

}  // namespace gpuvigil
