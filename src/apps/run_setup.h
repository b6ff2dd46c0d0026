// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace gpuvigil {

/// Where the agents lie that drivers load into programs; empty: not found.
struct AgentFiles {
  std::string cuda;
  std::string opencl;
  std::string rocm;
};

/// Looks for them beside the program: where an installation puts them, then where a build does.
/// `program` is an absolute path; `exists` says whether there is a file.
[[nodiscard]] AgentFiles find_agents(const std::string& program,
                                     const std::function<bool(const std::string&)>& exists);

/// The environment of a program that is to be watched.
struct WatchedEnvironment {
  std::vector<std::string> variables;  ///< "NAME=value".
  std::vector<std::string> notes;      ///< What of the program will not be seen, and why.
};

/// `current` with the agents in it, reporting to `socket`. What somebody else set stays: another
/// injection into CUDA is left alone, with a note; OpenCL's layers and ROCm's tools get one more.
[[nodiscard]] WatchedEnvironment watched_environment(std::span<const std::string> current,
                                                     const AgentFiles& agents,
                                                     const std::string& socket);

}  // namespace gpuvigil
