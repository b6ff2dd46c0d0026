// SPDX-License-Identifier: Apache-2.0
#include "views/html_view.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "views/testing_frame.h"

namespace gpuvigil {
namespace {

using testing::absent_device;
using testing::alert;
using testing::empty_frame;
using testing::full_device;
using testing::kernel;

/// What is wrong with the nesting of a page's tags; empty when nothing is. Knows only what our
/// pages are made of: every attribute quoted, no comments.
std::string nesting_error(std::string_view html) {
  std::vector<std::string> open;
  for (std::size_t at = html.find('<'); at != std::string_view::npos; at = html.find('<', at)) {
    bool quoted = false;
    std::size_t end = at + 1;
    for (; end < html.size() && (quoted || html[end] != '>'); ++end) {
      if (html[end] == '"') quoted = !quoted;
    }
    if (end == html.size()) return "a tag that never ends";
    const std::string_view inside = html.substr(at + 1, end - at - 1);
    const bool closes = inside.starts_with('/');
    const std::string_view word = inside.substr(closes ? 1 : 0);
    const std::string name(word.substr(0, word.find(' ')));
    at = end;
    if (name == "!doctype" || name == "meta") continue;
    if (!closes) {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return "unexpected </" + name + ">";
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

Frame frame_with_everything(std::string_view name) {
  Frame frame = empty_frame();
  frame.devices = {full_device(0, "nvml"), absent_device(1, Missing::kNoPermission)};
  auto info = std::make_shared<DeviceInfo>(*frame.devices[0].info);
  info->name = name;
  info->source = name;
  frame.devices[0].info = info;
  frame.alerts = {alert("a", AlertState::kFiring), alert("b", AlertState::kResolved)};
  frame.alerts[0].message = name;
  frame.losses.add(Loss::kBytesUnreadable, 4096);
  return frame;
}

KernelList top_with(std::string_view name) {
  KernelList top;
  top.rows = {kernel(name, 1523, 220'835'000), kernel("idle", 0, 0)};
  top.total_kernels = 34;
  return top;
}

TEST(ReportHtml, IsOneWellNestedPageThatNeedsNothingElse) {
  const std::string page = report_html(frame_with_everything("H100"), top_with("gemm"));
  EXPECT_EQ(nesting_error(page), "");
  for (const std::string_view outside :
       {"http:", "https:", "//", "src=", "href=", "url(", "<script", "@import", "style=\""}) {
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  }
  EXPECT_NE(page.find("<td>73.5%</td>"), std::string::npos);
  EXPECT_NE(page.find("aria-label=\"not known: permission\">-</span>"), std::string::npos);
  EXPECT_NE(page.find("<td>221 ms</td>"), std::string::npos);
  EXPECT_NE(page.find("<td>4,096</td>"), std::string::npos);
  EXPECT_NE(page.find("of 34</caption>"), std::string::npos);
}

TEST(ReportHtml, ChartsShowKernelsAndDevices) {
  const std::string page = report_html(frame_with_everything("H100"), top_with("gemm"));
  std::size_t drawings = 0;
  for (std::size_t at = 0; (at = page.find("<svg ", at)) != std::string::npos; ++at) ++drawings;
  EXPECT_EQ(drawings, 3U);
  EXPECT_NE(page.find("aria-label=\"Share of the time of all kernels\""), std::string::npos);
  EXPECT_NE(page.find("class=\"value\">62.5%</text>"), std::string::npos);
  // A device of which nothing is known has words instead of bars.
  EXPECT_NE(page.find("class=\"soft\">not known</text>"), std::string::npos);
  // "idle" never ran: it is in the table, and no chart can show it.
  EXPECT_EQ(page.find("class=\"label\">idle</text>"), std::string::npos);
  EXPECT_EQ(page.find("nan"), std::string::npos);
}

TEST(ReportHtml, HostileNamesAreOnlyText) {
  const std::string plain = report_html(frame_with_everything("x"), top_with("x"));
  const auto tags = [](const std::string& page) { return std::ranges::count(page, '<'); };
  for (const std::string_view name : testing::kHostileNames) {
    const std::string page = report_html(frame_with_everything(name), top_with(name));
    EXPECT_EQ(nesting_error(page), "") << name;
    EXPECT_EQ(tags(page), tags(plain)) << name;
  }
}

RC_GTEST_PROP(HtmlEscaped, LeavesNothingThatHtmlCouldTakeForItsOwn, (std::string bytes)) {
  const std::string escaped = html_escaped(bytes);
  RC_ASSERT(escaped.find_first_of("<>\"'\r\n") == std::string::npos);
}

TEST(HtmlEscaped, EscapesFiveCharacters) {
  EXPECT_EQ(html_escaped("<a href=\"x\" on='y'>&"),
            "&lt;a href=&quot;x&quot; on=&#39;y&#39;&gt;&amp;");
}

TEST(ReportHtml, ADemoIsLabelled) {
  Frame frame = empty_frame();
  frame.devices = {full_device(0, "demo")};
  const std::string page = report_html(frame, {});
  EXPECT_NE(page.find("<title>DEMO: GPU report"), std::string::npos);
  EXPECT_NE(page.find("role=\"note\">DEMO: simulated machine</p>"), std::string::npos);
}

TEST(ReportHtml, OfNothingSaysHowToGetADevice) {
  Frame frame = empty_frame();
  frame.no_device_reason = "no driver; try --demo";
  const std::string page = report_html(frame, {});
  EXPECT_EQ(nesting_error(page), "");
  EXPECT_NE(page.find("<p>no driver; try --demo</p>"), std::string::npos);
  EXPECT_NE(page.find("<p>None.</p>"), std::string::npos);
}

}  // namespace
}  // namespace gpuvigil
