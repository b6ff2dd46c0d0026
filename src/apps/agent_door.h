// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "model/source.h"

namespace gpuvigil {

/// Where programs that report themselves come in, as long as it exists.
class AgentDoor {
 public:
  virtual ~AgentDoor() = default;
  /// What hands their reports to the engine; to be asked for once.
  [[nodiscard]] virtual std::unique_ptr<Source> source() = 0;
};

/// Opens it `where` the configuration says: "auto", "off" or the path of a socket. Null when it is
/// off, or cannot be had, which is logged: nothing else depends on it.
/// Errors: kInvalidArgument (a path is asked for of a build without this part).
[[nodiscard]] Result<std::unique_ptr<AgentDoor>> open_agent_door(const std::string& where,
                                                                 const Clock& timeline);

}  // namespace gpuvigil
