// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <termios.h>

#include "base/clock.h"
#include "base/result.h"
#include "term/canvas.h"
#include "term/screen_diff.h"

namespace gpuvigil {

/// What an environment tells of a terminal.
struct TerminalTraits {
  ScreenLook look;
  bool is_ascii = false;
};

/// `variable` gives the value of one, or null: std::getenv, or a test's. NO_COLOR, TERM, COLORTERM
/// and COLORFGBG tell of colours; LC_ALL, LC_CTYPE and LANG of characters.
[[nodiscard]] TerminalTraits terminal_traits(
    const std::function<const char*(const char*)>& variable);

/// True when standard input and standard output are terminals that can be drawn on.
[[nodiscard]] bool is_interactive();

/// The size of the terminal behind standard output; nothing where there is none.
[[nodiscard]] std::optional<ScreenSize> terminal_size();

/// The terminal of this process as something to draw on: the other screen, no echo, no cursor, keys
/// one by one. The one door to termios and to the signals that concern a screen.
///
/// Its end gives everything back, and so does whatever ends the program: SIGINT, SIGTERM, SIGHUP,
/// SIGQUIT end wait() with kEnd; a fault or a failed assertion gives the terminal back on its way.
/// (SIGKILL cannot be helped: `reset` can.)
///
/// Threading: the main thread; one object at a time. Threads that are started elsewhere must not
/// take those signals (start_thread() sees to it).
class Terminal {
 public:
  /// Errors: kUnavailable (standard input or output is no terminal), kIo.
  [[nodiscard]] static Result<std::unique_ptr<Terminal>> open();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  enum class Event : unsigned char { kInput, kResized, kWoken, kTime, kEnd };

  /// Waits for bytes, another size, the descriptor `other` to become readable, or the time.
  /// After kEnd: signal().
  [[nodiscard]] Event wait(int other, Duration at_most);

  /// What the terminal sent, at most 4 KiB; empty when it is gone.
  [[nodiscard]] std::string read_input();

  /// Writes all of it. Errors: kIo (the terminal is gone, or a signal came that ends us).
  [[nodiscard]] Result<void> write(std::string_view bytes);

  /// The signal that ended wait(); 0: none.
  [[nodiscard]] static int signal();

  /// Gives the terminal back and stops the process, as Ctrl-Z does; takes it again afterwards.
  /// The screen is blank then. Errors: kIo.
  [[nodiscard]] Result<void> suspend();

 private:
  explicit Terminal(const termios& before) : before_(before) {}
  [[nodiscard]] Result<void> enter();
  void leave();

  termios before_;
};

}  // namespace gpuvigil
