// SPDX-License-Identifier: Apache-2.0
// gpuvigil top: one thread asks, the main thread draws and hears the keys.
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "apps/exit_codes.h"
#include "apps/output.h"
#include "apps/top_source.h"
#include "apps/verbs.h"
#include "base/clock.h"
#include "base/json_reader.h"
#include "base/latest.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "base/wakeup.h"
#include "term/terminal.h"
#include "top/top_reader.h"
#include "top/top_view.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxAnswerBytes = 64 * 1024 * 1024;
constexpr int kSignalled = 128;  ///< Exit code of who is ended by signal 0.

/// The API's answers of one moment, as they came.
struct Answers {
  std::string devices;
  std::string kernels;
  std::string processes;
  std::string alerts;
  std::string events;
  std::string kernel;  ///< Empty: not asked for, or not there.
};

Result<Answers> get_answers(TopSource& source, const TopQuery& query) {
  Answers answers;
  GPUVIGIL_TRY(answers.devices, source.get("/api/v1/gpu/devices", {}));
  GPUVIGIL_TRY(answers.kernels, source.get("/api/v1/gpu/kernels", query.kernels));
  GPUVIGIL_TRY(answers.processes, source.get("/api/v1/gpu/processes", query.processes));
  GPUVIGIL_TRY(answers.alerts, source.get("/api/v1/gpu/alerts", {{"limit", "100"}}));
  GPUVIGIL_TRY(answers.events, source.get("/api/v1/gpu/events", {{"limit", "100"}}));
  if (!query.kernel_id.empty()) {
    // It may have gone meanwhile, which is no reason to show nothing.
    auto kernel = source.get("/api/v1/gpu/kernels/" + query.kernel_id, {});
    if (kernel) answers.kernel = *std::move(kernel);
  }
  return answers;
}

Result<TopData> read_answers(const Answers& texts) {
  TopAnswers answers;
  const std::pair<const std::string*, JsonValue*> parts[] = {
      {&texts.devices, &answers.devices},     {&texts.kernels, &answers.kernels},
      {&texts.processes, &answers.processes}, {&texts.alerts, &answers.alerts},
      {&texts.events, &answers.events},       {&texts.kernel, &answers.kernel}};
  for (const auto& [text, value] : parts) {
    if (text->empty()) continue;
    auto parsed = parse_json(*text, kMaxAnswerBytes);
    if (!parsed) return fail(Errc::kCorrupt, "the server's answer: " + parsed.error().message);
    *value = *std::move(parsed);
  }
  return read_top(std::move(answers));
}

double seconds_now(const Clock& clock) {
  return static_cast<double>(to_unix_ns(clock.now())) / 1e9;
}

/// Asks on a thread of its own, so that keys are heard while a server is slow.
///
/// Threading: all members from any thread but the one that it makes.
class Poller {
 public:
  Poller(TopSource& source, TopQuery query, Duration period)
      : source_(source), period_(period), query_(std::move(query)) {}
  ~Poller() { stop(); }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// Asks once, at once. Errors: those of the source.
  Result<void> first() {
    GPUVIGIL_TRY(TopData data, fetch(query_));
    publish(std::move(data));
    return {};
  }

  void start() {
    thread_ = start_thread("top-poller", [this] { work(); });
  }

  void ask(const TopQuery& query) {
    {
      MutexLock lock(mutex_);
      query_ = query;
    }
    asked_.wake();
  }

  /// Null before first().
  [[nodiscard]] std::shared_ptr<const TopData> newest() const { return newest_.get(); }
  [[nodiscard]] const Wakeup& news() const { return news_; }

 private:
  Result<TopData> fetch(const TopQuery& query) {
    GPUVIGIL_TRY(const Answers answers, get_answers(source_, query));
    GPUVIGIL_TRY(TopData data, read_answers(answers));
    history_.add(data);
    return data;
  }

  void publish(TopData data) {
    data.source = source_.name();
    data.is_over = source_.is_over();
    data.received_seconds = seconds_now(clock_);
    newest_.set(std::make_shared<const TopData>(std::move(data)));
    news_.wake();
  }

  void work() {
    while (true) {
      asked_.wait(period_);
      TopQuery query;
      {
        MutexLock lock(mutex_);
        if (is_over_) return;
        query = query_;
      }
      Result<TopData> data = fetch(query);
      if (data) {
        publish(*std::move(data));
      } else {
        // What was known stays on the screen, and says how old it is.
        TopData before = *newest();
        before.complaint = data.error().message;
        newest_.set(std::make_shared<const TopData>(std::move(before)));
        news_.wake();
      }
    }
  }

  void stop() {
    {
      MutexLock lock(mutex_);
      is_over_ = true;
    }
    asked_.wake();
    if (thread_.joinable()) thread_.join();
  }

  TopSource& source_;
  const Duration period_;
  const SystemClock clock_;
  TopHistory history_;
  Latest<TopData> newest_;
  Wakeup asked_;
  Wakeup news_;
  Mutex mutex_;
  TopQuery query_ GPUVIGIL_GUARDED_BY(mutex_);
  bool is_over_ GPUVIGIL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

/// The terminal with what is on it.
class Screen {
 public:
  Screen(Terminal& terminal, TerminalTraits traits) : terminal_(terminal), traits_(traits) {
    resize();
  }

  [[nodiscard]] ScreenSize size() const { return size_; }

  void resize() {
    size_ = terminal_size().value_or(ScreenSize{});
    shown_.reset();
  }
  /// Draws all of it the next time.
  void forget() { shown_.reset(); }

  Result<void> draw(const TopData& data, const TopState& state) {
    const double age = seconds_now(clock_) - data.received_seconds;
    Canvas canvas =
        draw_top(data, state, {.size = size_, .is_ascii = traits_.is_ascii, .age_seconds = age});
    const std::string bytes = screen_diff(shown_ ? &*shown_ : nullptr, canvas, traits_.look);
    if (!bytes.empty()) GPUVIGIL_CHECK(terminal_.write(bytes));
    shown_ = std::move(canvas);
    return {};
  }

 private:
  Terminal& terminal_;
  const TerminalTraits traits_;
  const SystemClock clock_;
  ScreenSize size_;
  std::optional<Canvas> shown_;
};

/// Keys, news and sizes, until one of them ends it; the exit code.
class Loop {
 public:
  Loop(Terminal& terminal, Screen& screen, Poller& poller)
      : terminal_(terminal), screen_(screen), poller_(poller) {}

  int run() {
    constexpr Duration kKeyPause = std::chrono::milliseconds(50);
    while (true) {
      const auto newest = poller_.newest();
      if (newest->is_over != was_over_) {
        was_over_ = newest->is_over;
        poller_.ask(query_of(state_, was_over_));
      }
      if (!screen_.draw(state_.paused ? *state_.paused : *newest, state_)) return ended();
      const Duration pause = keys_.is_open() ? kKeyPause : Duration(std::chrono::seconds(1));
      switch (terminal_.wait(poller_.news().descriptor(), pause)) {
        case Terminal::Event::kEnd:
          return ended();
        case Terminal::Event::kResized:
          screen_.resize();
          break;
        case Terminal::Event::kWoken:
          poller_.news().wait(Duration::zero());
          break;
        case Terminal::Event::kTime:
          if (hear(keys_.settle())) return kExitOk;
          break;
        case Terminal::Event::kInput: {
          const std::string bytes = terminal_.read_input();
          if (bytes.empty()) return ended();
          if (hear(keys_.feed(bytes))) return kExitOk;
          break;
        }
      }
    }
  }

 private:
  /// 128 and the signal; a terminal that went away without one counts as one that hung up.
  [[nodiscard]] static int ended() {
    return kSignalled + (Terminal::signal() == 0 ? SIGHUP : Terminal::signal());
  }

  /// True when one of the keys ends the program.
  bool hear(const std::vector<Key>& keys) {
    for (const Key& key : keys) {
      const auto newest = poller_.newest();
      const auto shown = state_.paused ? state_.paused : newest;
      switch (press(state_, key, shown, page_rows(*shown, state_, screen_.size()))) {
        case TopAction::kNone:
          break;
        case TopAction::kAsk:
          poller_.ask(query_of(state_, newest->is_over));
          break;
        case TopAction::kQuit:
          return true;
        case TopAction::kSuspend:
          static_cast<void>(terminal_.suspend());
          screen_.resize();
          break;
        case TopAction::kRedraw:
          screen_.forget();
          break;
      }
    }
    return false;
  }

  Terminal& terminal_;
  Screen& screen_;
  Poller& poller_;
  TopState state_;
  KeyReader keys_;
  bool was_over_ = false;
};

TerminalTraits traits_of(const TopOptions& options) {
  TerminalTraits traits = terminal_traits([](const char* name) { return std::getenv(name); });
  if (options.ascii) traits.is_ascii = true;
  if (options.colour == "never") traits.look.depth = ColourDepth::kMono;
  if (options.colour == "always" && traits.look.depth == ColourDepth::kMono) {
    traits.look.depth = ColourDepth::kSixteen;
  }
  if (options.theme != "auto") traits.look.is_light = options.theme == "light";
  return traits;
}

int run_on_terminal(const TopOptions& options, TopSource& source) {
  // Before the terminal is taken: what goes wrong here is told in its own words.
  Poller poller(source, query_of({}, source.is_over()),
                std::chrono::milliseconds(options.interval_ms));
  if (const auto asked = poller.first(); !asked) return complain(asked.error());
  auto terminal = Terminal::open();
  if (!terminal) return complain(terminal.error());
  poller.start();
  Screen screen(**terminal, traits_of(options));
  return Loop(**terminal, screen, poller).run();
}

/// How wide a text for nobody's terminal is.
std::size_t text_columns() {
  if (const auto size = terminal_size()) return size->columns;
  constexpr int kUsual = 120;
  const char* const columns = std::getenv("COLUMNS");
  const int said = columns == nullptr ? 0 : std::atoi(columns);
  return static_cast<std::size_t>(said > 0 ? said : kUsual);
}

int run_as_text(const TopOptions& options, TopSource& source) {
  const TopQuery query = query_of({}, source.is_over());
  const Wakeup never;
  // A machine that has only just begun has nothing to show: it gets five seconds.
  for (int tries = 0;; ++tries) {
    const auto answers = get_answers(source, query);
    if (!answers) return complain(answers.error());
    auto data = read_answers(*answers);
    if (!data) return complain(data.error());
    data->source = source.name();
    data->is_over = source.is_over();
    if (!data->kernels.empty() || !options.demo || tries == 50) {
      const bool is_ascii = traits_of(options).is_ascii;
      const auto done = print(top_text(*data, {}, text_columns(), is_ascii));
      return done ? kExitOk : complain(done.error());
    }
    never.wait(std::chrono::milliseconds(100));
  }
}

/// One object a line: the API's answers as they are.
int run_as_json(const TopOptions& options, TopSource& source) {
  const Wakeup never;
  const std::size_t count = options.once ? 1 : options.count;
  for (std::size_t shown = 0;;) {
    const auto answers = get_answers(source, query_of({}, source.is_over()));
    if (!answers) return complain(answers.error());
    const auto done = print(fmt::format(
        R"({{"devices":{},"kernels":{},"processes":{},"alerts":{},"events":{}}})"
        "\n",
        answers->devices, answers->kernels, answers->processes, answers->alerts, answers->events));
    if (!done) return complain(done.error());
    if (++shown == count) return kExitOk;
    never.wait(std::chrono::milliseconds(options.interval_ms));
  }
}

}  // namespace

int run_top(const TopOptions& options) {
  if (options.count > 0 && !options.client.json) {
    return complain({Errc::kInvalidArgument, "--count needs --json"});
  }
  const bool is_once = options.once || (!options.client.json && !is_interactive());
  const auto source = open_top_source(options, is_once);
  if (!source) return complain(source.error());
  if (options.client.json) return run_as_json(options, **source);
  return is_once ? run_as_text(options, **source) : run_on_terminal(options, **source);
}

}  // namespace gpuvigil
