// SPDX-License-Identifier: Apache-2.0
#include "procs/pod_names.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include <dirent.h>
#include <fmt/format.h>

#include "procs/process_text.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kIdDigits = 64;
constexpr std::size_t kMaxPodBytes = 253;
constexpr std::size_t kMaxLabelBytes = 63;

/// A name as Kubernetes allows them; a namespace and a container have no dots, a pod may.
bool is_name(std::string_view text, std::size_t max_bytes, bool with_dots) {
  return !text.empty() && text.size() <= max_bytes && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || (c == '.' && with_dots);
  });
}

bool is_id(std::string_view text) {
  return text.size() == kIdDigits && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

std::optional<ContainerLog> parse_container_log(std::string_view file_name) {
  constexpr std::string_view kSuffix = ".log";
  if (!file_name.ends_with(kSuffix)) return std::nullopt;
  file_name.remove_suffix(kSuffix.size());
  if (file_name.size() <= kIdDigits + 1) return std::nullopt;
  const std::string_view id = file_name.substr(file_name.size() - kIdDigits);
  file_name.remove_suffix(kIdDigits);
  if (!is_id(id) || !file_name.ends_with('-')) return std::nullopt;
  file_name.remove_suffix(1);
  const std::string_view pod = take_until(file_name, '_');
  const std::string_view space = take_until(file_name, '_');
  if (!is_name(pod, kMaxPodBytes, true) || !is_name(space, kMaxLabelBytes, false) ||
      !is_name(file_name, kMaxLabelBytes, false)) {
    return std::nullopt;
  }
  return ContainerLog{.container_id = std::string(id),
                      .name = {.pod_namespace = std::string(space),
                               .pod = std::string(pod),
                               .container = std::string(file_name)}};
}

std::optional<PodName> PodNames::find(const std::string& container_id, Timestamp now) {
  auto found = by_id_.find(container_id);
  if (found == by_id_.end() && (!read_at_ || now - *read_at_ >= kPause)) {
    read_at_ = now;
    read();
    found = by_id_.find(container_id);
  }
  if (found == by_id_.end()) return std::nullopt;
  return found->second;
}

void PodNames::read() {
  by_id_.clear();
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(directory_.c_str()), ::closedir);
  if (!directory) {
    problem_ = fmt::format("no names of pods: {}: {}", directory_, std::strerror(errno));
    return;
  }
  problem_.clear();
  while (const dirent* entry = ::readdir(directory.get())) {
    if (by_id_.size() == kMaxContainers) {
      problem_ = fmt::format("{}: only {} containers are read", directory_, kMaxContainers);
      return;
    }
    auto log = parse_container_log(static_cast<const char*>(entry->d_name));
    if (log) by_id_.insert_or_assign(std::move(log->container_id), std::move(log->name));
  }
}

}  // namespace gpuvigil
