// SPDX-License-Identifier: Apache-2.0
#include "net/gzip.h"

#include <zlib.h>

namespace gpuvigil {

std::shared_ptr<const std::string> gzip(std::string_view text) {
  constexpr int kLevel = 4;
  constexpr int kGzipWrapper = 15 + 16;  // zlib.h: 32 KiB window, gzip header and trailer
  constexpr int kDefaultMemory = 8;
  z_stream stream{};
  if (::deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWrapper, kDefaultMemory,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
    return nullptr;  // out of memory: sent as it is
  }
  auto out = std::make_shared<std::string>(text.size(), '\0');
  // zlib does not write to its input, but an old interface of it takes it without const.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-*)
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): zlib's own type for bytes.
  stream.next_out = reinterpret_cast<Bytef*>(out->data());
  stream.avail_out = static_cast<uInt>(out->size());
  const int status = ::deflate(&stream, Z_FINISH);
  out->resize(stream.total_out);
  ::deflateEnd(&stream);
  if (status != Z_STREAM_END) return nullptr;  // it did not fit: not smaller
  return out;
}

}  // namespace gpuvigil
