// SPDX-License-Identifier: Apache-2.0
#include "base/inflate.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <limits>
#include <optional>
#include <semaphore>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <zlib.h>

#include "base/assert.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kInputBytes = std::size_t{64} << 10U;
constexpr int kGzipOnly = 16 + MAX_WBITS;

}  // namespace

struct GzipSource::Stream {
  z_stream z{};
};

GzipSource::GzipSource(std::unique_ptr<ByteSource> compressed, InflateLimit limit)
    : compressed_(std::move(compressed)),
      limit_(limit),
      stream_(std::make_unique<Stream>()),
      input_(kInputBytes) {
  // Fails only without memory for its window, which nothing here could go on without.
  GPUVIGIL_ASSERT(inflateInit2(&stream_->z, kGzipOnly) == Z_OK);
}

GzipSource::~GzipSource() {
  inflateEnd(&stream_->z);
}

void GzipSource::end_with(std::string damage) {
  ended_ = true;
  damage_ = std::move(damage);
}

/// Reads more input behind what is not inflated yet.
Result<void> GzipSource::refill() {
  z_stream& z = stream_->z;
  if (z.avail_in > 0) std::memmove(input_.data(), z.next_in, z.avail_in);
  GPUVIGIL_TRY(const std::size_t count, compressed_->read(std::span(input_).subspan(z.avail_in)));
  input_ended_ = count == 0;
  z.next_in = reinterpret_cast<Bytef*>(input_.data());
  z.avail_in += static_cast<uInt>(count);
  return {};
}

/// A member has ended: goes on with the next one, or counts what follows instead of it. Zeros are
/// padding, as tapes and some copies leave it.
Result<void> GzipSource::after_member() {
  z_stream& z = stream_->z;
  while (z.avail_in < 2 && !input_ended_) GPUVIGIL_CHECK(refill());
  const auto unread = [&z] {
    return std::string_view(reinterpret_cast<const char*>(z.next_in), z.avail_in);
  };
  if (is_gzip(unread())) {
    inflateReset(&z);
    return {};
  }
  std::uint64_t ignored = 0;
  for (;;) {
    const std::size_t padding =
        ignored > 0 ? 0 : std::min(unread().find_first_not_of('\0'), unread().size());
    ignored += z.avail_in - padding;
    z.avail_in = 0;
    if (input_ended_) break;
    GPUVIGIL_CHECK(refill());
  }
  end_with(ignored == 0 ? std::string()
                        : fmt::format("ignored {} bytes of the file after its gzip data", ignored));
  return {};
}

/// Takes what zlib said when it was neither Z_OK nor the end of a member.
void GzipSource::judge(int outcome) {
  if (outcome == Z_BUF_ERROR && !input_ended_) return;  // it only wants more
  if (outcome == Z_BUF_ERROR) {
    end_with(fmt::format("the gzip data end early, at byte {} of the file", consumed_));
    return;
  }
  const char* why = stream_->z.msg != nullptr ? stream_->z.msg : "not gzip";
  end_with(fmt::format("the gzip data are damaged near byte {} of the file ({})", consumed_, why));
}

Result<std::size_t> GzipSource::read(std::span<char> into) {
  z_stream& z = stream_->z;
  const auto room =
      static_cast<uInt>(std::min<std::size_t>(into.size(), std::numeric_limits<uInt>::max()));
  while (!ended_) {
    if (z.avail_in == 0 && !input_ended_) GPUVIGIL_CHECK(refill());
    z.next_out = reinterpret_cast<Bytef*>(into.data());
    z.avail_out = room;
    const uInt had = z.avail_in;
    const int outcome = inflate(&z, Z_NO_FLUSH);
    consumed_ += had - z.avail_in;
    const std::size_t made = room - z.avail_out;
    produced_ += made;
    if (outcome == Z_STREAM_END) {
      GPUVIGIL_CHECK(after_member());
    } else if (outcome != Z_OK) {
      judge(outcome);
    } else if (input_ended_ && z.avail_in == 0 && made == 0) {
      judge(Z_BUF_ERROR);
    }
    if (produced_ > limit_.free_bytes && produced_ / limit_.ratio > consumed_) {
      end_with(
          fmt::format("stopped after {} inflated bytes, more than {} times the file: this is "
                      "no recording",
                      produced_, limit_.ratio));
    }
    if (made > 0) return made;
  }
  return std::size_t{0};
}

struct ReadAheadSource::Shared {
  static constexpr std::size_t kChunks = 4;
  static constexpr std::size_t kChunkBytes = std::size_t{256} << 10U;

  struct Chunk {
    std::vector<char> bytes = std::vector<char>(kChunkBytes);
    std::size_t size = 0;  ///< 0: the end.
    std::uint64_t position = 0;
    std::optional<Error> error;
  };

  explicit Shared(std::unique_ptr<ByteSource> source) : inner(std::move(source)) {}

  /// The thread: a chunk belongs to it between free.acquire() and filled.release(), to the reader
  /// between filled.acquire() and free.release().
  void run() {
    std::optional<Error> error;
    for (std::size_t next = 0;; next = (next + 1) % kChunks) {
      free.acquire();
      if (stop) return;
      Chunk& chunk = chunks[next];
      chunk.size = 0;
      while (!error && chunk.size < kChunkBytes) {
        const auto count = inner->read(std::span(chunk.bytes).subspan(chunk.size));
        if (!count) error = count.error();
        if (count.value_or(0) == 0) break;
        chunk.size += *count;
      }
      chunk.position = inner->file_position();
      if (chunk.size == 0) chunk.error = error;  // only after what came before it was handed out
      const bool last = chunk.size == 0;
      filled.release();
      if (last) return;
    }
  }

  std::unique_ptr<ByteSource> inner;
  std::array<Chunk, kChunks> chunks;
  std::counting_semaphore<kChunks + 1> free{kChunks};
  std::counting_semaphore<kChunks + 1> filled{0};
  std::atomic<bool> stop = false;
  std::size_t current = 0;  ///< The reader's.
  std::jthread thread;
};

ReadAheadSource::ReadAheadSource(std::unique_ptr<ByteSource> inner)
    : size_(inner->file_size()), inflated_(inner->is_inflated()) {
  shared_ = std::make_unique<Shared>(std::move(inner));
  shared_->thread = std::jthread([shared = shared_.get()] { shared->run(); });
}

ReadAheadSource::~ReadAheadSource() {
  shared_->stop = true;
  shared_->free.release();
  shared_->thread.join();
}

Result<std::size_t> ReadAheadSource::read(std::span<char> into) {
  if (ended_) return std::size_t{0};
  if (!has_chunk_) {
    shared_->filled.acquire();
    has_chunk_ = true;
    taken_ = 0;
  }
  Shared::Chunk& chunk = shared_->chunks[shared_->current];
  position_ = chunk.position;
  if (chunk.size == 0) {
    ended_ = true;
    damage_ = shared_->inner->damage();
    if (chunk.error) return std::unexpected(*chunk.error);
    return std::size_t{0};
  }
  const std::size_t count = std::min(into.size(), chunk.size - taken_);
  std::memcpy(into.data(), chunk.bytes.data() + taken_, count);
  taken_ += count;
  if (taken_ == chunk.size) {
    has_chunk_ = false;
    shared_->current = (shared_->current + 1) % Shared::kChunks;
    shared_->free.release();
  }
  return count;
}

}  // namespace gpuvigil
