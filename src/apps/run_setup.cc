// SPDX-License-Identifier: Apache-2.0
#include "apps/run_setup.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace gpuvigil {
namespace {

constexpr std::string_view kCudaAgent = "libgpuvigil_cuda.so";
constexpr std::string_view kOpenclAgent = "libgpuvigil_opencl.so";
constexpr std::string_view kRocmAgent = "libgpuvigil_rocm.so";
constexpr std::string_view kCudaVariable = "CUDA_INJECTION64_PATH";
constexpr std::string_view kLayersVariable = "OPENCL_LAYERS";
constexpr std::string_view kToolsVariable = "ROCP_TOOL_LIBRARIES";

std::string_view folder_of(std::string_view path) {
  return path.substr(0, path.rfind('/'));
}

std::string_view file_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::string find_agent(std::string_view root, std::string_view kind, std::string_view file,
                       const std::function<bool(const std::string&)>& exists) {
  const std::array places = {
      fmt::format("{}/{}/gpuvigil/{}", root, GPUVIGIL_LIBRARY_FOLDER, file),
      fmt::format("{}/lib/gpuvigil/{}", root, file),
      fmt::format("{}/agent/{}/{}", root, kind, file),  // of a build
  };
  for (const std::string& place : places) {
    if (exists(place)) return place;
  }
  return {};
}

/// Variables by name; the order of those that are there is kept.
class Variables {
 public:
  explicit Variables(std::span<const std::string> current) : all_(current.begin(), current.end()) {}

  [[nodiscard]] std::string_view get(std::string_view name) const {
    for (const std::string_view one : all_) {
      if (is(one, name)) return one.substr(name.size() + 1);
    }
    return {};
  }

  void set(std::string_view name, std::string_view value) {
    std::erase_if(all_, [name](std::string_view one) { return is(one, name); });
    all_.push_back(fmt::format("{}={}", name, value));
  }

  [[nodiscard]] std::vector<std::string> take() { return std::move(all_); }

 private:
  static bool is(std::string_view one, std::string_view name) {
    return one.size() > name.size() && one.starts_with(name) && one[name.size()] == '=';
  }
  std::vector<std::string> all_;
};

void set_cuda(Variables& variables, const std::string& agent, std::vector<std::string>& notes) {
  const std::string_view given = variables.get(kCudaVariable);
  if (!given.empty() && file_of(given) != kCudaAgent) {
    notes.push_back(
        fmt::format("{} is set to {} already, and is left alone: CUDA kernels will not be seen",
                    kCudaVariable, given));
  } else if (agent.empty()) {
    notes.push_back(fmt::format("{} was not found: CUDA kernels will not be seen", kCudaAgent));
  } else {
    variables.set(kCudaVariable, agent);
  }
}

/// Whether a list of paths, parted by colons, has that file.
bool has_layer(std::string_view layers, std::string_view file) {
  while (!layers.empty()) {
    const std::string_view one = layers.substr(0, layers.find(':'));
    if (file_of(one) == file) return true;
    layers.remove_prefix(std::min(layers.size(), one.size() + 1));
  }
  return false;
}

/// Adds an agent to a list of paths that drivers go through.
struct PathList {
  std::string_view variable;
  std::string_view file;
  std::string_view driver;  ///< "OpenCL"
};

void add_to_list(Variables& variables, const PathList& list, const std::string& agent,
                 std::vector<std::string>& notes) {
  const std::string_view given = variables.get(list.variable);
  if (has_layer(given, list.file)) return;
  if (agent.empty()) {
    notes.push_back(
        fmt::format("{} was not found: {} kernels will not be seen", list.file, list.driver));
  } else if (agent.find(':') != std::string::npos) {
    notes.push_back(fmt::format(
        "{}: there is a colon in this path, which parts {}: {} kernels will not be seen", agent,
        list.variable, list.driver));
  } else {
    variables.set(list.variable, given.empty() ? agent : fmt::format("{}:{}", given, agent));
  }
}

}  // namespace

AgentFiles find_agents(const std::string& program,
                       const std::function<bool(const std::string&)>& exists) {
  const std::string_view root = folder_of(folder_of(program));
  return {.cuda = find_agent(root, "cuda", kCudaAgent, exists),
          .opencl = find_agent(root, "opencl", kOpenclAgent, exists),
          .rocm = find_agent(root, "rocm", kRocmAgent, exists)};
}

WatchedEnvironment watched_environment(std::span<const std::string> current,
                                       const AgentFiles& agents, const std::string& socket) {
  WatchedEnvironment made;
  Variables variables(current);
  set_cuda(variables, agents.cuda, made.notes);
  add_to_list(variables, {kLayersVariable, kOpenclAgent, "OpenCL"}, agents.opencl, made.notes);
  add_to_list(variables, {kToolsVariable, kRocmAgent, "ROCm"}, agents.rocm, made.notes);
  variables.set("GPUVIGIL_SOCKET", socket);
  if (variables.get("GPUVIGIL_AGENT") == "off") {
    made.notes.emplace_back("GPUVIGIL_AGENT=off is set: nothing will be seen");
  }
  made.variables = variables.take();
  return made;
}

}  // namespace gpuvigil
