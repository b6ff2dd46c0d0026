// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace gpuvigil {

/// A script that completes verbs and options of `app` in "bash", "zsh" or "fish". Made from the
/// same table as the help, so it cannot disagree with it.
[[nodiscard]] std::string completion_script(const CLI::App& app, std::string_view shell);

}  // namespace gpuvigil
