// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <ranges>

#include <fmt/format.h>
#include <unistd.h>

#include "apps/doctor.h"
#include "base/text.h"

namespace gpuvigil {
namespace {

namespace fs = std::filesystem;

/// Where distributions, container toolkits, ROCm, NixOS and WSL put the libraries of drivers.
constexpr std::string_view kLibraryFolders[] = {
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/nvidia/lib64",
    "/usr/local/lib",
    "/opt/rocm/lib",
    "/lib64",
    "/run/opengl-driver/lib",
    "/usr/lib/wsl/lib",
    "/usr/local/cuda/lib64",
};

/// Where a library of that name, or one with a longer version, lies.
std::optional<std::string> find_library(const DoctorContext& context, std::string_view name) {
  std::vector<std::string> folders;
  if (const char* path = std::getenv("LD_LIBRARY_PATH")) {
    for (const auto part : std::views::split(std::string_view(path), ':')) {
      folders.emplace_back(part.begin(), part.end());
    }
  }
  folders.insert(folders.end(), std::begin(kLibraryFolders), std::end(kLibraryFolders));
  const std::string longer = fmt::format("{}.", name);
  for (const std::string& folder : folders) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(context.path(folder), error)) {
      const std::string file = entry.path().filename();
      if (file == name || file.starts_with(longer)) return fmt::format("{}/{}", folder, file);
    }
  }
  return std::nullopt;
}

/// The entries of a folder of devices whose names are `prefix` and a number, sorted.
std::vector<std::string> nodes(const DoctorContext& context, std::string_view folder,
                               std::string_view prefix) {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(context.path(folder), error)) {
    const std::string name = entry.path().filename();
    const std::string_view rest =
        std::string_view(name).substr(name.starts_with(prefix) ? prefix.size() : name.size());
    if (!rest.empty() && std::ranges::all_of(rest, [](char c) { return c >= '0' && c <= '9'; })) {
      found.push_back(fmt::format("{}/{}", folder, name));
    }
  }
  std::ranges::sort(found);
  return found;
}

/// Those of them that this user may not open.
std::vector<std::string> locked(const DoctorContext& context, std::vector<std::string> paths) {
  std::erase_if(paths, [&](const std::string& path) {
    return ::access(context.path(path).c_str(), R_OK | W_OK) == 0;
  });
  return paths;
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return clean_text(truncate_utf8(line, 160));
}

}  // namespace

Finding look_at_nvidia(const DoctorContext& context) {
  const auto gpus = nodes(context, "/dev", "nvidia");
  const auto library = find_library(context, "libnvidia-ml.so.1");
  const std::string module = first_line(context.path("/proc/driver/nvidia/version"));
  if (gpus.empty() && !library && module.empty()) {
    return {CheckStatus::kSkip, "no device nodes, no driver library", ""};
  }
  if (!library) {
    return {CheckStatus::kWarn,
            fmt::format("{} device nodes, but no libnvidia-ml.so.1", gpus.size()),
            "install the driver's user-space package; in a container set "
            "NVIDIA_DRIVER_CAPABILITIES=utility,compute"};
  }
  if (gpus.empty()) {
    return {CheckStatus::kWarn, fmt::format("{}, but no /dev/nvidia0", *library),
            module.empty()
                ? "load the driver (modprobe nvidia), or start the container with its GPUs"
                : "run nvidia-modprobe, or start the container with its GPUs"};
  }
  auto nodes_needed = gpus;
  nodes_needed.emplace_back("/dev/nvidiactl");
  if (const auto closed = locked(context, nodes_needed); !closed.empty()) {
    return {CheckStatus::kWarn, fmt::format("{} cannot be opened", fmt::join(closed, ", ")),
            "let this user read and write it, or look at the DeviceAllow= of its service"};
  }
  return {CheckStatus::kOk,
          fmt::format("{} device nodes, {}{}{}", gpus.size(), *library, module.empty() ? "" : ", ",
                      module),
          ""};
}

Finding look_at_amd(const DoctorContext& context) {
  auto library = find_library(context, "libamd_smi.so");
  if (!library) library = find_library(context, "librocm_smi64.so");
  std::error_code error;
  const bool has_kfd = fs::exists(context.path("/dev/kfd"), error);
  if (!has_kfd && !library) return {CheckStatus::kSkip, "no /dev/kfd, no driver library", ""};
  if (!has_kfd) {
    return {CheckStatus::kWarn, fmt::format("{}, but no /dev/kfd", *library),
            "load the driver (modprobe amdgpu), or start the container with --device /dev/kfd"};
  }
  if (!locked(context, {"/dev/kfd"}).empty()) {
    return {CheckStatus::kWarn, "/dev/kfd cannot be opened",
            "add this user to the group of /dev/kfd (render)"};
  }
  return {CheckStatus::kOk, library ? "/dev/kfd, " + *library : "/dev/kfd, no SMI library", ""};
}

Finding look_at_drm(const DoctorContext& context) {
  const auto render = nodes(context, "/dev/dri", "renderD");
  if (render.empty()) return {CheckStatus::kSkip, "no /dev/dri/renderD*", ""};
  if (const auto closed = locked(context, render); !closed.empty()) {
    return {CheckStatus::kWarn, fmt::format("{} cannot be opened", fmt::join(closed, ", ")),
            "add this user to the group of /dev/dri/renderD* (render)"};
  }
  return {CheckStatus::kOk, fmt::format("{}", fmt::join(render, ", ")), ""};
}

}  // namespace gpuvigil
