// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "notify/transport.h"

namespace gpuvigil {
namespace {

constexpr std::string_view kPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// posix_spawn's two sets of orders, given back at the end.
class SpawnOrders {
 public:
  SpawnOrders() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnOrders() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnOrders(const SpawnOrders&) = delete;
  SpawnOrders& operator=(const SpawnOrders&) = delete;

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
};

/// Starts it in a process group of its own, with `input` as its standard input.
Result<pid_t> start(const std::vector<std::string>& command, int input) {
  SpawnOrders orders;
  posix_spawn_file_actions_adddup2(&orders.files, input, STDIN_FILENO);
  posix_spawn_file_actions_addopen(&orders.files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&orders.files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&orders.attributes, &none);
  posix_spawnattr_setsigdefault(&orders.attributes, &all);
  posix_spawnattr_setpgroup(&orders.attributes, 0);
  posix_spawnattr_setflags(&orders.attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<char*> arguments;
  for (const std::string& one : command) arguments.push_back(const_cast<char*>(one.c_str()));
  arguments.push_back(nullptr);
  std::string path(kPath);
  const std::array<char*, 2> environment = {path.data(), nullptr};
  pid_t pid = 0;
  const int error = posix_spawn(&pid, command.front().c_str(), &orders.files, &orders.attributes,
                                arguments.data(), environment.data());
  if (error == 0) return pid;
  const Errc code = error == ENOENT   ? Errc::kNotFound
                    : error == EACCES ? Errc::kPermission
                                      : Errc::kIo;
  return fail(code, fmt::format("cannot run {}: {}", command.front(), std::strerror(error)));
}

/// A pidfd is readable when its process has ended.
bool has_ended(int pidfd, Duration at_most) {
  pollfd wait{.fd = pidfd, .events = POLLIN, .revents = 0};
  const timespec time{.tv_sec = at_most / std::chrono::seconds(1),
                      .tv_nsec = (at_most % std::chrono::seconds(1)).count()};
  return ::ppoll(&wait, 1, &time, nullptr) > 0;
}

}  // namespace

Result<void> run_command(const std::vector<std::string>& command, std::string_view input,
                         Duration deadline) {
  // A file rather than a pipe: a program that reads nothing must not hold us.
  const UniqueFd file(::memfd_create("gpuvigil-notice", MFD_CLOEXEC));
  if (!file) return fail(Errc::kIo, fmt::format("memfd_create: {}", std::strerror(errno)));
  for (std::size_t done = 0; done < input.size();) {
    const auto wrote = ::write(file.get(), input.data() + done, input.size() - done);
    if (wrote <= 0) return fail(Errc::kIo, fmt::format("memfd: {}", std::strerror(errno)));
    done += static_cast<std::size_t>(wrote);
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return fail(Errc::kIo, "memfd: cannot seek");
  GPUVIGIL_TRY(const pid_t pid, start(command, file.get()));
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const bool ended = pidfd && has_ended(pidfd.get(), deadline);
  if (!ended) ::kill(-pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) {
    return fail(Errc::kTimeout, fmt::format("{} did not end in time", command.front()));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(Errc::kUnavailable,
              WIFEXITED(status)
                  ? fmt::format("{} ended with {}", command.front(), WEXITSTATUS(status))
                  : fmt::format("{} was ended by signal {}", command.front(), WTERMSIG(status)));
}

}  // namespace gpuvigil
