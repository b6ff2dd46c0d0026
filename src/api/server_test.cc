// SPDX-License-Identifier: Apache-2.0
#include "gpuvigil/server.h"

#include <atomic>
#include <csignal>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include "base/json_reader.h"
#include "net/http_client.h"
#include "net/stream_client.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr Duration kPatience = 30s;
constexpr ServerOptions any_port() {
  return {.address = "127.0.0.1", .port = 0};
}

std::string body_of(const Server& server, const std::string& path) {
  const auto answer = http_get(server.url() + path, {.timeout = kPatience});
  if (!answer) return answer.error().message;
  EXPECT_EQ(answer->status, 200U) << answer->body;
  return answer->body;
}

TEST(Server, TwoLinesServeWhatTheProgramRecorded) {
  GpuMonitor monitor;
  Server server(monitor, any_port());
  ASSERT_TRUE(server.start());
  EXPECT_EQ(server.url(), "http://127.0.0.1:" + std::to_string(server.port()));

  ASSERT_TRUE(monitor.record_kernel_execution("conv2d", 0.312, 128.0));
  ASSERT_TRUE(monitor.update_gpu_stats(73.5, 2048, 8192));
  (void)monitor.get_report();  // what was recorded is in a frame now
  EXPECT_THAT(body_of(server, "/api/v1/gpu/status"), HasSubstr("\"gpu_utilization\":73.5"));
  EXPECT_THAT(body_of(server, "/api/v1/gpu/kernels"), HasSubstr("conv2d"));
  EXPECT_THAT(body_of(server, "/api/v1/gpu/alerts"), HasSubstr("\"alerts\":[]"));
  EXPECT_THAT(body_of(server, "/api/v1/gpu/report"), HasSubstr("\"total_kernel_calls\":1"));
  EXPECT_THAT(body_of(server, "/readyz"), HasSubstr("ready"));
}

TEST(Server, StreamsTheProgramsOwnKernels) {
  GpuMonitor monitor;
  Server server(monitor, any_port());
  ASSERT_TRUE(server.start());
  auto stream = StreamClient::connect(server.url() + "/api/v1/gpu/stream?interval_ms=100",
                                      {.timeout = kPatience});
  ASSERT_TRUE(stream) << stream.error().message;
  ASSERT_TRUE(monitor.record_kernel_execution("streamed", 1));
  for (std::string text; text.find("streamed") == std::string::npos;) {
    const auto message = (*stream)->next(kPatience);
    ASSERT_TRUE(message && *message) << (message ? "closed" : message.error().message);
    text = **message;
  }
  server.stop();
  while (true) {  // what was under way, then the end of the stream in good order
    const auto message = (*stream)->next(kPatience);
    ASSERT_TRUE(message) << message.error().message;
    if (!*message) break;
  }
}

TEST(Server, StartsAgainAndAgainWhileThreadsRecord) {
  GpuMonitor monitor;
  std::atomic<bool> done{false};
  std::thread recording([&] {
    auto kernel = monitor.kernel("busy");
    while (!done) (void)kernel.record(1us);
  });
  Server server(monitor, any_port());
  for (int i = 0; i < 10; ++i) {
    const ServerStatus started = server.start();
    ASSERT_TRUE(started) << started.message();
    EXPECT_THAT(body_of(server, "/api/v1/gpu/kernels"), HasSubstr("\"kernels\""));
    server.stop();
    EXPECT_EQ(server.url(), "");
    EXPECT_EQ(server.port(), 0);
  }
  done = true;
  recording.join();
}

TEST(Server, SaysWhatIsWrongWithAnAddressAndTriesAgain) {
  GpuMonitor monitor;
  Server first(monitor, any_port());
  ASSERT_TRUE(first.start());
  EXPECT_THAT(first.start().message(), HasSubstr(first.url()));

  const auto refusal = [&](const ServerOptions& options) {
    return Server(monitor, options).start().message();
  };
  EXPECT_THAT(refusal({.address = "127.0.0.1", .port = first.port()}),
              HasSubstr(std::to_string(first.port())));
  EXPECT_THAT(refusal({.address = "192.0.2.1", .port = 0}), HasSubstr("192.0.2.1"));
  EXPECT_THAT(refusal({.address = "not an address", .port = 0}), HasSubstr("not an address"));

  Server second(monitor, {.address = "127.0.0.1", .port = first.port()});
  EXPECT_FALSE(second.start());
  first.stop();
  EXPECT_TRUE(second.start());
}

TEST(Server, TwoServersShareOneMonitor) {
  GpuMonitor monitor;
  Server one(monitor, any_port());
  Server other(monitor, any_port());
  ASSERT_TRUE(one.start());
  ASSERT_TRUE(other.start());
  ASSERT_TRUE(monitor.record_kernel_execution("shared", 1));
  EXPECT_EQ(monitor.get_kernel_count(), 1U);
  EXPECT_THAT(body_of(one, "/api/v1/gpu/kernels"), HasSubstr("shared"));
  EXPECT_THAT(body_of(other, "/api/v1/gpu/kernels"), HasSubstr("shared"));
}

std::atomic<pthread_t> signalled_thread{};

TEST(Server, ThreadsOfOursTakeNoSignalOfTheProgram) {
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int) { signalled_thread = pthread_self(); };
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);

  GpuMonitor monitor;
  Server server(monitor, any_port());
  ASSERT_TRUE(server.start());
  // With the signal blocked here any thread that does not block it has to take it.
  pthread_sigmask(SIG_BLOCK, &usr1, nullptr);
  kill(getpid(), SIGUSR1);
  EXPECT_THAT(body_of(server, "/healthz"), HasSubstr("ok"));
  EXPECT_EQ(signalled_thread.load(), pthread_t());
  pthread_sigmask(SIG_UNBLOCK, &usr1, nullptr);
  EXPECT_EQ(signalled_thread.load(), pthread_self());
  sigaction(SIGUSR1, &before, nullptr);
}

}  // namespace
}  // namespace gpuvigil
