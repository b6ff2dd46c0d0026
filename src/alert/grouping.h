// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/alert.h"
#include "model/notice.h"

namespace gpuvigil {

struct GroupingOptions {
  std::vector<std::string> by = {"severity"};      ///< Labels that the alerts of a notice share.
  Duration wait = std::chrono::milliseconds(500);  ///< For others that fire at the same moment.
  /// A group that has told `burst` notices within `interval` waits until that is over: what fires
  /// meanwhile is told at once then.
  Duration interval = std::chrono::seconds(30);
  std::size_t burst = 2;

  friend bool operator==(const GroupingOptions&, const GroupingOptions&) = default;
};

/// A notice that was told and whose alerts are not all over.
struct OpenNotice {
  Notice notice;
  std::vector<std::string> ids;  ///< Of all its alerts that still fire.
};

/// True when people may hear of it: it fires, calls people, and nobody has seen to it, silenced or
/// explained it.
[[nodiscard]] constexpr bool is_tellable(const Alert& alert) {
  return alert.state == AlertState::kFiring && alert.notify && !alert.acknowledged &&
         !alert.silenced && !alert.inhibited;
}

/// Makes notices of alerts: what begins to fire together is told together, once, and once more when
/// all of it is over. It goes by what is, not by what changed: an alert whose silence ends while it
/// still fires is told then, and one that is told already is not told again after a restart.
///
/// Invariants: at most kMostOpen notices are open; what does not fit waits.
/// Threading: one thread.
class Grouper {
 public:
  static constexpr std::size_t kMostOpen = 1000;

  explicit Grouper(GroupingOptions options) : options_(std::move(options)) {}

  /// Looks at all alerts there are, and gives what is to be told now, in order.
  std::vector<Notice> update(std::span<const Alert> alerts, Timestamp now);

  /// When update() should be called next although no frame came; nothing: when one does.
  [[nodiscard]] std::optional<Timestamp> due() const;

  [[nodiscard]] const std::vector<OpenNotice>& open() const { return open_; }
  /// Before the first update(): goes on with what was told in another life.
  void restore(std::vector<OpenNotice> open) { open_ = std::move(open); }
  void configure(GroupingOptions options) { options_ = std::move(options); }

  /// Alerts that were over before anybody was told.
  [[nodiscard]] std::uint64_t never_told() const { return never_told_; }

 private:
  struct Group {
    Labels labels;
    std::map<std::string, Alert> waiting;  ///< By id: what is not told yet.
    Timestamp wait_until{};
    std::vector<Timestamp> told;  ///< The last `burst` notices.
  };

  [[nodiscard]] Labels labels_of(const Alert& alert) const;
  void close_notices(std::span<const Alert> alerts, Timestamp now, std::vector<Notice>& out);
  void collect(std::span<const Alert> alerts, Timestamp now);
  void flush(Group& group, Timestamp now, std::vector<Notice>& out);
  [[nodiscard]] Timestamp due_of(const Group& group) const;

  GroupingOptions options_;
  std::map<Labels, Group> groups_;
  std::vector<OpenNotice> open_;
  std::uint64_t never_told_ = 0;
};

}  // namespace gpuvigil
