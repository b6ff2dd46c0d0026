// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "model/frame.h"
#include "model/kernel_query.h"

/// Charts of the report as SVG within a page: no script, no address, colours by classes of the
/// page's style, names escaped. Each has a title for who cannot see it; its numbers stand in the
/// tables. Threading: safe from any thread.
namespace gpuvigil {

/// How much of the time of all kernels each took: a bar a kernel. Empty where none ran.
[[nodiscard]] std::string share_chart(std::span<const KernelStats> rows);

/// From the shortest to the longest execution of each kernel on a logarithmic axis, with its median
/// and its p99. Empty where none ran.
[[nodiscard]] std::string latency_chart(std::span<const KernelStats> rows);

/// Utilization, memory and power of each device as parts of the whole. What is not known has no
/// bar. Empty without devices; of more than 64 the first 64.
[[nodiscard]] std::string device_chart(const Frame& frame);

/// What the charts add to the style of a page that has --text, --soft, --line, --bar and --warn.
[[nodiscard]] std::string_view chart_style();

}  // namespace gpuvigil
