// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <algorithm>
#include <limits>
#include <thread>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/json_reader.h"
#include "base/log_line.h"
#include "base/text.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

constexpr Timestamp kAt = from_unix_ns(1'767'225'599'123'456'789);  // 2025-12-31T23:59:59.123Z

/// A logger whose lines a test reads and whose clock it moves.
struct Recorded {
  ManualClock clock{kAt};
  std::vector<std::string> lines;
  bool takes = true;
  Logger logger{clock,
                {.wall_time = [this] { return clock.now(); },
                 .write =
                     [this](std::string_view line) {
                       if (takes) lines.emplace_back(line);
                       return takes;
                     }}};

  [[nodiscard]] std::size_t count(std::string_view text) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        lines, [&](const auto& line) { return line.find(text) != std::string::npos; }));
  }
};

std::string logfmt(std::initializer_list<LogField> fields) {
  return log_line(LogFormat::kLogfmt, kAt, LogLevel::kInfo, "e", fields);
}

JsonValue json(std::initializer_list<LogField> fields, std::string_view event = "e") {
  const std::string line = log_line(LogFormat::kJson, kAt, LogLevel::kInfo, event, fields);
  EXPECT_TRUE(line.ends_with("}\n")) << line;
  const auto value = parse_json(line, kMaxLogLine);
  EXPECT_TRUE(value) << line;
  return value ? *value : JsonValue();
}

/// Nothing in it but its last byte ends a line or acts on a terminal.
bool is_one_line(std::string_view line) {
  return line.size() <= kMaxLogLine && line.ends_with('\n') &&
         is_clean_text(line.substr(0, line.size() - 1));
}

TEST(LogLine, LogfmtQuotesWhatIsNoPlainWord) {
  const auto f = [](const auto& value, std::string_view want) {
    EXPECT_EQ(logfmt({kv("k", value)}),
              fmt::format("ts=2025-12-31T23:59:59.123Z level=info event=e k={}\n", want));
  };
  f("http://127.0.0.1:8080/", "http://127.0.0.1:8080/");
  f(5, "5");
  f(true, "true");
  f(0.5, "0.5");
  f("", "\"\"");
  f("two words", "\"two words\"");
  f("a=b", "\"a=b\"");
  f("é", "\"é\"");
  f(std::string("say \"x\\y\""), R"("say \"x\\y\"")");
  f("a\nlevel=error\r\t", R"("a\nlevel=error\r\t")");
  f("nul\0esc\x1b[2J\x7f"sv, R"("nul\u0000esc\u001b[2J\u007f")");
  f("\xFF\xC3(", R"("\xff\xc3(")");
  f("\xC2\x9B\xE2\x80\xAE\xE2\x80\xA8", R"("\u009b\u202e\u2028")");
}

TEST(LogLine, JsonIsReadBackAsItWas) {
  const JsonValue line =
      json({kv("text", "a\"\\\n\0\x1b\u202E é😀"sv), kv("whole", -7),
            kv("most", std::numeric_limits<std::int64_t>::max()), kv("ratio", 0.25),
            kv("none", std::nan("")), kv("yes", true), kv("letter", 'x'), kv("bad", "\xFF")});
  EXPECT_EQ(line["ts"].string_or(""), "2025-12-31T23:59:59.123Z");
  EXPECT_EQ(line["level"].string_or(""), "info");
  EXPECT_EQ(line["event"].string_or(""), "e");
  EXPECT_EQ(line["text"].string_or(""), "a\"\\\n\0\x1b\u202E é😀"sv);
  EXPECT_EQ(*line["whole"].as_int(), -7);
  EXPECT_EQ(*line["most"].as_int(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(line["ratio"].number_or(0), 0.25);
  EXPECT_EQ(line["none"].string_or(""), "nan");
  EXPECT_TRUE(*line["yes"].as_bool());
  EXPECT_EQ(line["letter"].string_or(""), "x");
  EXPECT_EQ(line["bad"].string_or(""), "\uFFFD");
}

RC_GTEST_PROP(LogLine, AnyBytesAreOneLine, (const std::string& key, const std::string& value)) {
  for (const LogFormat format : {LogFormat::kLogfmt, LogFormat::kJson}) {
    const std::string line =
        log_line(format, kAt, LogLevel::kError, key, {kv(key, value), kv("v", value)});
    RC_ASSERT(is_one_line(line));
    if (format == LogFormat::kJson) RC_ASSERT(parse_json(line, kMaxLogLine).has_value());
  }
}

TEST(LogLine, ALongValueIsCutAndALongLineSaysWhatItLeavesOut) {
  const std::string nuls(100'000, '\0');
  for (const LogFormat format : {LogFormat::kLogfmt, LogFormat::kJson}) {
    const auto f = [&](std::initializer_list<LogField> fields) {
      const std::string line = log_line(format, kAt, LogLevel::kInfo, nuls, fields);
      EXPECT_TRUE(is_one_line(line)) << line;
      return line;
    };
    EXPECT_NE(f({kv("a", nuls)}).find("...\""), std::string::npos);
    const std::string full =
        f({kv("a", nuls), kv("b", nuls), kv("c", nuls), kv("d", nuls), kv(nuls, nuls), kv("f", 1)});
    EXPECT_NE(full.find("fields_left_out"), std::string::npos) << full;
  }
  EXPECT_EQ(json({kv("a", std::string(5000, 'x'))})["a"].string_or("").size(), kMaxLogValue);
  const JsonValue left_out = json({kv("a", nuls), kv("b", nuls), kv("c", nuls), kv("d", nuls)});
  EXPECT_EQ(*left_out["fields_left_out"].as_int(), 1);
}

TEST(Logger, OnlyWhatIsEnabledIsFormatted) {
  Recorded recorded;
  recorded.logger.log(LogLevel::kDebug, "quiet", {kv("k", 1)});
  EXPECT_TRUE(recorded.lines.empty());
  recorded.logger.configure({.level = LogLevel::kDebug, .format = LogFormat::kJson});
  recorded.logger.log(LogLevel::kDebug, "loud", {kv("k", 1)});
  EXPECT_EQ(recorded.count(R"("event":"loud","k":1})"), 1U);
  recorded.logger.configure({.level = LogLevel::kOff, .format = LogFormat::kJson});
  recorded.logger.log(LogLevel::kError, "gone", {});
  EXPECT_EQ(recorded.lines.size(), 1U);
}

TEST(Logger, RepeatsOfAnEventAreToldWhenTheirSecondIsOver) {
  Recorded recorded;
  for (int i = 0; i < 25; ++i) recorded.logger.log(LogLevel::kInfo, "storm", {kv("i", i)});
  recorded.logger.log(LogLevel::kError, "storm", {});
  recorded.logger.log(LogLevel::kInfo, "other", {});
  EXPECT_EQ(recorded.count("event=storm"), 10U);
  EXPECT_EQ(recorded.count("event=other"), 1U);
  recorded.logger.tick();
  EXPECT_EQ(recorded.count("repeated"), 0U);

  recorded.clock.advance(1s);
  recorded.logger.log(LogLevel::kInfo, "next", {});
  ASSERT_EQ(recorded.lines.size(), 13U);
  EXPECT_TRUE(recorded.lines[11].ends_with("level=error event=storm repeated=16\n"))
      << recorded.lines[11];
  EXPECT_EQ(recorded.logger.stats().repeated, 16U);
  EXPECT_EQ(recorded.logger.stats().written, 13U);

  recorded.clock.advance(1s);
  recorded.logger.tick();
  EXPECT_EQ(recorded.lines.size(), 13U) << "told once";
}

TEST(Logger, FinishTellsWhatTheOpenSecondLeftOut) {
  Recorded recorded;
  for (int i = 0; i < 11; ++i) recorded.logger.log(LogLevel::kInfo, "storm", {});
  recorded.logger.finish();
  EXPECT_EQ(recorded.count("event=storm repeated=1\n"), 1U);
}

TEST(Logger, AllEventsTogetherAreBounded) {
  Recorded recorded;
  for (int i = 0; i < 5000; ++i) {
    recorded.logger.log(LogLevel::kInfo, fmt::format("event.{}", i), {});
    recorded.logger.log(LogLevel::kWarn, fmt::format("event.{}", i % 200), {});
  }
  EXPECT_EQ(recorded.lines.size(), Logger::kAllLines);
  EXPECT_EQ(recorded.logger.stats().repeated, 10'000 - Logger::kAllLines);
  recorded.clock.advance(1s);
  recorded.logger.tick();
  // One line for each event that was left out, and one for those beyond the bound.
  EXPECT_LE(recorded.lines.size(), Logger::kAllLines + Logger::kMaxEvents + 1);
  EXPECT_EQ(recorded.count("event=log.other_events repeated="), 1U);
}

TEST(Logger, WhatTheOutputDoesNotTakeIsToldLater) {
  Recorded recorded;
  recorded.takes = false;
  recorded.logger.log(LogLevel::kInfo, "a", {});
  recorded.logger.log(LogLevel::kInfo, "b", {});
  recorded.takes = true;
  recorded.logger.log(LogLevel::kInfo, "c", {});
  ASSERT_EQ(recorded.lines.size(), 2U);
  EXPECT_TRUE(recorded.lines[0].ends_with("level=warn event=log.lost lines=2\n"));
  EXPECT_EQ(recorded.logger.stats().lost, 2U);
}

TEST(Logger, ThreadsShareItWithoutLosingALine) {
  Recorded recorded;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&recorded] {
      for (int i = 0; i < 500; ++i) recorded.logger.log(LogLevel::kInfo, "same", {kv("i", i)});
    });
  }
  for (auto& thread : threads) thread.join();
  const LogStats stats = recorded.logger.stats();
  EXPECT_EQ(recorded.lines.size(), Logger::kEventLines);
  EXPECT_EQ(stats.written + stats.repeated, 2000U);
}

TEST(Log, NamesOfLevelsAndFormatsGoThereAndBack) {
  for (const auto name : {"debug", "info", "warn", "error"}) {
    EXPECT_EQ(log_level_name(parse_log_level(name).value()), name);
  }
  for (const auto name : {"logfmt", "json"}) {
    EXPECT_EQ(log_format_name(parse_log_format(name).value()), name);
  }
  EXPECT_EQ(parse_log_level("off"), std::nullopt);
  EXPECT_EQ(parse_log_format("xml"), std::nullopt);
}

}  // namespace
}  // namespace gpuvigil
