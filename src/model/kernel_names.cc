// SPDX-License-Identifier: Apache-2.0
#include "model/kernel_names.h"

#include <utility>

#include "base/assert.h"
#include "base/prefetch.h"
#include "model/frame.h"

namespace gpuvigil {

const KernelNames::Text& KernelNames::of(std::span<const KernelRow> kernels) const {
  std::call_once(made_, [&] {
    constexpr std::size_t kAhead = 16;
    constexpr std::size_t kUsual = 128;  // bytes of a name
    Text text;
    text.ends_.reserve(kernels.size());
    text.bytes_.reserve(kernels.size() * kUsual);
    for (std::size_t i = 0; i < kernels.size(); ++i) {
      if (i + 2 * kAhead < kernels.size()) {
        prefetch(kernels[i + 2 * kAhead].name.get());
        prefetch(kernels[i + kAhead].name->name.data(), kUsual);
      }
      text.bytes_ += kernels[i].name->name;
      text.ends_.push_back(text.bytes_.size());
    }
    text.bytes_.shrink_to_fit();
    text_ = std::move(text);
  });
  GPUVIGIL_ASSERT(text_.size() == kernels.size());
  return text_;
}

}  // namespace gpuvigil
