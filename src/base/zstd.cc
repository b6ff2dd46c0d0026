// SPDX-License-Identifier: Apache-2.0
#include "base/zstd.h"

#include <fmt/format.h>
#include <zstd.h>

#include "base/assert.h"

namespace gpuvigil {

struct ZstdCodec::Contexts {
  ZSTD_CCtx* packer = ZSTD_createCCtx();
  ZSTD_DCtx* unpacker = ZSTD_createDCtx();

  Contexts() {
    GPUVIGIL_ASSERT(packer != nullptr && unpacker != nullptr);
    // Four bytes a blob: a page of a database has no checksum of its own, and what a disk has
    // damaged must not be shown as numbers.
    ZSTD_CCtx_setParameter(packer, ZSTD_c_checksumFlag, 1);
  }
  Contexts(const Contexts&) = delete;
  Contexts& operator=(const Contexts&) = delete;
  ~Contexts() {
    ZSTD_freeCCtx(packer);
    ZSTD_freeDCtx(unpacker);
  }
};

ZstdCodec::ZstdCodec() : contexts_(std::make_unique<Contexts>()) {}
ZstdCodec::~ZstdCodec() = default;
ZstdCodec::ZstdCodec(ZstdCodec&&) noexcept = default;

void ZstdCodec::pack(std::string_view bytes, int level, std::string& out) {
  ZSTD_CCtx_setParameter(contexts_->packer, ZSTD_c_compressionLevel, level);
  const std::size_t before = out.size();
  out.resize(before + ZSTD_compressBound(bytes.size()));
  const std::size_t used = ZSTD_compress2(contexts_->packer, out.data() + before,
                                          out.size() - before, bytes.data(), bytes.size());
  GPUVIGIL_ASSERT(ZSTD_isError(used) == 0);  // there is always room for the bound
  out.resize(before + used);
}

Result<void> ZstdCodec::unpack(std::string_view packed, std::size_t max_bytes, std::string& out) {
  const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    return fail(Errc::kCorrupt, "a blob is not packed as it should be");
  }
  if (size > max_bytes) {
    return fail(Errc::kTooLarge,
                fmt::format("a blob of {} bytes, at most {} are taken", size, max_bytes));
  }
  const std::size_t before = out.size();
  out.resize(before + size);
  const std::size_t got = ZSTD_decompressDCtx(contexts_->unpacker, out.data() + before, size,
                                              packed.data(), packed.size());
  if (ZSTD_isError(got) == 0 && got == size) return {};
  out.resize(before);
  return fail(Errc::kCorrupt, "a packed blob is damaged");
}

}  // namespace gpuvigil
