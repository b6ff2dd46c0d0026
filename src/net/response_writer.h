// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "net/http.h"

namespace gpuvigil {

/// What of the request decides how its response looks on the wire.
struct ResponseForm {
  bool head_only = false;  ///< HEAD: all fields, no body.
  bool keep_alive = true;
  int version = 11;  ///< Of the request: 10 or 11.
  std::string_view accept_encoding;
  std::string_view if_none_match;
};

/// Writes responses: the fields, and compression and entity tags where they pay.
///
/// A body that the application holds on to (an answer that many ask for) is hashed and compressed
/// once; one that is made for a single response is never hashed. At most kCached bodies are known
/// at a time.
///
/// Threading: one thread.
class ResponseWriter {
 public:
  struct Wire {
    std::string_view head;                    ///< Valid until the next call.
    std::shared_ptr<const std::string> body;  ///< Null or what follows the head.
  };

  [[nodiscard]] Wire write(const HttpResponse& response, const ResponseForm& form);

  static constexpr std::size_t kCached = 16;
  /// Below it a response fits into one packet anyway.
  static constexpr std::size_t kCompressFrom = 1400;
  /// Above it compressing would keep everybody else waiting for too long (10 ms).
  static constexpr std::size_t kCompressTo = 1024 * 1024;

 private:
  using Body = std::shared_ptr<const std::string>;

  struct Known {
    std::weak_ptr<const std::string> body;
    const std::string* address = nullptr;  ///< Of the body, to compare without locking `body`.
    std::string etag;
    std::string_view content_type;       ///< Of `heads`.
    std::array<std::string, 2> heads{};  ///< As it is most often asked for: plain, compressed.
    Body compressed;
    bool was_compressed = false;  ///< Compressing was tried; `compressed` is null if it was no use.
  };

  /// The entry of a body that is held by others too, made if needed; null for any other body.
  Known* find(const Body& body);
  static Body compressed(const Body& body, Known* known);
  void begin_head(unsigned status);
  void add_length(std::size_t length);
  void add(std::string_view name, std::string_view value);

  std::array<Known, kCached> known_;
  std::size_t next_ = 0;  ///< Which entry is replaced when none is free.
  std::string head_;
};

/// True when the application has set that header, in any case.
[[nodiscard]] bool has_header(const HttpResponse& response, std::string_view name);

/// "Not Found" for 404; "Status" for what is not in RFC 9110.
[[nodiscard]] std::string_view reason_phrase(unsigned status);

/// True when the client takes gzip (RFC 9110, 12.5.3).
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding);

/// True when one of the tags of If-None-Match, or '*', matches in the weak sense.
[[nodiscard]] bool matches_etag(std::string_view if_none_match, std::string_view etag);

}  // namespace gpuvigil
