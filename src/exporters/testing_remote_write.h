// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <snappy.h>

#include "exporters/metric_family.h"

/// Reads what remote-write sends, by the letter of the specification and nothing of ours.
namespace gpuvigil::testing {

struct ReadSeries {
  Labels labels;
  double value = 0;
  std::int64_t time_ms = 0;
};

/// The fields of one message: a number, or bytes.
class MessageReader {
 public:
  explicit MessageReader(std::string_view bytes) : bytes_(bytes) {}

  bool next() {
    if (bytes_.empty()) return false;
    const std::uint64_t tag = varint();
    field = static_cast<std::uint32_t>(tag >> 3U);
    switch (tag & 7U) {
      case 0:
        number = varint();
        return true;
      case 1:
        number = 0;
        for (unsigned i = 0; i < 8; ++i) {
          number |= std::uint64_t{static_cast<unsigned char>(take(1)[0])} << (8 * i);
        }
        return true;
      case 2:
        text = take(varint());
        return true;
      default:
        std::abort();
    }
  }

  std::uint32_t field = 0;
  std::uint64_t number = 0;
  std::string_view text;

 private:
  std::string_view take(std::uint64_t size) {
    if (size > bytes_.size()) std::abort();
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
  }

  std::string_view bytes_;
};

inline std::vector<ReadSeries> read_remote_write(std::string_view compressed) {
  std::string bytes;
  if (!snappy::Uncompress(compressed.data(), compressed.size(), &bytes)) std::abort();
  std::vector<ReadSeries> all;
  MessageReader request(bytes);
  while (request.next()) {
    if (request.field != 1) std::abort();
    ReadSeries one;
    MessageReader series(request.text);
    while (series.next()) {
      MessageReader part(series.text);
      if (series.field == 1) {
        auto& [name, value] = one.labels.emplace_back();
        while (part.next()) (part.field == 1 ? name : value) = part.text;
      } else {
        while (part.next()) {
          if (part.field == 1) one.value = std::bit_cast<double>(part.number);
          if (part.field == 2) one.time_ms = static_cast<std::int64_t>(part.number);
        }
      }
    }
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace gpuvigil::testing
