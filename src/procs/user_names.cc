// SPDX-License-Identifier: Apache-2.0
#include "procs/user_names.h"

#include <vector>

#include <pwd.h>
#include <unistd.h>

#include "procs/process_text.h"

namespace gpuvigil {

std::string user_name_of(std::uint32_t uid) {
  constexpr std::size_t kRoom = 16'384;  // a record of passwd that is longer is not believed
  constexpr std::size_t kMaxNameBytes = 64;
  std::vector<char> room(kRoom);
  passwd record{};
  passwd* found = nullptr;
  const int error = ::getpwuid_r(uid, &record, room.data(), room.size(), &found);
  if (error != 0 || found == nullptr || found->pw_name == nullptr) return {};
  return bounded_name(found->pw_name, kMaxNameBytes);
}

std::optional<std::string> UserNames::find(std::uint32_t uid) {
  const auto found = names_.find(uid);
  if (found != names_.end()) return found->second;
  if (missing_.size() < kMaxNames) missing_.insert(uid);
  return std::nullopt;
}

bool UserNames::ask_for_missing(Timestamp now) {
  // All at once: each uid that is still seen is asked for again in the next round.
  if (now - since_ > kRemembered || names_.size() + missing_.size() > kMaxNames) {
    names_.clear();
    since_ = now;
  }
  if (missing_.empty()) return false;
  for (const std::uint32_t uid : missing_) names_.emplace(uid, ask_(uid));
  missing_.clear();
  return true;
}

}  // namespace gpuvigil
