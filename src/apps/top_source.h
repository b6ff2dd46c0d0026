// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "apps/options.h"
#include "base/result.h"

namespace gpuvigil {

/// Whom `gpuvigil top` asks: a server, or a machine that lives in this process. Both are asked the
/// same questions and give the same answers, so that what is shown of one is shown of the other.
///
/// Threading: one thread at a time.
class TopSource {
 public:
  virtual ~TopSource() = default;

  /// The JSON answer of a GET. Errors: those of ask() in client.h.
  [[nodiscard]] virtual Result<std::string> get(std::string_view path,
                                                const ApiParameters& parameters) = 0;

  /// What it is of, for the head of the screen.
  [[nodiscard]] virtual std::string name() const = 0;

  /// True when it is a recording that has been played to its end.
  [[nodiscard]] virtual bool is_over() const = 0;
};

/// What the options say: recordings, the demo machine, or a server (which is not asked yet).
/// Recordings are played at their own pace; with `is_once` they are read as a whole.
/// Errors: those of the readers of recordings; kInvalidArgument (options that exclude each other).
[[nodiscard]] Result<std::unique_ptr<TopSource>> open_top_source(const TopOptions& options,
                                                                 bool is_once);

}  // namespace gpuvigil
