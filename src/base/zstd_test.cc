// SPDX-License-Identifier: Apache-2.0
#include "base/zstd.h"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gpuvigil {
namespace {

RC_GTEST_PROP(ZstdCodec, GivesBackWhatItPacked, (const std::string& bytes)) {
  ZstdCodec codec;
  std::string packed = "before";
  codec.pack(bytes, 1, packed);
  std::string back = "front";
  RC_ASSERT(codec.unpack(std::string_view(packed).substr(6), bytes.size(), back).has_value());
  RC_ASSERT(back == "front" + bytes);
}

TEST(ZstdCodec, RefusesMoreThanIsAllowed) {
  ZstdCodec codec;
  std::string packed;
  codec.pack(std::string(1000, 'x'), 1, packed);
  std::string back;
  const auto refused = codec.unpack(packed, 999, back);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kTooLarge);
  EXPECT_EQ(back, "");
}

TEST(ZstdCodec, NoticesEveryFlippedByte) {
  ZstdCodec codec;
  std::string packed;
  codec.pack("one two three four one two three four", 1, packed);
  for (std::size_t i = 0; i < packed.size(); ++i) {
    std::string damaged = packed;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x15);
    std::string back;
    const bool taken = codec.unpack(damaged, 1000, back).has_value();
    EXPECT_TRUE(!taken || back == "one two three four one two three four") << i;
  }
  std::string back;
  EXPECT_FALSE(codec.unpack("", 1000, back));
  EXPECT_FALSE(codec.unpack("no blob at all", 1000, back));
}

}  // namespace
}  // namespace gpuvigil
