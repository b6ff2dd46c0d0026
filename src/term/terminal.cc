// SPDX-License-Identifier: Apache-2.0
#include "term/terminal.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/assert.h"

namespace gpuvigil {
namespace {

/// The other screen, no cursor, and no line that goes on in the next row by itself.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[0m\x1b[2J";
constexpr std::string_view kLeave = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";

constexpr std::array kEnding = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
constexpr std::array kFaults = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

// What handlers of signals need. They are the process's, as its terminal is.
std::atomic<int> g_signal{0};
std::atomic<bool> g_resized{false};
std::atomic<int> g_event{-1};
std::atomic<bool> g_is_entered{false};
termios g_before{};

/// Gives the terminal back; only calls that a handler may make.
void give_back() {
  if (!g_is_entered.exchange(false)) return;
  // What nobody has read yet would make us wait; a screen that goes away need not be whole.
  ::tcflush(STDOUT_FILENO, TCOFLUSH);
  static_cast<void>(!::write(STDOUT_FILENO, kLeave.data(), kLeave.size()));
  ::tcsetattr(STDIN_FILENO, TCSANOW, &g_before);
}

void on_signal(int number) {
  const int before = errno;
  if (number == SIGWINCH) {
    g_resized = true;
  } else {
    g_signal = number;
  }
  static_cast<void>(::eventfd_write(g_event, 1));
  errno = before;
}

void on_fault(int number) {
  give_back();
  std::signal(number, SIG_DFL);
  std::raise(number);  // held back until we return, and then the end, whoever sent the first one
}

void handle(int number, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;  // without SA_RESTART: a write that waits gives up
  sigemptyset(&action.sa_mask);
  ::sigaction(number, &action, nullptr);
}

void handle_all(void (*ending)(int), void (*fault)(int), void (*resized)(int)) {
  for (const int number : kEnding) handle(number, ending);
  for (const int number : kFaults) handle(number, fault);
  handle(SIGWINCH, resized);
}

bool says(const char* value, std::string_view what) {
  return value != nullptr && std::string_view(value).find(what) != std::string_view::npos;
}

ColourDepth depth_of(const std::function<const char*(const char*)>& variable) {
  const char* const term = variable("TERM");
  const char* const no_colour = variable("NO_COLOR");
  if (no_colour != nullptr && *no_colour != '\0') return ColourDepth::kMono;
  if (term == nullptr || std::string_view(term) == "dumb" || says(term, "mono") ||
      std::string_view(term).starts_with("vt")) {
    return ColourDepth::kMono;
  }
  const char* const colours = variable("COLORTERM");
  if (says(colours, "truecolor") || says(colours, "24bit")) return ColourDepth::kTrue;
  return says(term, "256") ? ColourDepth::k256 : ColourDepth::kSixteen;
}

}  // namespace

TerminalTraits terminal_traits(const std::function<const char*(const char*)>& variable) {
  TerminalTraits traits;
  traits.look.depth = depth_of(variable);
  // "15;0": light on black; the last number is the ground.
  const char* const ground = variable("COLORFGBG");
  if (ground != nullptr) {
    const std::string_view text(ground);
    const std::string_view last = text.substr(text.rfind(';') + 1);
    traits.look.is_light = last == "7" || last == "15";
  }
  const char* locale = nullptr;
  for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    locale = variable(name);
    if (locale != nullptr && *locale != '\0') break;
  }
  traits.is_ascii = !says(locale, "UTF-8") && !says(locale, "utf8") && !says(locale, "UTF8") &&
                    !says(locale, "utf-8");
  return traits;
}

bool is_interactive() {
  const char* const term = std::getenv("TERM");
  return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1 && term != nullptr &&
         *term != '\0' && std::string_view(term) != "dumb";
}

std::optional<ScreenSize> terminal_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    return std::nullopt;
  }
  return ScreenSize{.columns = std::min<std::size_t>(size.ws_col, kLargestScreen.columns),
                    .rows = std::min<std::size_t>(size.ws_row, kLargestScreen.rows)};
}

Result<std::unique_ptr<Terminal>> Terminal::open() {
  if (!is_interactive()) return fail(Errc::kUnavailable, "this is no terminal to draw on");
  if (g_event < 0) g_event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  termios before{};
  if (g_event < 0 || ::tcgetattr(STDIN_FILENO, &before) != 0) {
    return fail(Errc::kIo, fmt::format("the terminal: {}", std::strerror(errno)));
  }
  std::unique_ptr<Terminal> made(new Terminal(before));
  handle_all(on_signal, on_fault, on_signal);
  GPUVIGIL_CHECK(made->enter());
  return made;
}

Terminal::~Terminal() {
  leave();
  handle_all(SIG_DFL, SIG_DFL, SIG_DFL);
}

Result<void> Terminal::enter() {
  termios raw = before_;
  raw.c_iflag &= ~static_cast<tcflag_t>(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | IEXTEN | ISIG);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  g_before = before_;
  g_is_entered = true;
  if (::tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0) {
    leave();
    return fail(Errc::kIo, fmt::format("the terminal: {}", std::strerror(errno)));
  }
  return write(kEnter);
}

void Terminal::leave() {
  give_back();
}

Terminal::Event Terminal::wait(int other, Duration at_most) {
  if (g_signal != 0) return Event::kEnd;
  if (g_resized.exchange(false)) return Event::kResized;
  using std::chrono::ceil;
  const auto ms = ceil<std::chrono::milliseconds>(
      std::clamp<Duration>(at_most, Duration::zero(), std::chrono::seconds(60)));
  std::array<pollfd, 3> events = {{{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                                   {.fd = g_event, .events = POLLIN, .revents = 0},
                                   {.fd = other, .events = POLLIN, .revents = 0}}};
  const int ready = ::poll(events.data(), events.size(), static_cast<int>(ms.count()));
  eventfd_t count = 0;
  static_cast<void>(::eventfd_read(g_event, &count));
  if (g_signal != 0) return Event::kEnd;
  if (g_resized.exchange(false)) return Event::kResized;
  if (ready <= 0) return Event::kTime;
  if (events[0].revents != 0) return Event::kInput;
  return events[2].revents != 0 ? Event::kWoken : Event::kTime;
}

std::string Terminal::read_input() {
  std::array<char, 4096> bytes{};
  const ssize_t got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return std::string(1, '\0');  // no key
  return got > 0 ? std::string(bytes.data(), static_cast<std::size_t>(got)) : std::string();
}

Result<void> Terminal::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (done >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(done));
    } else if (errno == EAGAIN) {
      // Standard output may be shared with a program that made it non-blocking.
      pollfd event{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
      static_cast<void>(::poll(&event, 1, 1000));
    } else if (errno != EINTR) {
      return fail(Errc::kIo, fmt::format("cannot write to the terminal: {}", std::strerror(errno)));
    }
    if (g_signal != 0) return fail(Errc::kIo, "a signal ends it");
  }
  return {};
}

int Terminal::signal() {
  return g_signal;
}

Result<void> Terminal::suspend() {
  leave();
  std::raise(SIGSTOP);  // and here we go on
  return enter();
}

}  // namespace gpuvigil
