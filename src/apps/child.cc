// SPDX-License-Identifier: Apache-2.0
#include "apps/child.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>

namespace gpuvigil {
namespace {

constexpr int kSignalBase = 128;

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

Errc code_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return Errc::kNotFound;
    case EACCES:
    case EPERM:
    case ENOEXEC:
    case EISDIR:
      return Errc::kPermission;
    default:
      return Errc::kIo;
  }
}

}  // namespace

bool should_forward(const siginfo_t& signal, pid_t child) {
  const bool is_of_a_process = signal.si_code <= 0;  // SI_USER, SI_QUEUE, SI_TKILL
  return is_of_a_process && signal.si_pid != child;
}

Child::Child() {
  // A child whose end nobody waits for would leave no exit code.
  std::signal(SIGCHLD, SIG_DFL);
  sigemptyset(&awaited_);
  for (const int number : {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH}) {
    sigaddset(&awaited_, number);
  }
  pthread_sigmask(SIG_BLOCK, &awaited_, &before_);
}

/// What came too late for the child is ours again, and ends us where it would have.
Child::~Child() {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

Result<void> Child::start(const std::vector<std::string>& command,
                          const std::vector<std::string>& environment) {
  const std::vector<char*> arguments = pointers(command);
  const std::vector<char*> variables = pointers(environment);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigmask(&attributes, &before_);
  const int error = ::posix_spawnp(&pid_, arguments.front(), nullptr, &attributes, arguments.data(),
                                   variables.data());
  posix_spawnattr_destroy(&attributes);
  if (error == 0) return {};
  return fail(code_of(error),
              fmt::format("cannot run {}: {}", command.front(), std::strerror(error)));
}

std::optional<ChildEnd> Child::reap() const {
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  if (WIFSIGNALED(status)) {
    return ChildEnd{.exit_code = kSignalBase + WTERMSIG(status), .signal = WTERMSIG(status)};
  }
  return ChildEnd{.exit_code = WEXITSTATUS(status), .signal = {}};
}

std::optional<ChildEnd> Child::wait(Duration at_most) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at_most);
  const timespec time{.tv_sec = seconds.count(), .tv_nsec = (at_most - seconds).count()};
  siginfo_t signal{};
  const int number = ::sigtimedwait(&awaited_, &signal, &time);
  // A signal that is held back is held once however often it came: who has ended is always asked.
  if (auto end = reap()) return end;
  if (number > 0 && number != SIGCHLD && should_forward(signal, pid_)) ::kill(pid_, number);
  return std::nullopt;
}

}  // namespace gpuvigil
