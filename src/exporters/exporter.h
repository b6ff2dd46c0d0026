// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "exporters/frame_metrics.h"
#include "exporters/push_format.h"
#include "model/frame.h"
#include "outbound/outbound_client.h"
#include "outbound/spool.h"

namespace gpuvigil {

struct ExporterOptions {
  std::string name;  ///< "remote_write": in states and metrics.
  OutboundUrl url;
  Secret authorization = {};  ///< The value of Authorization; empty: none is sent.
  OutboundOptions outbound = {};
  SpoolOptions spool = {};
  Backoff backoff = {};
  Duration interval = std::chrono::seconds(15);  ///< Between what is sent, on the timeline.
  MetricLimits limits = {};
  std::string host = {};
};

/// How it stands with one exporter.
struct ExportStats {
  std::string name;
  std::string url;      ///< Its origin.
  bool is_up = true;    ///< The last request was not to be tried again.
  std::string problem;  ///< Of the last request; empty: there was none.
  std::uint64_t samples_sent = 0;
  std::uint64_t samples_refused = 0;  ///< The other side said that it will never take them.
  std::uint64_t requests_failed = 0;  ///< That are tried again.
  std::uint64_t batches_dropped = 0;  ///< For lack of room, on disk or before it.
  std::uint64_t batches_waiting = 0;
  std::uint64_t bytes_waiting = 0;
  std::optional<Timestamp> last_sent;  ///< On the clock that was handed in.
};

/// Sends what edges tell to one receiver, in order, each batch until it is taken or refused for
/// good. What waits is on disk; a receiver that is away for hours costs nothing else.
///
///     offer() ─▶ newest edge ─▶ collecting thread ─▶ bounded queue ─▶ sending thread ⇄ spool
///
/// Threading: offer(), stats() and stop() from any thread; neither waits for the network, except
/// that stop() waits for both threads, which end at once.
class Exporter {
 public:
  /// `clock` is real time and must outlive the exporter.
  /// Errors: those of Spool::open(); kInternal.
  [[nodiscard]] static Result<std::unique_ptr<Exporter>> start(ExporterOptions options,
                                                               std::unique_ptr<PushFormat> format,
                                                               const Clock& clock);
  /// Stops; what was not sent stays in the spool.
  ~Exporter();
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  /// A new edge. Never blocks; when nobody is ready to take it, a newer one takes its place.
  void offer(std::shared_ptr<const Frame> frame);

  [[nodiscard]] ExportStats stats() const;

 private:
  struct Impl;
  explicit Exporter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gpuvigil
