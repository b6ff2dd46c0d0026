// SPDX-License-Identifier: Apache-2.0
#include "auth/sessions.h"

#include <algorithm>

#include "base/sha256.h"

namespace gpuvigil {

Secret Sessions::open(std::string_view token_id, Timestamp now) {
  if (sessions_.size() >= kMaxSessions) {
    sessions_.erase(std::ranges::min_element(sessions_, {},
                                             [](const auto& entry) { return entry.second.used; }));
  }
  Secret key = random_secret({});
  sessions_.emplace(sha256(key.reveal()),
                    Session{.token_id = std::string(token_id), .began = now, .used = now});
  return key;
}

std::string_view Sessions::use(std::string_view key, Timestamp now) {
  const auto found = sessions_.find(sha256(key));
  if (found == sessions_.end()) return {};
  Session& session = found->second;
  if (now - session.used >= kIdle || now - session.began >= kLongest) {
    sessions_.erase(found);
    return {};
  }
  session.used = now;
  return session.token_id;
}

void Sessions::close(std::string_view key) {
  sessions_.erase(sha256(key));
}

}  // namespace gpuvigil
