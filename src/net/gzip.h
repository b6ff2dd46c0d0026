// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace gpuvigil {

/// `text` as a gzip member (zlib, level 4: JSON at some 100 MB/s); null when that is not smaller.
[[nodiscard]] std::shared_ptr<const std::string> gzip(std::string_view text);

}  // namespace gpuvigil
