// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "collect/drm_card.h"

namespace gpuvigil::detail {

/// What amdgpu shows: its own files and its sensors (Documentation/gpu/amdgpu/thermal.rst).
void read_amdgpu(const DrmCard& card, DeviceSample& sample, MetricSet& metrics);

/// What i915 and xe show: clocks and sensors. `energy` as read_drm_card() has it.
void read_intel(const DrmCard& card, Timestamp now, std::optional<EnergyReading>& energy,
                DeviceSample& sample, MetricSet& metrics);

/// The link to the bus, which the kernel shows for every device.
void read_pcie(const DrmCard& card, MetricSet& metrics);

}  // namespace gpuvigil::detail
