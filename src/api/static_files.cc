// SPDX-License-Identifier: Apache-2.0
#include "api/static_files.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/assert.h"
#include "base/inflate.h"
#include "net/response_writer.h"

// NOLINTBEGIN(*-avoid-c-arrays): made by cmake/GpuvigilEmbed.cmake
extern "C" {
extern const char gpuvigil_embedded_openapi_json[];
extern const char gpuvigil_embedded_openapi_json_end[];
#if GPUVIGIL_WITH_DASHBOARD
extern const char gpuvigil_embedded_web_html[];
extern const char gpuvigil_embedded_web_html_end[];
extern const char gpuvigil_embedded_web_js[];
extern const char gpuvigil_embedded_web_js_end[];
extern const char gpuvigil_embedded_web_css[];
extern const char gpuvigil_embedded_web_css_end[];
extern const char gpuvigil_embedded_web_font[];
extern const char gpuvigil_embedded_web_font_end[];
#endif
#if GPUVIGIL_WITH_API_DOCS
extern const char gpuvigil_embedded_docs_html[];
extern const char gpuvigil_embedded_docs_html_end[];
extern const char gpuvigil_embedded_docs_js[];
extern const char gpuvigil_embedded_docs_js_end[];
extern const char gpuvigil_embedded_docs_css[];
extern const char gpuvigil_embedded_docs_css_end[];
extern const char gpuvigil_embedded_swagger_js[];
extern const char gpuvigil_embedded_swagger_js_end[];
extern const char gpuvigil_embedded_swagger_css[];
extern const char gpuvigil_embedded_swagger_css_end[];
#endif
}
// NOLINTEND(*-avoid-c-arrays)

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxFileBytes = 16 * 1024 * 1024;

/// The dashboard: its own script, style and font, and this server's API and stream. Nothing is ever
/// parsed as HTML, and no script may make a policy that would.
constexpr std::string_view kDashboardPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
/// Swagger UI sets styles on its elements and makes its own HTML, cleaned; nothing from elsewhere.
constexpr std::string_view kDocsPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' "
    "data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
constexpr std::string_view kNothingPolicy = "default-src 'none'; frame-ancestors 'none'";

constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kJs = "text/javascript; charset=utf-8";
constexpr std::string_view kCss = "text/css; charset=utf-8";
constexpr std::string_view kFont = "font/woff2";

struct Packed {
  std::string_view path;
  std::string_view content_type;
  std::string_view policy;
  std::string_view gzip;
};

std::vector<Packed> packed_files() {
  return {
      {"/api/v1/openapi.json",
       "application/json",
       kNothingPolicy,
       {gpuvigil_embedded_openapi_json, gpuvigil_embedded_openapi_json_end}},
#if GPUVIGIL_WITH_DASHBOARD
      {"/", kHtml, kDashboardPolicy, {gpuvigil_embedded_web_html, gpuvigil_embedded_web_html_end}},
      {"/assets/app.js",
       kJs,
       kDashboardPolicy,
       {gpuvigil_embedded_web_js, gpuvigil_embedded_web_js_end}},
      {"/assets/app.css",
       kCss,
       kDashboardPolicy,
       {gpuvigil_embedded_web_css, gpuvigil_embedded_web_css_end}},
      {"/assets/inter.woff2",
       kFont,
       kDashboardPolicy,
       {gpuvigil_embedded_web_font, gpuvigil_embedded_web_font_end}},
#endif
#if GPUVIGIL_WITH_API_DOCS
      {"/docs", kHtml, kDocsPolicy, {gpuvigil_embedded_docs_html, gpuvigil_embedded_docs_html_end}},
      {"/docs/docs.js",
       kJs,
       kDocsPolicy,
       {gpuvigil_embedded_docs_js, gpuvigil_embedded_docs_js_end}},
      {"/docs/docs.css",
       kCss,
       kDocsPolicy,
       {gpuvigil_embedded_docs_css, gpuvigil_embedded_docs_css_end}},
      {"/docs/swagger-ui-bundle.js",
       kJs,
       kDocsPolicy,
       {gpuvigil_embedded_swagger_js, gpuvigil_embedded_swagger_js_end}},
      {"/docs/swagger-ui.css",
       kCss,
       kDocsPolicy,
       {gpuvigil_embedded_swagger_css, gpuvigil_embedded_swagger_css_end}},
#endif
  };
}

using Body = std::shared_ptr<const std::string>;

struct StaticFile {
  std::string_view content_type;
  std::string_view policy;
  Body plain;  ///< Null while nobody has asked for it.
  Body packed;
};

std::map<std::string_view, StaticFile> make_files() {
  std::map<std::string_view, StaticFile> files;
  for (const Packed& file : packed_files()) {
    files[file.path] = {file.content_type, file.policy, nullptr,
                        std::make_shared<const std::string>(file.gzip)};
  }
  return files;
}

Body unpack(const std::string& gzip) {
  GzipSource source(std::make_unique<MemorySource>(gzip));
  std::string plain(kMaxFileBytes, '\0');
  const auto size = read_fully(source, plain);
  GPUVIGIL_ASSERT(size && source.damage().empty());  // it is a part of this program
  plain.resize(*size);
  plain.shrink_to_fit();
  return std::make_shared<const std::string>(std::move(plain));
}

}  // namespace

std::optional<HttpResponse> static_file(std::string_view path, std::string_view accept_encoding) {
  static auto files = make_files();
  const auto found = files.find(path);
  if (found == files.end()) return std::nullopt;
  StaticFile& file = found->second;
  HttpResponse response;
  response.content_type = file.content_type;
  response.headers.emplace_back("Content-Security-Policy", file.policy);
  // Kept by browsers, and asked about with its tag each time.
  response.headers.emplace_back("Cache-Control", "no-cache");
  if (accepts_gzip(accept_encoding)) {
    response.headers.emplace_back("Content-Encoding", "gzip");
    response.headers.emplace_back("Vary", "Accept-Encoding");
    response.body = file.packed;
    return response;
  }
  if (file.plain == nullptr) file.plain = unpack(*file.packed);
  response.body = file.plain;
  return response;
}

}  // namespace gpuvigil
