// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "alert/grouping.h"
#include "alert/rule.h"
#include "base/clock.h"
#include "base/result.h"
#include "engine/engine.h"
#include "model/channel_text.h"
#include "model/silence.h"
#include "notify/sender.h"

namespace gpuvigil {

/// What the configuration file says of alerts.
struct AlertConfig {
  AlertSettings builtin;
  GroupingOptions grouping;
  std::vector<RuleText> rules;        ///< One named like a built-in rule replaces it.
  std::vector<std::string> disabled;  ///< Names of built-in rules that are not wanted.
  std::vector<ChannelText> channels;
};

/// Every mistake in it: "rules[2].when", "channels[0].url". Empty: there is none.
[[nodiscard]] std::vector<FieldError> check_alert_config(const AlertConfig& config);

struct AlertDeskOptions {
  /// Where what must outlast the process is kept; empty: nothing does. A simulated machine and the
  /// real one must not share it.
  std::string state_file;
  bool keep_living = true;  ///< False for recordings: what they raised begins anew with each run.
  SenderOptions sender;
};

/// Why the desk does not do something.
struct DeskRefusal {
  enum class Kind { kInvalid, kNotFound, kConflict, kFull, kFailed };
  Kind kind = Kind::kInvalid;
  std::string detail;
  std::vector<FieldError> errors;
};

template <class T>
using DeskResult = std::expected<T, DeskRefusal>;

/// A silence as somebody asks for it.
struct SilenceWish {
  std::vector<std::string> matchers;
  Timestamp starts{};
  Timestamp ends{};
  std::string comment;
  std::string created_by;
};

/// Where alerts become notices, notices find their channels, and what people set is kept: silences,
/// and the rules and channels of the API. What must outlast the process is in one private file,
/// written before anybody is told, so that a restart neither forgets nor tells twice.
///
/// Threading: a thread of its own; post() from any thread, and what it is given runs there. The
/// members marked so are for that thread alone.
class AlertDesk {
 public:
  /// Takes up what the file of an earlier life says, and begins. A file that cannot be read is set
  /// aside, with a line in the log: alerting goes on without it. `engine` must not be started yet
  /// and must outlive the desk. Errors: what check_alert_config() finds, in one line.
  [[nodiscard]] static Result<std::unique_ptr<AlertDesk>> open(Engine& engine,
                                                               const AlertConfig& config,
                                                               AlertDeskOptions options);
  ~AlertDesk();
  AlertDesk(const AlertDesk&) = delete;
  AlertDesk& operator=(const AlertDesk&) = delete;

  /// After Engine::start().
  void start();
  /// Before Engine::stop(). Idempotent.
  void stop();

  /// Runs `work` on the desk's thread, soon. False when too much waits there.
  [[nodiscard]] bool post(std::function<void()> work);

  // On the desk's thread:

  /// Goes by another configuration from now on. Errors: as open(); then the old one stays.
  Result<void> configure(const AlertConfig& config);

  [[nodiscard]] std::vector<RuleRow> rules() const;
  /// Makes or replaces a rule of the API; `visible` when frames go by it.
  DeskResult<RuleRow> put_rule(const RuleText& text, std::function<void()> visible);
  DeskResult<void> remove_rule(const std::string& name, std::function<void()> visible);

  [[nodiscard]] std::vector<Silence> silences() const;
  DeskResult<void> add_silence(const SilenceWish& wish,
                               std::function<void(const Silence&)> visible);
  DeskResult<void> remove_silence(const std::string& id, std::function<void()> visible);

  /// `done` says whether there is such an alert, once frames show it and the file has it.
  [[nodiscard]] bool acknowledge(std::string id, std::string by, std::function<void(bool)> done);

  [[nodiscard]] std::vector<ChannelRow> channels() const;
  DeskResult<ChannelRow> put_channel(const ChannelText& text);
  DeskResult<void> remove_channel(const std::string& name);
  /// Sends a test through it at once, on a thread of its own; one at a time.
  DeskResult<void> test_channel(const std::string& name, std::function<void(Result<void>)> done);

 private:
  struct Impl;
  explicit AlertDesk(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gpuvigil
