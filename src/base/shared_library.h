// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"

namespace gpuvigil {

/// A library that is loaded while the program runs, because a machine may lack it.
class SharedLibrary {
 public:
  /// `name` is a path, or a name that the dynamic linker looks for. Its code runs at once.
  /// Errors: kUnavailable (it is not there, or does not fit), with the linker's words.
  [[nodiscard]] static Result<SharedLibrary> open(const std::string& name);

  SharedLibrary(SharedLibrary&& other) noexcept;
  SharedLibrary& operator=(SharedLibrary&&) = delete;
  SharedLibrary(const SharedLibrary&) = delete;
  SharedLibrary& operator=(const SharedLibrary&) = delete;

  /// Unloads it: nothing of it may be in use.
  ~SharedLibrary();

  /// The address of a function or variable; null when there is none of that name.
  [[nodiscard]] void* symbol(const char* name) const;

 private:
  explicit SharedLibrary(void* handle) : handle_(handle) {}
  void* handle_;
};

}  // namespace gpuvigil
