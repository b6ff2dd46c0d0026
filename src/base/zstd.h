// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gpuvigil {

/// Packs and unpacks blobs with Zstandard, again and again without asking for new tables.
///
/// Threading: one thread at a time.
class ZstdCodec {
 public:
  ZstdCodec();
  ~ZstdCodec();
  ZstdCodec(ZstdCodec&&) noexcept;
  ZstdCodec& operator=(ZstdCodec&&) = delete;

  /// Appends `bytes`, packed, to `out`. Level 1 is the fastest, 3 a little smaller.
  void pack(std::string_view bytes, int level, std::string& out);

  /// Appends what was packed to `out`.
  /// Errors: kCorrupt; kTooLarge where it says of itself that it is more than `max_bytes`.
  [[nodiscard]] Result<void> unpack(std::string_view packed, std::size_t max_bytes,
                                    std::string& out);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace gpuvigil
