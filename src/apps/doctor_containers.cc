// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "apps/config.h"
#include "apps/doctor.h"
#include "apps/doctor_files.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace gpuvigil {
namespace {

namespace fs = std::filesystem;

/// The pid namespace that the machine starts with (PROC_PID_INIT_INO of linux/proc_ns.h).
constexpr std::string_view kMachinePids = "pid:[4026531836]";

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// "utility,compute" has "compute"; "all" has everything.
bool has_capability(std::string_view all, std::string_view wanted) {
  while (!all.empty()) {
    const std::string_view one = all.substr(0, all.find(','));
    if (one == wanted || one == "all") return true;
    all.remove_prefix(std::min(all.size(), one.size() + 1));
  }
  return false;
}

/// A line of /proc/self/mountinfo: where it is mounted, of what kind and with what options.
struct Mount {
  std::string where;
  std::string options;  ///< Of the file system, "rw,hidepid=invisible".
};

/// Format: proc(5), "36 35 98:0 /root /where rw,noatime master:1 - ext3 /dev/root rw,errors=c".
std::vector<Mount> mounts(const DoctorContext& context) {
  std::vector<Mount> all;
  std::ifstream file(context.path("/proc/self/mountinfo"));
  for (std::string line; all.size() < 4096 && std::getline(file, line);) {
    std::istringstream words(line);
    std::string skipped;
    std::string word;
    Mount mount;
    words >> skipped >> skipped >> skipped >> skipped >> mount.where >> mount.options;
    while (words >> word && word != "-") {
    }
    words >> skipped >> skipped >> word;
    mount.options += "," + word;
    all.push_back(std::move(mount));
  }
  return all;
}

/// The socket at which programs would look for the server.
std::string socket_path(const DoctorContext& context) {
  const std::string set = load_config(context.config_path).value_or(Config()).server.socket;
  if (set == "off") return {};
  if (set != "auto") return set;
  if (const std::string_view given = variable("GPUVIGIL_SOCKET"); !given.empty()) {
    return std::string(given);
  }
  const std::string_view own = variable("XDG_RUNTIME_DIR");
  if (::geteuid() == 0 || own.empty()) return "/run/gpuvigil/agent.sock";
  return fmt::format("{}/gpuvigil/agent.sock", own);
}

/// Whether a living server has that socket; 0, or why not. Asked for a stream where packets are
/// served, the kernel answers by itself: the server is not disturbed.
int knock(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return ENAMETOOLONG;
  path.copy(address.sun_path, path.size());
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return errno;
  const auto* const to = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket.get(), to, sizeof(address)) == 0) return ESOCKTNOSUPPORT;
  return errno == EPROTOTYPE ? 0 : errno;
}

}  // namespace

Finding of_device_open(const std::string& path, int error) {
  if (error == EPERM) {
    // The mode allows it, and the device is refused all the same: that is the control group.
    return {CheckStatus::kWarn,
            path + " is forbidden by the control group of this container or service",
            "start it again with its GPUs (a reload of systemd takes them away from containers "
            "of runc: use CDI or nvidia-ctk's cgroupfs), or set DeviceAllow="};
  }
  return {CheckStatus::kWarn, fmt::format("{}: {}", path, std::strerror(error)),
          "load the driver that this device node belongs to"};
}

Finding look_at_container_gpus(const DoctorContext& context) {
  if (!is_container(context)) return {CheckStatus::kSkip, "this is no container", ""};
  const auto gpus = nodes(context, "/dev", "nvidia");
  const bool has_driver = !first_line(context.path("/proc/driver/nvidia/version")).empty();
  const std::string_view visible = variable("NVIDIA_VISIBLE_DEVICES");
  if (visible == "void" || visible == "none") {
    return {CheckStatus::kWarn,
            fmt::format("NVIDIA_VISIBLE_DEVICES={}: no GPU is to be seen", visible),
            "start it with NVIDIA_VISIBLE_DEVICES=all, or the UUIDs of its GPUs"};
  }
  if (has_driver && gpus.empty()) {
    return {CheckStatus::kWarn,
            "this machine has NVIDIA's driver, and this container none of its GPUs",
            "start it with --gpus all (Docker), --device nvidia.com/gpu=all (Podman) or, in "
            "Kubernetes, runtimeClassName: nvidia and NVIDIA_VISIBLE_DEVICES=all"};
  }
  const std::string_view capabilities = variable("NVIDIA_DRIVER_CAPABILITIES");
  if (!gpus.empty() && !capabilities.empty()) {
    for (const std::string_view wanted : {"utility", "compute"}) {
      if (has_capability(capabilities, wanted)) continue;
      return {CheckStatus::kWarn,
              fmt::format("NVIDIA_DRIVER_CAPABILITIES lacks {}: {} is not in this container",
                          wanted, wanted == "utility" ? "libnvidia-ml" : "libcuda"),
              "start it with NVIDIA_DRIVER_CAPABILITIES=utility,compute"};
    }
  }
  for (const std::string_view node : {"/dev/nvidiactl", "/dev/kfd"}) {
    const std::string path = context.path(node);
    if (::access(path.c_str(), R_OK | W_OK) != 0) continue;  // Other checks tell of that.
    const UniqueFd opened(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (!opened) return of_device_open(std::string(node), errno);
  }
  if (gpus.empty()) return {CheckStatus::kSkip, "no NVIDIA GPU in this container", ""};
  return {CheckStatus::kOk, fmt::format("{} NVIDIA GPUs in this container", gpus.size()), ""};
}

Finding look_at_pids(const DoctorContext& context) {
  std::error_code error;
  const fs::path link = fs::read_symlink(context.path("/proc/self/ns/pid"), error);
  if (!error && link.string() != kMachinePids) {
    return {CheckStatus::kWarn, "processes are seen of this container only",
            "drivers tell pids of the machine, and agents are named by theirs: start the server's "
            "container with --pid=host (Kubernetes: hostPID: true)"};
  }
  for (const Mount& mount : mounts(context)) {
    if (mount.where != "/proc") continue;
    const std::size_t at = mount.options.find("hidepid=");
    if (at == std::string::npos || ::geteuid() == 0) continue;
    const std::string_view value = std::string_view(mount.options).substr(at + 8);
    if (value.starts_with("0") || value.starts_with("off")) continue;
    return {CheckStatus::kWarn,
            "/proc is mounted with hidepid: processes of other users are not seen",
            "run as root, or put this user into the group of that mount's gid= option"};
  }
  if (error) return {CheckStatus::kSkip, "no /proc/self/ns/pid", ""};
  return {CheckStatus::kOk, "all processes of this machine are seen", ""};
}

Finding look_at_agent_socket(const DoctorContext& context) {
  const std::string path = socket_path(context);
  if (path.empty())
    return {CheckStatus::kSkip, "server.socket is off: no program reports here", ""};
  for (const Mount& mount : mounts(context)) {
    if (mount.where == path) {
      return {CheckStatus::kWarn, path + " is mounted by itself",
              fmt::format("mount its folder {}: a server that starts again makes a new socket, "
                          "which this container would not see",
                          fs::path(path).parent_path().string())};
    }
  }
  struct stat info{};
  if (::lstat(context.path(path).c_str(), &info) != 0) {
    if (errno == EACCES) {
      return {CheckStatus::kWarn, path + " cannot be reached", "let all users enter its folder"};
    }
    const std::string folder = fs::path(path).parent_path();
    std::error_code error;
    if (is_container(context) && !fs::exists(context.path(folder), error)) {
      return {CheckStatus::kWarn, folder + " is not in this container",
              fmt::format("mount the server's folder there, for programs in here: -v {}:{}:ro",
                          folder, folder)};
    }
    return {CheckStatus::kSkip, path + " is not there: no server listens for programs", ""};
  }
  if (!S_ISSOCK(info.st_mode)) return {CheckStatus::kFail, path + " is no socket", "move it away"};
  const int error = knock(context.path(path));
  if (error == 0) return {CheckStatus::kOk, "a server listens at " + path, ""};
  if (error == ECONNREFUSED) {
    return {CheckStatus::kWarn, "nobody listens at " + path,
            "start the server: it takes the place of a socket that was left behind"};
  }
  return {CheckStatus::kWarn, fmt::format("{}: {}", path, std::strerror(error)),
          "let this user write to that socket (mode 0666)"};
}

Finding look_at_agents(const DoctorContext& context) {
  constexpr std::array kVariables = {"CUDA_INJECTION64_PATH", "OPENCL_LAYERS",
                                     "ROCP_TOOL_LIBRARIES"};
  std::vector<std::string> there;
  for (const char* const name : kVariables) {
    for (std::string_view rest = variable(name); !rest.empty();) {
      const std::string_view one = rest.substr(0, rest.find(':'));
      rest.remove_prefix(std::min(rest.size(), one.size() + 1));
      if (one.find("libgpuvigil_") == std::string_view::npos) continue;
      if (::access(context.path(one).c_str(), R_OK) != 0) {
        return {CheckStatus::kWarn,
                fmt::format("{} names {}, which cannot be read here", name, clean_text(one)),
                "give the path of the agent as this container or user sees it; mount its folder"};
      }
      there.emplace_back(name);
    }
  }
  if (there.empty()) return {CheckStatus::kSkip, "no agent is set in this environment", ""};
  return {CheckStatus::kOk, fmt::format("set by {}", fmt::join(there, ", ")), ""};
}

}  // namespace gpuvigil
