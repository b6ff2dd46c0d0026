// SPDX-License-Identifier: Apache-2.0
#include "exporters/metrics_text.h"

#include <array>

#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

std::string write(const MetricFamily& family, TextFormat format) {
  const std::array<const MetricFamily*, 1> all = {&family};
  return MetricsText().write(all, format);
}

MetricFamily family(FamilyHead head, const Labels& labels, MetricValue value) {
  return {.head = std::move(head), .series = {{.labels = &labels}}, .values = {value}};
}

TEST(MetricsText, SpeaksBothFormats) {
  const Labels labels = {{"gpu", "0"}, {"empty", ""}};
  const MetricFamily counter = family({.name = "gpuvigil_x_seconds",
                                       .kind = FamilyKind::kCounter,
                                       .unit = "seconds",
                                       .help = "Time."},
                                      labels, MetricValue::seconds(1'500'000'000));
  EXPECT_EQ(write(counter, TextFormat::kPrometheus),
            "# HELP gpuvigil_x_seconds_total Time.\n"
            "# TYPE gpuvigil_x_seconds_total counter\n"
            "gpuvigil_x_seconds_total{gpu=\"0\"} 1.5\n");
  EXPECT_EQ(write(counter, TextFormat::kOpenMetrics),
            "# HELP gpuvigil_x_seconds Time.\n"
            "# TYPE gpuvigil_x_seconds counter\n"
            "# UNIT gpuvigil_x_seconds seconds\n"
            "gpuvigil_x_seconds_total{gpu=\"0\"} 1.5\n"
            "# EOF\n");
  const Labels none;
  const MetricFamily info =
      family({.name = "gpuvigil_build", .kind = FamilyKind::kInfo}, none, MetricValue::count(1));
  EXPECT_EQ(write(info, TextFormat::kPrometheus),
            "# HELP gpuvigil_build_info \n# TYPE gpuvigil_build_info gauge\n"
            "gpuvigil_build_info 1\n");
  const MetricFamily foreign =
      family({.name = "DCGM_FI_X", .kind = FamilyKind::kCounter, .help = "X", .is_foreign = true},
             none, MetricValue::number(2));
  EXPECT_EQ(write(foreign, TextFormat::kOpenMetrics),
            "# HELP DCGM_FI_X X\n# TYPE DCGM_FI_X unknown\nDCGM_FI_X 2\n# EOF\n");
}

TEST(MetricsText, LeavesOutWhatIsNotThere) {
  const Labels labels;
  EXPECT_EQ(write(family({.name = "x"}, labels, MetricValue()), TextFormat::kPrometheus), "");
}

TEST(MetricsText, EscapesAndCleansLabels) {
  const auto shown = [](const std::string& value) {
    const Labels labels = {{"l", value}};
    const std::string text =
        write(family({.name = "x"}, labels, MetricValue::count(1)), TextFormat::kPrometheus);
    const auto from = text.find("{l=\"") + 4;
    return text.substr(from, text.rfind("\"} 1") - from);
  };
  EXPECT_EQ(shown("a\"b\\c"), "a\\\"b\\\\c");
  EXPECT_EQ(shown("a\nb"), "a\uFFFDb");
  EXPECT_EQ(shown("\x1b[31m"), "\uFFFD[31m");
  EXPECT_EQ(shown("\xFF\xFE"), "\uFFFD\uFFFD");
  EXPECT_EQ(shown("\xE2\x80\xAEgnp"), "\uFFFDgnp");
  EXPECT_EQ(shown("} 1\n# EOF"), "} 1\uFFFD# EOF");
  EXPECT_EQ(shown("\xC3\xA9\xF0\x9F\x9A\x80"), "\xC3\xA9\xF0\x9F\x9A\x80");
}

TEST(MetricsText, PreparesAgainWhenAFamilyHasChanged) {
  Labels labels = {{"l", "a"}};
  MetricFamily one = family({.name = "x"}, labels, MetricValue::count(1));
  const std::array<const MetricFamily*, 1> all = {&one};
  MetricsText text;
  EXPECT_NE(text.write(all, TextFormat::kPrometheus).find("{l=\"a\"} 1"), std::string::npos);
  one.values[0] = MetricValue::count(2);
  EXPECT_NE(text.write(all, TextFormat::kPrometheus).find("{l=\"a\"} 2"), std::string::npos);
  labels[0].second = "b";
  ++one.generation;
  EXPECT_NE(text.write(all, TextFormat::kPrometheus).find("{l=\"b\"} 2"), std::string::npos);
}

TEST(MetricsText, IsChosenByWhatTheReaderAccepts) {
  const auto is = [](TextFormat want, std::string_view accept) {
    EXPECT_EQ(negotiate_text_format(accept), want) << accept;
  };
  is(TextFormat::kPrometheus, "");
  is(TextFormat::kPrometheus, "*/*");
  is(TextFormat::kPrometheus, "text/html");
  is(TextFormat::kPrometheus, "text/plain;version=0.0.4");
  is(TextFormat::kOpenMetrics, "application/openmetrics-text");
  // As Prometheus 2.42 asks.
  is(TextFormat::kOpenMetrics,
     "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
     "text/plain;version=0.0.4;q=0.5,*/*;q=0.1");
  is(TextFormat::kPrometheus, "application/openmetrics-text;q=0.3, text/plain;q=0.5");
  is(TextFormat::kPrometheus, "application/openmetrics-text;q=0");
  is(TextFormat::kPrometheus, "application/openmetrics-text;version=0.0.1");
  is(TextFormat::kPrometheus, "application/openmetrics-text;q=nonsense");
}

}  // namespace
}  // namespace gpuvigil
