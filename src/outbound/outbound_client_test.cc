// SPDX-License-Identifier: Apache-2.0
#include "outbound/outbound_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "outbound/testing_receiver.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::http_reply;
using ::testing::Not;
using testing::Received;
using testing::ScriptedReceiver;

std::unique_ptr<OutboundClient> open(OutboundOptions options) {
  auto client = OutboundClient::open(std::move(options));
  EXPECT_TRUE(client);
  return *std::move(client);
}

OutboundUrl url_of(std::string_view text) {
  auto url = OutboundUrl::parse(text);
  EXPECT_TRUE(url) << text;
  return *std::move(url);
}

OutboundOptions local() {
  return {.addresses = {.loopback = true}, .deadline = 20s};
}

/// GETs the URL with that client.
OutboundResult get(OutboundClient& client, std::string_view text) {
  const OutboundUrl url = url_of(text);
  return client.send({.method = OutboundMethod::kGet, .url = url});
}

ScriptedReceiver::Script always(std::string reply) {
  return [reply = std::move(reply)](const Received&, std::size_t) { return reply; };
}

TEST(OutboundUrl, IsReadOrRefusedWithoutRepeatingIt) {
  EXPECT_EQ(url_of("https://example.org/hook/secret?x=1").origin(), "https://example.org:443");
  EXPECT_EQ(url_of("http://[::1]:9/").origin(), "http://[::1]:9");
  const auto refused = [](std::string_view text) {
    const auto url = OutboundUrl::parse(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, Errc::kInvalidArgument);
    EXPECT_THAT(url.error().message, Not(HasSubstr("sesame")));
  };
  refused("");
  refused("sesame");
  refused("ftp://host/sesame");
  refused("file:///sesame");
  refused("http://user:sesame@host/");
  refused("http://host:99999/sesame");
  refused("http://host/sesame\r\nX: y");
  refused("http://host/" + std::string(OutboundUrl::kMaxBytes, 'a'));
}

TEST(OutboundClient, SendsBodyAndHeadersAndReturnsTheAnswer) {
  ScriptedReceiver receiver(always(http_reply(418, "", "short and stout")));
  const auto client = open(local());
  const OutboundUrl url = url_of(receiver.url("/a?b=c"));
  const Secret secret("Bearer open sesame");
  const auto answer = client->send({.url = url,
                                    .content_type = "text/plain",
                                    .body = std::string_view("a\0b", 3),
                                    .authorization = &secret,
                                    .headers = {{"X-One", "1"}}});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 418);
  EXPECT_EQ(answer->body, "short and stout");
  EXPECT_FALSE(answer->cut);
  EXPECT_FALSE(answer->retry_after);
  const Received request = receiver.received().at(0);
  EXPECT_THAT(request.head, HasSubstr("POST /a?b=c HTTP/1.1\r\n"));
  EXPECT_THAT(request.head, HasSubstr("\r\nContent-Type: text/plain\r\n"));
  EXPECT_THAT(request.head, HasSubstr("\r\nAuthorization: Bearer open sesame\r\n"));
  EXPECT_THAT(request.head, HasSubstr("\r\nX-One: 1\r\n"));
  EXPECT_THAT(request.head, HasSubstr("\r\nUser-Agent: gpuvigil/"));
  EXPECT_EQ(request.body, std::string_view("a\0b", 3));
}

TEST(OutboundClient, SendsNoSecretOfAnEarlierRequest) {
  ScriptedReceiver receiver(always(http_reply(200)));
  const auto client = open(local());
  const OutboundUrl url = url_of(receiver.url());
  const Secret secret("Bearer open sesame");
  ASSERT_TRUE(client->send({.url = url, .body = "x", .authorization = &secret}));
  ASSERT_TRUE(client->send({.method = OutboundMethod::kGet, .url = url}));
  EXPECT_THAT(receiver.received().at(1).head, HasSubstr("GET / HTTP/1.1"));
  EXPECT_THAT(receiver.received().at(1).head, Not(HasSubstr("sesame")));
}

TEST(OutboundClient, DoesNotFollowRedirects) {
  ScriptedReceiver receiver(always(http_reply(302, "Location: http://127.0.0.1:1/\r\n")));
  const auto client = open(local());
  const auto answer = get(*client, receiver.url());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 302);
  EXPECT_EQ(receiver.received().size(), 1);
}

TEST(OutboundClient, KeepsTheHeadOfALongAnswer) {
  ScriptedReceiver receiver(always(http_reply(200, "", std::string(100'000, 'x'))));
  OutboundOptions options = local();
  options.max_answer = 1000;
  const auto client = open(options);
  const auto answer = get(*client, receiver.url());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body.size(), 1000);
  EXPECT_TRUE(answer->cut);
}

TEST(OutboundClient, RefusesAHeaderWithoutEnd) {
  std::string headers;
  for (int i = 0; i < 2000; ++i) headers += fmt::format("X-{}: {}\r\n", i, std::string(50, 'x'));
  ScriptedReceiver receiver(always(http_reply(200, headers)));
  const auto answer = get(*open(local()), receiver.url());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, OutboundFault::kBroken);
  EXPECT_THAT(answer.error().message, HasSubstr("header is too long"));
}

TEST(OutboundClient, ReadsRetryAfter) {
  const auto wait = [](std::string_view value) {
    ScriptedReceiver receiver(always(http_reply(503, fmt::format("Retry-After: {}\r\n", value))));
    const auto answer = get(*open(local()), receiver.url());
    return answer ? answer->retry_after : std::nullopt;
  };
  EXPECT_EQ(wait("7"), 7s);
  EXPECT_EQ(wait("99999999"), 1h);
  EXPECT_EQ(wait("Fri, 31 Dec 2199 23:59:59 GMT"), 1h);
  EXPECT_EQ(wait("Fri, 31 Dec 1999 23:59:59 GMT"), std::nullopt);
  EXPECT_EQ(wait("soon"), std::nullopt);
}

TEST(OutboundClient, RefusesAddressesHoweverTheyAreWritten) {
  ScriptedReceiver receiver(always(http_reply(200)));
  const auto client = open({});
  for (const std::string_view host :
       {"127.0.0.1", "localhost", "2130706433", "0x7f000001", "017700000001", "0x7f.1", "127.1",
        "[::1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]", "0.0.0.0", "169.254.169.254",
        "10.0.0.1", "[fe80::1]"}) {
    const auto answer = get(*client, fmt::format("http://{}:{}/", host, receiver.port()));
    ASSERT_FALSE(answer) << host;
    EXPECT_EQ(answer.error().fault, OutboundFault::kAddressRefused)
        << host << ": " << answer.error().message;
  }
  EXPECT_EQ(receiver.received().size(), 0);
}

TEST(OutboundClient, ReachesWhatThePolicyAllowsHoweverItIsWritten) {
  ScriptedReceiver receiver(always(http_reply(200)));
  const auto client = open(local());
  for (const std::string_view host : {"127.0.0.1", "2130706433", "0x7f.1", "localhost"}) {
    const auto answer = get(*client, fmt::format("http://{}:{}/", host, receiver.port()));
    ASSERT_TRUE(answer) << host << ": " << answer.error().message;
  }
}

TEST(OutboundClient, TellsFaultsApartWithoutPathOrQuery) {
  const auto fault = [](const OutboundResult& result, OutboundFault want) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().fault, want) << result.error().message;
    EXPECT_THAT(result.error().message, HasSubstr("http"));
    EXPECT_THAT(result.error().message, Not(HasSubstr("sesame")));
  };
  std::string gone;
  {
    ScriptedReceiver receiver(always(""));
    fault(get(*open(local()), receiver.url("/sesame")), OutboundFault::kUnreachable);
    gone = receiver.url("/sesame");
  }
  fault(get(*open(local()), gone), OutboundFault::kUnreachable);
  ScriptedReceiver garbage(always("SSH-2.0-OpenSSH_9.2\r\n"));
  fault(get(*open(local()), garbage.url("/sesame")), OutboundFault::kBroken);
  ScriptedReceiver plain(always("no TLS here"));
  fault(get(*open(local()), fmt::format("https://127.0.0.1:{}/sesame", plain.port())),
        OutboundFault::kTls);
}

TEST(OutboundClient, GivesUpAtTheDeadline) {
  ScriptedReceiver receiver(always(std::string(ScriptedReceiver::kSilence)));
  OutboundOptions options = local();
  options.deadline = 50ms;
  const auto answer = get(*open(options), receiver.url());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, OutboundFault::kTimeout);
}

TEST(OutboundClient, RefusesHeadersThatWouldBeTwo) {
  ScriptedReceiver receiver(always(http_reply(200)));
  const auto client = open(local());
  const OutboundUrl url = url_of(receiver.url());
  const Secret broken("Bearer a\r\nX-Evil: 1");
  for (const OutboundRequest& request :
       {OutboundRequest{.url = url, .headers = {{"X", "a\nX-Evil: 1"}}},
        OutboundRequest{.url = url, .content_type = "a\r\nb"},
        OutboundRequest{.url = url, .authorization = &broken}}) {
    const auto answer = client->send(request);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().fault, OutboundFault::kBadRequest);
  }
  EXPECT_EQ(receiver.received().size(), 0);
}

TEST(OutboundClient, IsCancelledWhileItWaitsAndEverAfter) {
  ScriptedReceiver receiver(always(std::string(ScriptedReceiver::kSilence)));
  const auto client = open(local());
  std::thread other([&] {
    EXPECT_TRUE(receiver.wait_for(1));
    client->cancel();
  });
  const auto answer = get(*client, receiver.url());
  other.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, OutboundFault::kCancelled);
  EXPECT_EQ(get(*client, receiver.url()).error().fault, OutboundFault::kCancelled);
}

}  // namespace
}  // namespace gpuvigil
