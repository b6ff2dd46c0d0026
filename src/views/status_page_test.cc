// SPDX-License-Identifier: Apache-2.0
#include "views/status_page.h"

#include <fstream>
#include <iterator>
#include <regex>
#include <string>

#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

std::string_view body_of(std::string_view path) {
  for (const StatusPageFile& file : status_page_files()) {
    if (file.path == path) return file.body;
  }
  ADD_FAILURE() << "no such file: " << path;
  return {};
}

std::string source_of(std::string_view name) {
  std::ifstream in(std::string(GPUVIGIL_STATUS_PAGE_FOLDER "/") + std::string(name));
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(StatusPage, IsBuiltInByteForByte) {
  EXPECT_EQ(body_of("/"), source_of("index.html"));
  EXPECT_EQ(body_of("/status.css"), source_of("status.css"));
  EXPECT_EQ(body_of("/status.js"), source_of("status.js"));
  EXPECT_EQ(body_of("/login"), source_of("login.html"));
  EXPECT_EQ(body_of("/login.js"), source_of("login.js"));
  EXPECT_NE(body_of("/status.css").find("@media"), std::string_view::npos);
}

TEST(StatusPage, AsksNobodyElse) {
  for (const StatusPageFile& file : status_page_files()) {
    for (const std::string_view outside : {"http:", "https://", "//cdn", "@import", "url("}) {
      EXPECT_EQ(file.body.find(outside), std::string_view::npos) << file.path << ": " << outside;
    }
  }
}

TEST(StatusPage, NeverMakesHtmlOrCodeFromText) {
  for (const std::string_view door :
       {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function",
        "DOMParser", "createContextualFragment", "srcdoc", "setAttribute('on",
        "setAttribute('style"}) {
    EXPECT_EQ(body_of("/status.js").find(door), std::string_view::npos) << door;
    EXPECT_EQ(body_of("/login.js").find(door), std::string_view::npos) << door;
  }
  for (const auto* page : {"/", "/login"}) {
    const std::string html(body_of(page));
    EXPECT_FALSE(std::regex_search(html, std::regex(R"(\son\w+=)"))) << "an inline handler";
    EXPECT_FALSE(std::regex_search(html, std::regex(R"(\sstyle=)"))) << "an inline style";
    EXPECT_FALSE(std::regex_search(
        html, std::regex(R"(<style|<script(?! src="/(status|login)\.js" defer))")));
  }
}

TEST(StatusPage, EveryElementThatTheScriptNamesIsThere) {
  const std::regex by_id(R"(byId\('([a-z-]+)'\))");
  for (const auto& [page, script, least] :
       {std::tuple{"/", "/status.js", 10}, {"/login", "/login.js", 4}}) {
    const std::string js(body_of(script));
    const std::string html(body_of(page));
    int found = 0;
    for (std::sregex_iterator it(js.begin(), js.end(), by_id), end; it != end; ++it, ++found) {
      EXPECT_NE(html.find("id=\"" + (*it)[1].str() + "\""), std::string::npos) << (*it)[1];
    }
    EXPECT_GT(found, least);
  }
}

TEST(StatusPage, SaysDemoReplayStaleAndOffline) {
  EXPECT_NE(body_of("/").find("DEMO: simulated machine"), std::string_view::npos);
  EXPECT_NE(body_of("/").find("Replay of a recording"), std::string_view::npos);
  for (const std::string_view word : {"Stale", "Offline, retrying", "Live", "not known: "}) {
    EXPECT_NE(body_of("/status.js").find(word), std::string_view::npos) << word;
  }
}

}  // namespace
}  // namespace gpuvigil
