// SPDX-License-Identifier: Apache-2.0
#include "trace/trace_reader.h"

#include <cstdio>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/failpoint.h"
#include "trace/kineto_test_support.h"
#include "trace/tar_reader.h"

namespace gpuvigil {
namespace {

using testing_support::CollectingVisitor;
using testing_support::TemporaryFolder;

const std::string kTrace =
    R"({"traceEvents":[{"ph":"X","cat":"kernel","name":"k","pid":3,"ts":1,"dur":2}]})";

std::string gzip(const std::string& text) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string in = text;
  std::string out(deflateBound(&z, in.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(in.data());
  z.avail_in = static_cast<uInt>(in.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - z.avail_out);
  deflateEnd(&z);
  return out;
}

/// A member of a tar archive, padded.
std::string member(const std::string& name, const std::string& content, char type = '0',
                   const std::string& prefix = {}) {
  std::string header(kTarBlock, '\0');
  const auto put = [&header](std::size_t at, const std::string& text) {
    header.replace(at, text.size(), text);
  };
  const auto octal = [](std::size_t value, int digits) {
    std::string text(24, '\0');
    text.resize(
        static_cast<std::size_t>(std::snprintf(text.data(), text.size(), "%0*zo", digits, value)));
    return text;
  };
  put(0, name);
  put(124, octal(content.size(), 11));
  put(148, "        ");
  header[156] = type;
  put(257, std::string("ustar\00000", 8));
  put(345, prefix);
  std::size_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, octal(sum, 6) + std::string(1, '\0'));
  std::string padded = content;
  padded.resize((content.size() + kTarBlock - 1) / kTarBlock * kTarBlock, '\0');
  return header + padded;
}

const std::string kTarEnd(2 * kTarBlock, '\0');

struct Read {
  CollectingVisitor visitor;
  std::string error;
  std::vector<TraceSummary> summaries;
};

Read read_bytes(const std::string& bytes, const std::string& name = "t") {
  const TemporaryFolder folder;
  const std::string path = folder.bytes(name, bytes);
  Read got;
  auto read = read_trace(path, got.visitor);
  const auto shortened = [&path, &name](std::string line) {
    const std::size_t at = line.find(path);
    return at == std::string::npos ? line : line.replace(at, path.size(), name);
  };
  if (read) {
    got.summaries = *std::move(read);
    for (auto& summary : got.summaries) summary.damage = shortened(summary.damage);
    for (auto& recording : got.visitor.recordings) recording.name = shortened(recording.name);
  } else {
    got.error = shortened(read.error().message);
  }
  return got;
}

TEST(TraceReader, TellsFormatsByContentAndNeverByName) {
  for (const std::string& bytes : {kTrace, gzip(kTrace), member("a", kTrace) + kTarEnd,
                                   gzip(member("a", gzip(kTrace)) + kTarEnd), "\n\n " + kTrace}) {
    for (const char* name : {"t.json", "t.json.gz", "t.sqlite", "t.tar", "t"}) {
      const Read got = read_bytes(bytes, name);
      EXPECT_EQ(got.error, "");
      ASSERT_EQ(got.summaries.size(), 1U);
      EXPECT_EQ(got.summaries[0].executions, 1U);
      EXPECT_EQ(got.summaries[0].damage, "");
      EXPECT_EQ(got.visitor.recordings.at(0).sink.executions.size(), 1U);
    }
  }
}

TEST(TraceReader, NsightExportsGoToTheirReader) {
  const TemporaryFolder folder;
  CollectingVisitor visitor;
  const auto read = read_trace(folder.sqlite("x.json", "CREATE TABLE a(b)"), visitor);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("x.json"), std::string::npos);
  EXPECT_NE(read.error().message.find("Nsight"), std::string::npos) << read.error().message;
}

TEST(TraceReader, WhatIsNoRegularFileIsRefused) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo(folder.path("pipe").c_str(), 0600), 0);
  for (const std::string& path :
       {folder.path("none"), folder.path("."), std::string("/dev/zero"), folder.path("pipe")}) {
    CollectingVisitor visitor;
    const auto read = read_trace(path, visitor);
    ASSERT_FALSE(read) << path;
    EXPECT_TRUE(read.error().message.starts_with(path)) << read.error().message;
    EXPECT_TRUE(visitor.recordings.empty());
  }
}

TEST(TraceReader, TheIdIsThatOfTheContent) {
  const auto id = [](const std::string& bytes) {
    return read_bytes(bytes).summaries.at(0).file_id;
  };
  EXPECT_EQ(id(kTrace), id(kTrace));
  EXPECT_NE(id(kTrace), id(kTrace + " "));
  const Read two = read_bytes(member("a", kTrace) + member("b", kTrace) + kTarEnd);
  ASSERT_EQ(two.summaries.size(), 2U);
  EXPECT_NE(two.summaries[0].file_id, two.summaries[1].file_id);
}

TEST(TraceReader, AnArchiveIsARecordingForEachFile) {
  const Read got = read_bytes(member("dir/", "", '5') + member("dir/w2.json", kTrace) +
                              member("w1.json", gzip(kTrace), '0', "some/where") + kTarEnd);
  ASSERT_EQ(got.visitor.recordings.size(), 2U) << got.error;
  EXPECT_EQ(got.visitor.recordings[0].name, "t:dir/w2.json");
  EXPECT_EQ(got.visitor.recordings[1].name, "t:some/where/w1.json");
  EXPECT_EQ(got.summaries[1].executions, 1U);
}

TEST(TraceReader, LongNamesOfMembersAreFollowed) {
  const std::string name(300, 'n');
  const auto f = [&](const std::string& before) {
    const Read got =
        read_bytes(before + member("short", kTrace) + member("next", kTrace) + kTarEnd);
    ASSERT_EQ(got.visitor.recordings.size(), 2U) << got.error;
    EXPECT_EQ(got.visitor.recordings[0].name, "t:" + name);
    EXPECT_EQ(got.visitor.recordings[1].name, "t:next");
  };
  f(member("././@LongLink", name + std::string(1, '\0'), 'L'));
  f(member("PaxHeader/short", "20 mtime=1.25\n312 path=" + name + "\n", 'x'));
}

TEST(TraceReader, AMemberThatIsNoRecordingDoesNotSpoilTheOthers) {
  const Read got = read_bytes(member("README", "hello") + member("a", kTrace) + kTarEnd);
  ASSERT_EQ(got.summaries.size(), 2U);
  EXPECT_EQ(got.summaries[0].events, 0U);
  EXPECT_EQ(got.summaries[0].damage,
            "t:README: byte 0: expected a JSON object or array of trace events");
  EXPECT_EQ(got.summaries[1].executions, 1U);
  EXPECT_EQ(read_bytes(member("README", "hello") + kTarEnd).error,
            "t: none of the 1 files in this archive is a recording");
}

TEST(TraceReader, AnArchiveThatIsCutGivesWhatIsWhole) {
  const std::string whole =
      member("a", kTrace) +
      member("b", "[" + kTrace.substr(16, kTrace.size() - 18) + "\n" + std::string(2000, ' ')) +
      kTarEnd;
  const auto damage = [&whole](std::size_t size) {
    const Read got = read_bytes(whole.substr(0, size));
    EXPECT_EQ(got.error, "");
    return got.summaries.back().damage;
  };
  EXPECT_EQ(damage(whole.size()), "");
  EXPECT_EQ(damage(4 * kTarBlock), "t:b: the archive ends inside this member");
  EXPECT_EQ(damage(2 * kTarBlock + 100), "t: the archive ends inside a header");
  std::string broken = whole;
  broken[2 * kTarBlock] = 'X';
  EXPECT_EQ(read_bytes(broken).summaries.back().damage,
            "t: a header of the archive is damaged, the rest of it is lost");
}

TEST(TraceReader, AReadThatFailsBeforeAnythingIsAnError) {
  const TemporaryFolder folder;
  const std::string path = folder.bytes("t", kTrace);
  const FailpointArmed armed("file.read");
  CollectingVisitor visitor;
  const auto read = read_trace(path, visitor);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, path + ": Input/output error");
}

}  // namespace
}  // namespace gpuvigil
