// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace gpuvigil {

/// One file of the status page, as it is sent.
struct StatusPageFile {
  std::string_view path;  ///< "/", "/status.css", "/login".
  std::string_view content_type;
  std::string_view body;
};

/// The plain page that shows the live numbers in a browser, and the one where a token is shown,
/// whole: they load nothing from elsewhere.
/// Built in from src/views/status_page/.
[[nodiscard]] std::span<const StatusPageFile> status_page_files();

/// What the page may do, for the Content-Security-Policy header of each of its files: its own
/// script and style, and this server's API and stream. Nothing is ever parsed as HTML.
inline constexpr std::string_view kStatusPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'";

}  // namespace gpuvigil
