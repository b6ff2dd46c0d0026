// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include <utility>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/assert.h"

namespace gpuvigil {

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  wipe();
  text_ = other.text_;
  other.wipe();
  return *this;
}

void Secret::wipe() {
  OPENSSL_cleanse(text_.data(), text_.size());
  text_.clear();
}

void random_bytes(std::span<unsigned char> into) {
  GPUVIGIL_ASSERT(RAND_bytes(into.data(), static_cast<int>(into.size())) == 1);
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Secret random_secret(std::string_view prefix) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<unsigned char, 33> bytes{};  // 264 bits are 44 characters: the last one is left out
  random_bytes(std::span(bytes).first<32>());
  std::string text(prefix);
  text.reserve(prefix.size() + 43);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto word = static_cast<unsigned>(bytes[i]) << 16U |
                      static_cast<unsigned>(bytes[i + 1]) << 8U |
                      static_cast<unsigned>(bytes[i + 2]);
    for (const unsigned shift : {18U, 12U, 6U, 0U}) text += kAlphabet[(word >> shift) & 63U];
  }
  text.pop_back();
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return Secret(std::move(text));
}

}  // namespace gpuvigil
