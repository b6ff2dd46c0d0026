// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/result.h"
#include "model/device_holder.h"

namespace gpuvigil {

inline constexpr std::size_t kMaxDeviceHolders = 16'384;

/// Reads the ListPodResourcesResponse of the kubelet's API v1: which devices its containers were
/// given. Fields that are not known are skipped; names that are no names of Kubernetes, and all
/// beyond kMaxDeviceHolders, are left out.
/// Errors: kCorrupt (not in the wire format of protobuf).
[[nodiscard]] Result<DeviceHolders> parse_pod_resources(std::string_view message);

}  // namespace gpuvigil
