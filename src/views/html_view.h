// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "model/frame.h"
#include "model/kernel_query.h"

namespace gpuvigil {

/// The report as one page that needs nothing else: no script, no outside address, its style within.
/// Everything from outside is escaped. What GET /report?format=html gives.
///
/// Threading: safe from any thread.
[[nodiscard]] std::string report_html(const Frame& frame, const KernelList& top);

/// What that page may do, for the Content-Security-Policy header: show its own style, nothing else.
inline constexpr std::string_view kReportHtmlPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

/// `text` cleaned and with & < > " ' escaped: inert in content and in quoted attributes.
[[nodiscard]] std::string html_escaped(std::string_view text);

}  // namespace gpuvigil
