// SPDX-License-Identifier: Apache-2.0
#include "exporters/remote_write.h"

#include <bit>
#include <map>

#include <gtest/gtest.h>

#include "exporters/metric_rows.h"
#include "exporters/testing_remote_write.h"

namespace gpuvigil {
namespace {

using testing::read_remote_write;
using testing::ReadSeries;

constexpr Timestamp kAt = from_unix_ns(1'767'323'045'678'999'999);

/// One family of one label, whose rows are (value of the label, number).
class Rows {
 public:
  Rows() : rows_({{.name = "gpuvigil_x", .kind = FamilyKind::kCounter}}) {}

  std::vector<PushBody> encode(RemoteWriteFormat& format,
                               const std::vector<std::pair<std::string, MetricValue>>& rows) {
    rows_.begin();
    for (const auto& [label, value] : rows) rows_.add({{"l", label}}, {value});
    rows_.end();
    const std::array<const MetricFamily*, 1> families = {rows_.families().data()};
    return format.encode(families, kAt);
  }

 private:
  MetricRows rows_;
};

bool is_stale(double value) {
  return std::bit_cast<std::uint64_t>(value) == kStaleBits;
}

TEST(RemoteWrite, WritesSortedLabelsTheValueAndTheTimeInMilliseconds) {
  RemoteWriteFormat format({{"job", "gpuvigil"}, {"a", "1"}, {"l", "not this"}, {"empty", ""}});
  Rows rows;
  const auto bodies = rows.encode(format, {{"caf\xC3\xA9\xFF", MetricValue::number(0.735)}});
  ASSERT_EQ(bodies.size(), 1);
  EXPECT_EQ(bodies[0].samples, 1);
  const std::vector<ReadSeries> series = read_remote_write(bodies[0].bytes);
  ASSERT_EQ(series.size(), 1);
  const Labels want = {{"__name__", "gpuvigil_x_total"},
                       {"a", "1"},
                       {"job", "gpuvigil"},
                       {"l", "caf\xC3\xA9\uFFFD"}};
  EXPECT_EQ(series[0].labels, want);
  EXPECT_EQ(series[0].value, 0.735);
  EXPECT_EQ(series[0].time_ms, 1'767'323'045'678);
}

TEST(RemoteWrite, EndsASeriesOnceWithAStaleMarker) {
  RemoteWriteFormat format({});
  Rows rows;
  (void)rows.encode(format, {{"a", MetricValue::count(1)}, {"b", MetricValue::count(2)}});
  const auto next = rows.encode(format, {{"b", MetricValue::count(3)}});  // a is gone
  auto series = read_remote_write(next.at(0).bytes);
  ASSERT_EQ(series.size(), 2);
  EXPECT_EQ(series[0].labels.back().second, "a");
  EXPECT_TRUE(is_stale(series[0].value));
  EXPECT_EQ(series[1].value, 3);
  series = read_remote_write(rows.encode(format, {{"b", MetricValue()}}).at(0).bytes);
  ASSERT_EQ(series.size(), 1);
  EXPECT_TRUE(is_stale(series[0].value));
  EXPECT_TRUE(rows.encode(format, {{"b", MetricValue()}}).empty());  // told already
  EXPECT_EQ(read_remote_write(rows.encode(format, {{"b", MetricValue::count(4)}}).at(0).bytes)
                .at(0)
                .value,
            4);
}

TEST(RemoteWrite, SplitsWhatIsTooMuchForOneRequest) {
  RemoteWriteFormat format({});
  Rows rows;
  std::vector<std::pair<std::string, MetricValue>> many;
  for (int i = 0; i < 4500; ++i) many.emplace_back(std::to_string(i), MetricValue::count(1));
  const auto bodies = rows.encode(format, many);
  ASSERT_EQ(bodies.size(), 3);
  EXPECT_EQ(bodies[0].samples, RemoteWriteFormat::kMaxSamples);
  EXPECT_EQ(bodies[2].samples, 500);
  EXPECT_EQ(read_remote_write(bodies[2].bytes).size(), 500);
}

TEST(RemoteWrite, SaysWhatItIs) {
  const RemoteWriteFormat format({});
  EXPECT_EQ(format.content_type(), "application/x-protobuf");
  std::map<std::string, std::string> headers;
  for (const auto& [name, value] : format.headers()) headers[name] = value;
  EXPECT_EQ(headers["Content-Encoding"], "snappy");
  EXPECT_EQ(headers["X-Prometheus-Remote-Write-Version"], "0.1.0");
}

}  // namespace
}  // namespace gpuvigil
