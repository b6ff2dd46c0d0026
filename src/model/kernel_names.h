// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gpuvigil {

struct KernelRow;

/// The names of a frame's kernels, one behind the other in one piece of memory. A search by name
/// reads ten thousand of them; each by itself lies two steps away from its row, and waiting for
/// memory would be most of the search. All frames share one of these until a kernel comes or goes.
///
/// Made when somebody searches first: most frames are never searched, and names may be long.
///
/// Threading: any thread.
class KernelNames {
 public:
  class Text {
   public:
    [[nodiscard]] std::size_t size() const { return ends_.size(); }
    /// Requires row < size(). Valid as long as this is.
    [[nodiscard]] std::string_view operator[](std::size_t row) const {
      const std::size_t begin = row == 0 ? 0 : ends_[row - 1];
      return {bytes_.data() + begin, ends_[row] - begin};
    }

   private:
    friend class KernelNames;
    std::string bytes_;
    std::vector<std::size_t> ends_;  ///< Of each row's name.
  };

  /// `kernels` are those of any frame that has this. Valid as long as this is.
  [[nodiscard]] const Text& of(std::span<const KernelRow> kernels) const;

 private:
  mutable std::once_flag made_;
  mutable Text text_;
};

}  // namespace gpuvigil
