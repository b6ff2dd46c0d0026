// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "model/frame.h"
#include "model/kernel_query.h"

/// What terminals show: plain text of at most 100 columns, UTF-8, no colours, each line ended.
/// A value that is not there is "-", and a footnote says why. All text from outside is cleaned, so
/// that a name cannot move a cursor.
///
/// Threading: all safe from any thread.
namespace gpuvigil {

/// The whole report: devices, the `top` kernels by time, active alerts, losses. What get_report()
/// and GET /report?format=text give.
[[nodiscard]] std::string report_text(const Frame& frame, const KernelList& top);

}  // namespace gpuvigil
