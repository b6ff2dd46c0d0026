// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <fmt/format.h>

#include "apps/doctor.h"
#include "apps/doctor_files.h"

namespace gpuvigil {
namespace {

namespace fs = std::filesystem;

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
    return {CheckStatus::kWarn, "/dev/kfd cannot be opened", group_advice(context, "/dev/kfd")};
  }
  return {CheckStatus::kOk, library ? "/dev/kfd, " + *library : "/dev/kfd, no SMI library", ""};
}

Finding look_at_drm(const DoctorContext& context) {
  const auto render = nodes(context, "/dev/dri", "renderD");
  if (render.empty()) return {CheckStatus::kSkip, "no /dev/dri/renderD*", ""};
  if (const auto closed = locked(context, render); !closed.empty()) {
    return {CheckStatus::kWarn, fmt::format("{} cannot be opened", fmt::join(closed, ", ")),
            group_advice(context, closed.front())};
  }
  return {CheckStatus::kOk, fmt::format("{}", fmt::join(render, ", ")), ""};
}

}  // namespace gpuvigil
