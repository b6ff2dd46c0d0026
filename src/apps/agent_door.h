// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "model/source.h"
#include "model/tracer.h"

namespace gpuvigil {

/// Who came through the door.
struct AgentDoorStats {
  std::uint64_t inside = 0;  ///< Reporting now.
  std::uint64_t came = 0;
  std::uint64_t refused = 0;
};

/// Where programs that report themselves come in, as long as it exists.
class AgentDoor {
 public:
  virtual ~AgentDoor() = default;
  /// What hands their reports to the engine; to be asked for once.
  [[nodiscard]] virtual std::unique_ptr<Source> source() = 0;
  /// Takes in what programs have told up to now, and shuts it. Feed the source before, so that
  /// there is room, and after.
  virtual void finish() = 0;
  [[nodiscard]] virtual AgentDoorStats stats() const = 0;
  /// By whom single executions of who is inside are had; as long as the door exists.
  [[nodiscard]] virtual Tracer& tracer() = 0;
};

/// Opens it `where` the configuration says: "auto", "off" or the path of a socket. Null when it is
/// off, or cannot be had, which is logged: nothing else depends on it.
/// Errors: kInvalidArgument (a path is asked for of a build without this part).
[[nodiscard]] Result<std::unique_ptr<AgentDoor>> open_agent_door(const std::string& where,
                                                                 const Clock& timeline);

/// Opens one at that path, for whom nothing is logged; programs are read so often.
/// Errors: kInvalidArgument (the path, or a build without this part), kUnavailable (another one
/// listens there), kPermission, kIo.
[[nodiscard]] Result<std::unique_ptr<AgentDoor>> open_agent_door_at(const std::string& path,
                                                                    Duration period,
                                                                    const Clock& timeline);

}  // namespace gpuvigil
