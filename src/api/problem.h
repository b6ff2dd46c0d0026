// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace gpuvigil {

/// One thing that is wrong with a request.
struct ParameterError {
  std::string parameter;
  std::string reason;
};

/// An error as RFC 9457 has it: `type`, `title`, `status`, `detail`, and `errors` where single
/// parameters are to blame.
[[nodiscard]] HttpResponse problem(unsigned status, std::string_view detail,
                                   const std::vector<ParameterError>& errors = {});

}  // namespace gpuvigil
