// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

namespace gpuvigil {

/// What Kubernetes calls a container.
struct PodName {
  std::string pod_namespace;
  std::string pod;
  std::string container;

  friend bool operator==(const PodName&, const PodName&) = default;
};

/// Reads "POD_NAMESPACE_CONTAINER-ID.log", as the kubelet calls its links in /var/log/containers;
/// nothing where it is not that. Where the name had to be cut to 255 bytes the id is not whole,
/// and there is nothing either.
struct ContainerLog {
  std::string container_id;
  PodName name;
};
[[nodiscard]] std::optional<ContainerLog> parse_container_log(std::string_view file_name);

/// Names of the containers of this node, from the links that the kubelet makes to their logs: they
/// tell the name and the id at once, and only root can write there. See docs/decisions.
///
/// Threading: one thread at a time.
class PodNames {
 public:
  static constexpr std::size_t kMaxContainers = 16'384;
  /// How often a container that is not known makes us look again.
  static constexpr Duration kPause = std::chrono::seconds(5);

  /// `directory` stands for /var/log/containers in tests.
  explicit PodNames(std::string directory) : directory_(std::move(directory)) {}

  /// Nothing where the kubelet does not tell of it, or not yet.
  [[nodiscard]] std::optional<PodName> find(const std::string& container_id, Timestamp now);

  /// Why names are missing, in one line; empty where the folder could be read.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  void read();

  std::string directory_;
  std::optional<Timestamp> read_at_;
  std::string problem_;
  std::unordered_map<std::string, PodName> by_id_;
};

}  // namespace gpuvigil
