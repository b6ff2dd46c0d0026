// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "outbound/address_policy.h"

namespace gpuvigil {

/// Where something is sent to: http or https, without a user in it. The path of a webhook is often
/// its secret, so only origin() belongs into messages.
class OutboundUrl {
 public:
  static constexpr std::size_t kMaxBytes = 2048;

  /// Errors: kInvalidArgument; the message says what is wrong and repeats nothing of the text.
  [[nodiscard]] static Result<OutboundUrl> parse(std::string_view text);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::string& origin() const { return origin_; }  ///< "https://host:443".

 private:
  OutboundUrl(std::string text, std::string origin)
      : text_(std::move(text)), origin_(std::move(origin)) {}

  std::string text_;
  std::string origin_;
};

enum class OutboundMethod { kGet, kPost };

struct OutboundHeader {
  std::string name;
  std::string value;
};

struct OutboundRequest {
  OutboundMethod method = OutboundMethod::kPost;
  const OutboundUrl& url;
  std::string_view content_type = {};        ///< Of the body; empty: none is named.
  std::string_view body = {};                ///< Must live until send() returns.
  const Secret* authorization = nullptr;     ///< The value of Authorization: "Bearer ...".
  std::vector<OutboundHeader> headers = {};  ///< More of them; no line breaks.
};

/// What the other side said, whatever its status.
struct OutboundAnswer {
  long status = 0;
  std::string body;
  bool cut = false;  ///< The body was longer than OutboundOptions::max_answer: this is its head.
  std::optional<Duration>
      retry_after;  ///< What it asked for, in seconds or as a date; at most 1 h.
};

enum class OutboundFault {
  kBadRequest,      ///< Ours: a header that cannot be.
  kAddressRefused,  ///< The name leads to an address that the policy forbids.
  kUnreachable,     ///< No such name, nobody listens, or the connection broke.
  kTls,             ///< It is not who it says it is, or speaks no TLS that is safe.
  kTimeout,
  kBroken,  ///< What came is no HTTP, or its header has no end.
  kCancelled,
};

[[nodiscard]] std::string_view to_string(OutboundFault fault);

struct OutboundFailure {
  OutboundFault fault = OutboundFault::kBroken;
  std::string message;  ///< One line with the origin, without path, query and headers.
};

using OutboundResult = std::expected<OutboundAnswer, OutboundFailure>;

struct OutboundOptions {
  AddressPolicy addresses;
  Duration connect_timeout = std::chrono::seconds(5);  ///< The look-up of the name included.
  Duration deadline = std::chrono::seconds(10);        ///< For all of it.
  std::size_t max_answer = std::size_t{64} * 1024;     ///< Of its body; the header has the same.
  std::string ca_file = {};  ///< PEM; whom to trust. Empty: whom this system trusts.
};

/// HTTP to other servers; the one door to libcurl.
///
/// Certificates and names are always verified. Redirects are answers, not followed: they would take
/// what is sent, and its secrets, to whom nobody named. Proxies of the environment are not used, as
/// one would dial for us. The address policy looks at the address that is dialled, after all names
/// were looked up and all spellings read, so it does not matter how a host is written nor what its
/// name meant a moment ago. Connections are kept and used again.
///
/// Threading: one thread at a time, except cancel().
class OutboundClient {
 public:
  /// Errors: kInternal when libcurl cannot be set up.
  [[nodiscard]] static Result<std::unique_ptr<OutboundClient>> open(OutboundOptions options);
  ~OutboundClient();
  OutboundClient(const OutboundClient&) = delete;
  OutboundClient& operator=(const OutboundClient&) = delete;

  /// Sends it and waits for the answer, at most until the deadline.
  [[nodiscard]] OutboundResult send(const OutboundRequest& request);

  /// Ends the send() that is under way, and each later one, with kCancelled. Any thread.
  void cancel();

 private:
  struct Impl;
  explicit OutboundClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gpuvigil
