// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "alert/silencing.h"
#include "base/task_queue.h"
#include "engine/alert_desk.h"
#include "engine/alert_state.h"

namespace gpuvigil {

inline constexpr std::size_t kMaxDeskTasks = 4096;

// The inside of AlertDesk, which two files share: one runs it, one changes what people set.

/// One way out and what goes through it.
struct DeskChannel {
  ChannelText text;
  RuleOrigin origin = RuleOrigin::kFile;
  std::vector<Matcher> matchers;
  std::shared_ptr<const ChannelSpec> spec;
  std::unique_ptr<Sender> sender;
};

/// Errors: every field that is wrong.
[[nodiscard]] std::expected<DeskChannel, std::vector<FieldError>> make_channel(
    const ChannelText& text, RuleOrigin origin);

/// Errors: the field that is wrong.
[[nodiscard]] std::expected<std::vector<Matcher>, FieldError> read_matchers(
    const std::vector<std::string>& texts);

/// The rules of a configuration, in order: built-in ones that nobody replaced, then the file's.
[[nodiscard]] std::vector<Rule> configured_rules(const AlertConfig& config);

/// "rules[0].when: ...; ...".
[[nodiscard]] std::string in_one_line(const std::vector<FieldError>& errors);

/// An acknowledgement that is not in the file yet. Who asked is answered when it is.
struct WaitingAck {
  enum class State { kAsked, kFound, kAnswered };
  std::string id;
  /// The engine sets it, and may outlive the desk.
  std::shared_ptr<std::atomic<State>> state;
  std::function<void(bool)> done;
};

struct AlertDesk::Impl {
  Impl(Engine& its_engine, AlertDeskOptions its_options)
      : engine(its_engine), options(std::move(its_options)), grouper(GroupingOptions()) {}

  void run();
  void look();
  void tell(const std::vector<Notice>& notices);
  void tell_roll(std::span<const Alert> alerts, Timestamp now);
  void taken(const std::string& channel, const Notice& notice);
  void enqueue(const Outgoing& outgoing);
  void save();
  void settle_acks();
  void load();
  void watch_disk(Timestamp now);
  [[nodiscard]] std::vector<Rule> all_rules() const;
  bool apply_rules(std::function<void()> visible);
  bool apply_silences(std::function<void()> visible);
  void start_sender(DeskChannel& channel);
  [[nodiscard]] DeskChannel* find_channel(std::string_view name);

  Engine& engine;
  const AlertDeskOptions options;
  const SystemClock clock;
  TaskQueue tasks{kMaxDeskTasks};
  Engine::ListenerId listener{};
  std::atomic<bool> edge_is_told{false};
  std::atomic<bool> testing{false};
  /// Frames show what lived in the last life. The engine sets it, and may outlive the desk.
  std::shared_ptr<std::atomic<bool>> is_restored = std::make_shared<std::atomic<bool>>(false);
  std::thread tester;
  std::thread thread;

  // Below: the desk's thread only, once it runs.
  AlertConfig config;
  std::vector<Rule> api_rules;
  std::vector<Silence> silences;
  std::vector<DeskChannel> channels;
  Grouper grouper;
  std::vector<Outgoing> outgoing;  ///< Oldest first.
  std::vector<LivingAlert> restored;
  std::shared_ptr<const std::vector<LivingAlert>> living;
  std::vector<WaitingAck> acks;
  bool dirty = false;
  bool save_failed = false;
  Timestamp disk_looked{};
  std::string roll_told;  ///< What the last roll held, in short.
  Timestamp roll_at{};
  std::uint64_t tests = 0;
};

}  // namespace gpuvigil
