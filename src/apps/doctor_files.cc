// SPDX-License-Identifier: Apache-2.0
#include "apps/doctor_files.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ranges>

#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

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

}  // namespace

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

bool is_container(const DoctorContext& context) {
  std::error_code error;
  return fs::exists(context.path("/.dockerenv"), error) ||
         fs::exists(context.path("/run/.containerenv"), error) ||
         std::getenv("KUBERNETES_SERVICE_HOST") != nullptr;
}

std::string group_advice(const DoctorContext& context, const std::string& path) {
  struct stat info{};
  if (::stat(context.path(path).c_str(), &info) != 0) return "let this user open " + path;
  // The group's name on another machine may be another one: in a container only its number counts.
  if (is_container(context)) {
    return fmt::format("start the container with --group-add {}, the group of {}", info.st_gid,
                       path);
  }
  const group* const owner = ::getgrgid(info.st_gid);
  if (owner == nullptr || info.st_gid == 0) {
    return fmt::format("let this user open {}, which belongs to group {}", path, info.st_gid);
  }
  return fmt::format("run: usermod -aG {} USER, and log in again: {} is that group's",
                     clean_text(owner->gr_name), path);
}

}  // namespace gpuvigil
