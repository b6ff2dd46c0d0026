// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json_reader.h"

namespace gpuvigil {

/// A number that may be unknown; times are milliseconds, memory MiB, as the API has them.
using Maybe = std::optional<double>;

struct TopDevice {
  std::uint32_t index = 0;
  std::string uuid;
  std::string name;
  std::string health;
  std::string state;  ///< Throttle reasons and findings, in short; empty: nothing to say.
  Maybe busy;         ///< SM activity where it is known, else utilization; percent.
  Maybe tensor;       ///< Percent.
  Maybe memory_used;
  Maybe memory_total;
  Maybe power;  ///< Watts.
  Maybe power_limit;
  Maybe temperature;  ///< °C.
  Maybe clock;        ///< MHz.
  Maybe pcie_sent;    ///< Counter, MiB; the same of the next three.
  Maybe pcie_received;
  Maybe nvlink_sent;
  Maybe nvlink_received;
  Maybe pcie_rate_out;  ///< MiB a second, since the answer before.
  Maybe pcie_rate_in;
  Maybe nvlink_rate;          ///< Both ways.
  std::string xid;            ///< Its newest code; empty: none.
  std::vector<double> trend;  ///< `busy` of the last minute, oldest first; NaN: not known.
};

struct TopKernel {
  std::string id;
  std::string name;  ///< The short one.
  std::string kind;
  std::string devices;  ///< "0-3,7".
  Maybe share;          ///< Percent of all kernel time.
  Maybe total;
  Maybe calls;
  Maybe average;
  Maybe p50;
  Maybe p95;
  Maybe p99;
  Maybe longest;
  std::vector<double> trend;  ///< Milliseconds a second of the last minute, oldest first.
};

/// A process on one of its devices.
struct TopProcess {
  std::int64_t pid = 0;
  std::int64_t device = -1;
  std::string user;
  std::string where;  ///< Pod, job, container or unit.
  std::string command;
  std::string seen_by;  ///< Which agent sees its kernels; empty: none does.
  std::string why_unseen;
  std::string type;
  std::string started;
  Maybe memory;
  Maybe sm;     ///< Percent.
  Maybe calls;  ///< Counter.
  Maybe kernel_time;
  Maybe call_rate;  ///< A second, since the answer before.
};

struct TopAlert {
  std::string severity;
  std::string since;
  std::string message;
};

struct TopEvent {
  std::string at;
  std::string severity;
  std::string message;
  Maybe device;
};

/// Everything that one screen of `gpuvigil top` is drawn from: the API's answers of one moment.
/// Texts are as they came; who draws them makes them harmless (Canvas). Never more rows than were
/// asked for.
struct TopData {
  std::string source;  ///< Whom it is of: a server's address, a recording, "demo".
  std::string at;      ///< "14:02:11", UTC; empty: nothing has come yet.
  double at_seconds = 0;
  double received_seconds = 0;  ///< When it came, on the clock of who asked.
  std::uint64_t seq = 0;
  bool is_demo = false;
  bool is_over = false;   ///< A recording that has been played to its end.
  std::string complaint;  ///< Why the newest answers are missing; empty: they are here.
  std::string reason;     ///< With no device: why.

  std::vector<TopDevice> devices;
  std::vector<TopKernel> kernels;
  std::vector<TopProcess> processes;
  std::vector<TopAlert> alerts;
  std::vector<TopEvent> events;

  double window_seconds = 0;
  double coverage = 1;  ///< Of the window, 0 to 1.
  double dropped = 0;
  double total_kernels = 0;
  double total_processes = 0;
  double active_alerts = 0;

  std::shared_ptr<const JsonValue> devices_answer;  ///< For the detail of one.
  std::shared_ptr<const JsonValue> kernel_answer;   ///< One kernel in full; null: not asked for.
};

}  // namespace gpuvigil
