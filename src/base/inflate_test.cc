// SPDX-License-Identifier: Apache-2.0
#include "base/inflate.h"

#include <array>

#include <gtest/gtest.h>
#include <zlib.h>

namespace gpuvigil {
namespace {

std::string gzip(std::string_view text) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - z.avail_out);
  deflateEnd(&z);
  return out;
}

struct Inflated {
  std::string text;
  std::string damage;
};

Inflated drain(ByteSource& source, std::size_t chunk = 1000) {
  Inflated all;
  std::string piece(chunk, '\0');
  for (;;) {
    const auto count = source.read(piece);
    EXPECT_TRUE(count);
    if (count.value_or(0) == 0) break;
    all.text.append(piece, 0, *count);
  }
  EXPECT_EQ(source.read(piece), 0U);  // the end stays the end
  all.damage = source.damage();
  return all;
}

Inflated inflate_all(std::string_view bytes, std::size_t input_chunk = SIZE_MAX,
                     InflateLimit limit = {}) {
  GzipSource source(std::make_unique<MemorySource>(bytes, input_chunk), limit);
  EXPECT_TRUE(source.is_inflated());
  return drain(source);
}

std::string some_text() {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i * 7919) + ' ';
  return text;
}

TEST(Gzip, IsToldByItsFirstTwoBytes) {
  EXPECT_TRUE(is_gzip(gzip("")));
  EXPECT_FALSE(is_gzip("{\""));
  EXPECT_FALSE(is_gzip("\x1f"));
  EXPECT_FALSE(is_gzip(""));
}

TEST(Gzip, InflatesOneAndSeveralMembersWhereverTheChunksEnd) {
  const std::string text = some_text();
  const std::string two = gzip(text) + gzip("and more");
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{2}, std::size_t{17}, SIZE_MAX}) {
    EXPECT_EQ(inflate_all(gzip(text), chunk).text, text);
    const Inflated both = inflate_all(two, chunk);
    EXPECT_EQ(both.text, text + "and more");
    EXPECT_EQ(both.damage, "");
  }
  EXPECT_EQ(inflate_all(gzip("")).text, "");
}

TEST(Gzip, ACutStreamGivesWhatItHasAndSaysSo) {
  const std::string text = some_text();
  const std::string whole = gzip(text);
  for (const std::size_t chunk : {std::size_t{1}, SIZE_MAX}) {
    const Inflated cut = inflate_all(std::string_view(whole).substr(0, whole.size() / 2), chunk);
    EXPECT_GT(cut.text.size(), text.size() / 3);
    EXPECT_TRUE(text.starts_with(cut.text));
    EXPECT_EQ(cut.damage, "the gzip data end early, at byte " + std::to_string(whole.size() / 2) +
                              " of the file");
  }
  // Only the check sum is missing: all of the text, and still a word about it.
  const Inflated tail = inflate_all(std::string_view(whole).substr(0, whole.size() - 8));
  EXPECT_EQ(tail.text, text);
  EXPECT_NE(tail.damage, "");
  // Not even a whole header.
  EXPECT_EQ(inflate_all("\x1f\x8b").damage, "the gzip data end early, at byte 2 of the file");
}

TEST(Gzip, ADamagedStreamGivesWhatCameBefore) {
  const std::string text = some_text();
  std::string bytes = gzip(text);
  for (std::size_t i = bytes.size() / 2; i < bytes.size() / 2 + 64; ++i) bytes[i] = '\x55';
  const Inflated damaged = inflate_all(bytes);
  EXPECT_TRUE(damaged.damage.starts_with("the gzip data are damaged near byte ")) << damaged.damage;
  EXPECT_GT(damaged.text.size(), text.size() / 3);
}

TEST(Gzip, IgnoresPaddingAndCountsGarbageAfterTheEnd) {
  const std::string whole = gzip("text");
  const auto f = [&](const std::string& tail, const std::string& damage) {
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{3}, SIZE_MAX}) {
      const Inflated got = inflate_all(whole + tail, chunk);
      EXPECT_EQ(got.text, "text");
      EXPECT_EQ(got.damage, damage);
    }
  };
  f(std::string(100, '\0'), "");
  f("x", "ignored 1 bytes of the file after its gzip data");
  f("\x1f", "ignored 1 bytes of the file after its gzip data");
  f(std::string(100, '\0') + "xyz", "ignored 3 bytes of the file after its gzip data");
  f(std::string("xy\0z", 4), "ignored 4 bytes of the file after its gzip data");
}

TEST(Gzip, ABombIsStopped) {
  const std::string bomb = gzip(std::string(8 << 20, ' '));
  const Inflated got =
      inflate_all(bomb, SIZE_MAX, {.free_bytes = std::uint64_t{1} << 20U, .ratio = 250});
  EXPECT_LT(got.text.size(), std::size_t{2} << 20U);
  EXPECT_TRUE(got.damage.starts_with("stopped after ")) << got.damage;
  EXPECT_EQ(inflate_all(bomb).text.size(), std::size_t{8} << 20U);  // the default lets it pass
}

TEST(ReadAhead, HandsOnEverythingAndTheDamage) {
  const std::string text = some_text() + std::string(3 << 20, 'x');
  const std::string bytes = gzip(text);
  const auto f = [&](std::string_view input, bool whole) {
    ReadAheadSource source(
        std::make_unique<GzipSource>(std::make_unique<MemorySource>(input, 777)));
    EXPECT_TRUE(source.is_inflated());
    EXPECT_EQ(source.file_size(), input.size());
    const Inflated got = drain(source, 100'000);
    EXPECT_EQ(got.text == text, whole);
    EXPECT_EQ(got.damage.empty(), whole);
    EXPECT_EQ(source.file_position(), input.size());
  };
  f(bytes, true);
  f(std::string_view(bytes).substr(0, bytes.size() - 100), false);
}

class FailingSource final : public ByteSource {
 public:
  Result<std::size_t> read(std::span<char> into) override {
    if (++calls_ > 3) return fail(Errc::kIo, "x: Input/output error");
    into[0] = 'x';
    return std::size_t{1};
  }
  [[nodiscard]] std::uint64_t file_position() const override { return 0; }
  [[nodiscard]] std::uint64_t file_size() const override { return 0; }

 private:
  int calls_ = 0;
};

TEST(ReadAhead, AnErrorComesAfterTheBytesBeforeIt) {
  ReadAheadSource source(std::make_unique<FailingSource>());
  std::array<char, 100> into{};
  EXPECT_EQ(source.read(into), 3U);
  const auto after = source.read(into);
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().message, "x: Input/output error");
}

TEST(ReadAhead, CanBeLeftInTheMiddle) {
  const std::string text(std::size_t{16} << 20U, 'x');
  ReadAheadSource source(std::make_unique<MemorySource>(text));
  std::array<char, 10> into{};
  EXPECT_EQ(source.read(into), 10U);
}

}  // namespace
}  // namespace gpuvigil
