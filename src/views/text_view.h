// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "model/frame.h"
#include "model/kernel_query.h"
#include "views/json_views.h"
#include "views/summary.h"

/// What terminals show: plain text of at most 100 columns, UTF-8, no colours, each line ended.
/// A value that is not there is "-", and a footnote says why. All text from outside is cleaned, so
/// that a name cannot move a cursor.
///
/// Threading: all safe from any thread.
namespace gpuvigil {

/// The whole report: devices, the `top` kernels by time, active alerts, losses. What get_report()
/// and GET /report?format=text give.
[[nodiscard]] std::string report_text(const Frame& frame, const KernelList& top);

/// A row a device, and the machine as a whole.
[[nodiscard]] std::string status_text(const Frame& frame, const DeviceSelection& selection = {});

/// A row a kernel, in the order of the list.
[[nodiscard]] std::string kernels_text(const Frame& frame, const KernelList& list);

/// A row an alert.
[[nodiscard]] std::string alerts_text(const Frame& frame, std::span<const Alert* const> selected);

/// One line for one message of the stream.
[[nodiscard]] std::string metrics_line(const Frame& frame, const StreamView& view);
[[nodiscard]] std::string alert_line(const Alert& alert);

}  // namespace gpuvigil
