// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "apps/client.h"
#include "apps/client_token.h"
#include "apps/config.h"
#include "apps/config_reader.h"
#include "apps/progress.h"
#include "apps/tables.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

JsonValue json(std::string_view text) {
  auto value = parse_json(text, 1 << 20);
  EXPECT_TRUE(value) << text;
  return value ? *value : JsonValue();
}

TEST(Config, DefaultsGoThereAndBack) {
  const std::string text = format_config(Config());
  const auto config = parse_config(text, "test.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(format_config(*config), text);
}

TEST(Config, EachKeyIsReadWithItsUnit) {
  const auto config = parse_config(
      "[server]\nlisten = '[::1]:9'\ntls_certificate = '/a \"b\".pem'\ntls_key = '/k.pem'\n"
      "drain = '1m'\n[frames]\nperiod = '250ms'\n"
      "[limits]\nkernels = 100\nseries = 200\nconnections = 5\n[demo]\nseed = 7\n"
      "[alerts]\nutilization_percent = 80\nmemory_for = '2s'\nno_data_for = '1h'\n"
      "[log]\nlevel = 'warn'\nformat = 'json'\n",
      "test.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server.listen, "[::1]:9");
  EXPECT_EQ(config->server.tls_certificate, "/a \"b\".pem");
  EXPECT_EQ(config->server.tls_key, "/k.pem");
  EXPECT_EQ(format_config(*parse_config(format_config(*config), "again")), format_config(*config));
  EXPECT_EQ(config->server.drain, 1min);
  EXPECT_EQ(config->frames.period, 250ms);
  EXPECT_EQ(config->limits.kernels, 100U);
  EXPECT_EQ(config->demo.seed, 7U);
  EXPECT_EQ(config->alerts.builtin.utilization_percent, 80);
  EXPECT_EQ(config->alerts.builtin.memory_for, 2s);
  EXPECT_EQ(config->alerts.builtin.no_data_for, 1h);
  EXPECT_EQ(config->log.level, LogLevel::kWarn);
  EXPECT_EQ(config->log.format, LogFormat::kJson);
}

TEST(Config, EveryMistakeIsToldAtOnceWithItsLine) {
  const auto f = [](std::string_view text, std::vector<std::string_view> wants) {
    const auto config = parse_config(text, "c.toml");
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().code, Errc::kInvalidArgument);
    for (const auto want : wants) {
      EXPECT_NE(config.error().message.find(want), std::string::npos) << config.error().message;
    }
  };
  f("[server]\nlisten = 5\n\n[frames]\nperiod = '11s'\nperoid = 1\n",
    {"c.toml:2: server.listen: must be a text",
     "c.toml:5: frames.period: must be a time from 100ms",
     "c.toml:6: frames.peroid: unknown key; did you mean frames.period?"});
  f("servre = 1\n", {"c.toml:1: servre: unknown key"});
  f("[what]\nx = 1\n", {"c.toml:1: what: unknown key"});
  f("server = 1\n", {"c.toml:1: server: unknown key"});
  f("[server]\ntls_key = 'k'\n", {"c.toml:2: server.tls_key: needs server.tls_certificate too"});
  f("[limits]\nkernels = -1\n", {"c.toml:2: limits.kernels: must be a whole number"});
  f("[limits]\nkernels = 1.5\n", {"c.toml:2: limits.kernels"});
  f("[limits]\nkernels = 500\nseries = 100\n", {"c.toml:3: limits.series: must be at least"});
  f("[alerts]\nmemory_percent = 'x'\n", {"c.toml:2: alerts.memory_percent: must be a number"});
  f("[alerts]\nmemory_percent = nan\n", {"c.toml:2: alerts.memory_percent"});
  f("[log]\nlevel = 'off'\nformat = 3\n",
    {"c.toml:2: log.level: must be \"debug\"", "c.toml:3: log.format: must be a text"});
  f("a = \n", {"c.toml:1: not TOML"});
  f("\xFF\xFE", {"c.toml:1: not TOML"});
}

TEST(Listen, ReadsAddressAndPort) {
  const auto f = [](std::string_view text, std::string_view address, int port) {
    const auto listen = parse_listen(text);
    if (port < 0) {
      EXPECT_FALSE(listen) << text;
      return;
    }
    ASSERT_TRUE(listen) << text;
    EXPECT_EQ(listen->address, address);
    EXPECT_EQ(listen->port, port);
  };
  f("127.0.0.1:8080", "127.0.0.1", 8080);
  f("[::1]:0", "::1", 0);
  f("localhost:1", "127.0.0.1", 1);
  f("::1:80", "", -1);
  f("127.0.0.1", "", -1);
  f("127.0.0.1:", "", -1);
  f("127.0.0.1:65536", "", -1);
  f("127.0.0.1:-1", "", -1);
  f(":80", "", -1);
  f("", "", -1);
}

TEST(Client, QueriesAreEncoded) {
  EXPECT_EQ(query_string({}), "");
  EXPECT_EQ(query_string({{"name", "*a<b>&c*"}, {"limit", "5"}}),
            "?name=%2Aa%3Cb%3E%26c%2A&limit=5");
}

TEST(Progress, ALineTellsShareRateAndTimeLeft) {
  EXPECT_NE(progress_line(50 << 20, 100 << 20, 10s).find("50 %  50 MiB of 100 MiB  5 MiB/s  0:10"),
            std::string::npos);
  EXPECT_NE(progress_line(0, 0, 0s).find("100 %"), std::string::npos);
}

TEST(Tables, UnknownIsADashAndForeignTextIsHarmless) {
  const std::string status = status_table(json(
      R"({"devices":[{"index":0,"gpu_utilization":null,"memory":{"used_mb":512,"total_mb":1024},
          "health":"ok","source":"demo","name":"x\u001b[2Jy","throttle_reasons":["hw_slowdown"]}],
          "gpu_utilization":null,"memory":{},"uptime_seconds":65})"));
  EXPECT_NE(status.find("512 MiB / 1024 MiB"), std::string::npos) << status;
  EXPECT_NE(status.find("GPU 0 is throttled: hw_slowdown"), std::string::npos);
  EXPECT_EQ(status.find('\x1b'), std::string::npos);
  EXPECT_NE(status_table(json(R"({"devices":[],"reason":"none"})")).find("no device: none"),
            std::string::npos);
}

TEST(Tables, KernelsAlertsAndMessagesAreLines) {
  const std::string kernels = kernels_table(json(
      R"({"demo":true,"kernels":[{"short_name":"sgemm","total_calls":1234567,
          "total_time_ms":1200.5,"share_percent":99.5,"devices":[0,1]}],
          "total_kernels":3,"dropped_executions":2})"));
  EXPECT_NE(kernels.find("1,234,567"), std::string::npos) << kernels;
  EXPECT_TRUE(kernels.starts_with("DEMO: simulated machine\n")) << kernels;
  EXPECT_NE(kernels.find("1 of 3 kernels; 2 executions could not be counted"), std::string::npos);
  EXPECT_NE(alerts_table(json(R"({"alerts":[],"active_alerts":0,"total_alerts_today":4})"))
                .find("no alerts\n0 active, 4 today"),
            std::string::npos);
  const std::string line = stream_line(json(
      R"({"type":"gpu_metrics","demo":true,"timestamp":"T","gpu_utilization":50,
          "memory_used_mb":null,
          "recent_kernels":[{"name":"k","duration_ms":0.312}],"dropped":2})"));
  EXPECT_TRUE(line.starts_with("DEMO  T")) << line;
  EXPECT_NE(line.find("k 312 µs"), std::string::npos) << line;
  EXPECT_NE(line.find("(2 messages missed)"), std::string::npos);
}

TEST(Config, WhoMayCallIsReadAndWrongOnesAreNamed) {
  const auto config = parse_config(
      "[server]\nauth = 'token'\nrate_limit = '5:9'\nsession_rate_limit = 'off'\n"
      "hosts = ['gpu7.example', 'gpu8']\nstate_directory = '/x'\n",
      "c.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server.auth, AuthMode::kToken);
  EXPECT_EQ(config->server.rate_limit, (Rate{5, 9}));
  EXPECT_EQ(config->server.session_rate_limit, std::nullopt);
  EXPECT_EQ(config->server.hosts, (std::vector<std::string>{"gpu7.example", "gpu8"}));
  const std::string text = format_config(*config);
  EXPECT_EQ(format_config(*parse_config(text, "again")), text);

  const auto wrong = parse_config(
      "[server]\nauth = 'on'\nrate_limit = 'fast'\nhosts = 'x'\nsession_rate_limit = 5\n",
      "c.toml");
  ASSERT_FALSE(wrong);
  for (const auto* want : {"c.toml:2: server.auth: must be local, token or off, not on",
                           "c.toml:3: server.rate_limit: must be RATE[:BURST]",
                           "c.toml:4: server.hosts: must be a list",
                           "c.toml:5: server.session_rate_limit: must be a text"}) {
    EXPECT_NE(wrong.error().message.find(want), std::string::npos) << wrong.error().message;
  }
}

TEST(ClientToken, GoesOnlyToAPortWhoseListenersAreOurs) {
  constexpr std::string_view kTable =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0\n"
      "   1: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0\n"
      "   2: 0100007F:1F92 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0\n"
      "   3: 00000000:1F92 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0\n"
      "   4: 0100007F:1F93 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        "
      "0\n";
  EXPECT_TRUE(listens_for(kTable, 0x1F90, 1000));
  EXPECT_FALSE(listens_for(kTable, 0x1F90, 1001));
  EXPECT_TRUE(listens_for(kTable, 0x1F91, 1000));   // root's
  EXPECT_FALSE(listens_for(kTable, 0x1F92, 1000));  // somebody else is there too
  EXPECT_FALSE(listens_for(kTable, 0x1F93, 1000));  // connected, does not listen
  EXPECT_FALSE(listens_for(kTable, 0x1F94, 1000));
  EXPECT_FALSE(listens_for("", 0x1F90, 1000));
}

}  // namespace
}  // namespace gpuvigil
