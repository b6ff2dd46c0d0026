// SPDX-License-Identifier: Apache-2.0
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "apps/config.h"
#include "exporters/device_metrics.h"
#include "fleet/promql.h"
#include "model/metric.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

/// Whoever asks and whoever writes have a table of names each: this holds them together.
TEST(FleetNames, AreThoseThatExportersWrite) {
  std::set<std::string> written;
  for (const DeviceFamilyRow& row : own_device_families()) {
    written.insert(row.head.name + std::string(sample_suffix(row.head)));
  }
  for (const Metric& metric : kMetrics) {
    const auto stored = stored_metric(metric.name);
    ASSERT_TRUE(stored) << metric.name;
    EXPECT_TRUE(written.contains(stored->name)) << stored->name;
    EXPECT_TRUE(stored->total.empty() || written.contains(stored->total)) << stored->total;
  }
}

TEST(FleetConfig, GoesThereAndBack) {
  const auto config = parse_config(
      "[server]\nnode_name = 'a \"b\"'\n[history]\nstore = 'prometheus:https://x:1/select/0'\n"
      "store_token_file = '/t'\nstore_ca_file = '/c.pem'\nstore_resolution = '1m'\n",
      "test.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(node_name(*config), "a \"b\"");
  EXPECT_EQ(read_store(config->history.store)->text(), "https://x:1/select/0");
  EXPECT_EQ(config->history.store_resolution, 1min);
  // But for what stands behind the host, which may be a password.
  const std::string printed = format_config(*config);
  EXPECT_NE(printed.find("not shown\nstore = \"prometheus:https://x:1\"\n"), std::string::npos);
  auto open = *config;
  open.history.store = "prometheus:https://x:1";
  EXPECT_EQ(format_config(*parse_config(printed, "again")), format_config(open));
  EXPECT_EQ(format_config(open).find("not shown"), std::string::npos);
  EXPECT_FALSE(node_name(Config()).empty());
}

TEST(FleetConfig, RefusesWhatIsNoStore) {
  const auto f = [](std::string_view text, const char* says) {
    const auto store = read_store(text);
    ASSERT_FALSE(store) << text;
    EXPECT_NE(store.error().message.find(says), std::string::npos) << store.error().message;
  };
  f("", "prometheus:URL");
  f("http://x", "prometheus:URL");
  f("prometheus:", "");
  f("prometheus:ftp://x", "http");
  f("prometheus:http://u:p@x", "user");
  f("prometheus:http://x/?a=b", "/api/v1");
  f("prometheus:http://x/#a", "/api/v1");
}

}  // namespace
}  // namespace gpuvigil
