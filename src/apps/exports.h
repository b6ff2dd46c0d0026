// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/config.h"
#include "base/clock.h"
#include "base/result.h"
#include "engine/engine.h"
#include "exporters/exporter.h"

namespace gpuvigil {

/// The exporters that a configuration names, fed with the edges of an engine.
///
/// Threading: one thread; stats() from any.
class Exports {
 public:
  /// `engine` must be started. It and `clock` (real time) must outlive this. What waits to be sent
  /// lies below `state_directory`.
  /// Errors: those of the token's file and of Exporter::start().
  [[nodiscard]] static Result<std::unique_ptr<Exports>> start(Engine& engine, const Config& config,
                                                              const std::string& state_directory,
                                                              const Clock& clock);
  ~Exports();
  Exports(const Exports&) = delete;
  Exports& operator=(const Exports&) = delete;

  [[nodiscard]] std::vector<ExportStats> stats() const;

  /// One line of the log for each exporter that began to fail or works again. To be called about
  /// once a second.
  void tell_changes();

 private:
  explicit Exports(Engine& engine) : engine_(engine) {}

  Engine& engine_;
  std::vector<std::unique_ptr<Exporter>> exporters_;
  std::vector<bool> was_up_;  ///< As the log knows it.
  Engine::ListenerId listener_{};
};

}  // namespace gpuvigil
