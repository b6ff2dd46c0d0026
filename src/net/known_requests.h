// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/request_parser.h"

namespace gpuvigil {

/// What reading them came to, of requests that come again and again, byte for byte, as those of a
/// program that polls. Reading is a pure function of the bytes, so they are the same requests; what
/// depends on more (Host, Origin, who asks) is checked anew each time.
///
/// Kept are GET and HEAD without a body that came in one piece, from the second time on; and none
/// that carries a secret, which would stay in memory longer than it has to.
///
/// Threading: one thread. **Invariants:** at most kSlots requests of at most kMaxBytes.
class KnownRequests {
 public:
  static constexpr std::size_t kSlots = 64;
  static constexpr std::size_t kMaxBytes = 1024;

  /// The parser that has read exactly `bytes` (kDone), or null. Valid until the next learn().
  [[nodiscard]] RequestParser* find(std::string_view bytes) const;

  /// `parser` has read exactly `bytes` and is not needed any more.
  void learn(std::string_view bytes, std::unique_ptr<RequestParser> parser);

 private:
  struct Slot {
    std::uint64_t last_hash = 0;  ///< Of what was learnt here last.
    std::uint64_t hash = 0;
    std::string bytes;  ///< Empty: nothing is kept here.
    std::unique_ptr<RequestParser> parser;
  };

  std::array<Slot, kSlots> slots_;
};

}  // namespace gpuvigil
