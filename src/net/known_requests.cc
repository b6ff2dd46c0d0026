// SPDX-License-Identifier: Apache-2.0
#include "net/known_requests.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace gpuvigil {
namespace {

constexpr std::string_view kEnd = "\r\n\r\n";

/// Secrets, and what makes a request more than a question.
constexpr std::array<std::string_view, 8> kTellingFields = {
    "authorization",  "proxy-authorization", "cookie",  "expect",
    "content-length", "transfer-encoding",   "upgrade", "sec-websocket-protocol"};

std::uint64_t hash_of(std::string_view bytes) {
  return std::hash<std::string_view>{}(bytes);
}

bool may_be_kept(std::string_view bytes) {
  return bytes.size() <= KnownRequests::kMaxBytes && bytes.ends_with(kEnd);
}

bool is_plain_question(const HttpRequest& request) {
  return (request.method == Method::kGet || request.method == Method::kHead) &&
         request.body.empty() && std::ranges::none_of(request.headers, [](const auto& field) {
           return std::ranges::find(kTellingFields, field.first) != kTellingFields.end();
         });
}

}  // namespace

RequestParser* KnownRequests::find(std::string_view bytes) const {
  if (!may_be_kept(bytes)) return nullptr;
  const std::uint64_t hash = hash_of(bytes);
  const Slot& slot = slots_[hash % kSlots];
  return slot.hash == hash && slot.bytes == bytes ? slot.parser.get() : nullptr;
}

void KnownRequests::learn(std::string_view bytes, std::unique_ptr<RequestParser> parser) {
  if (!may_be_kept(bytes) || !is_plain_question(parser->request())) return;
  const std::uint64_t hash = hash_of(bytes);
  Slot& slot = slots_[hash % kSlots];
  // What comes only once must not push out what comes again.
  if (std::exchange(slot.last_hash, hash) != hash) return;
  slot.hash = hash;
  slot.bytes = bytes;
  slot.parser = std::move(parser);
}

}  // namespace gpuvigil
