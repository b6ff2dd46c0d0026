// SPDX-License-Identifier: Apache-2.0
//
// A table of what may come over a connection, sent whole and byte by byte.
#include "net/http_cases.h"

#include <charconv>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "net/ascii.h"
#include "net/server_test_kit.h"
#include "net/socket.h"

namespace gpuvigil {
namespace {

using ::testing::EndsWith;
using testing::get;
using testing::HttpCase;
using testing::RawClient;
using testing::status_of;
using testing::TestServer;

HttpServerOptions small_server() {
  return {.limits = {.request = {.header_bytes = testing::kCaseHeader,
                                 .header_fields = testing::kCaseFields,
                                 .body_bytes = testing::kCaseBody}}};
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    out.push_back(text.substr(0, text.find(' ')));
    text.remove_prefix(std::min(out.back().size() + 1, text.size()));
  }
  return out;
}

/// Sends it in pieces of that size; the server may have closed before the last one.
void send_in_pieces(RawClient& client, std::string_view wire, std::size_t piece) {
  set_option(client.fd(), IPPROTO_TCP, TCP_NODELAY);
  for (std::size_t at = 0; at < wire.size(); at += piece) {
    if (!client.send(wire.substr(at, piece))) return;
  }
}

/// The next response, and in `seen` its status. An interim response that a slow sender may have
/// asked for is passed over, unless it is the one that is wanted.
std::string read_final(RawClient& client, int want) {
  std::string response = client.read_response();
  while (status_of(response) == 100 && want != 100) response = client.read_response();
  return response;
}

void expect_outcome(RawClient& client, const HttpCase& one) {
  const auto wanted = words(one.want);
  std::string last;
  for (const std::string_view word : std::span(wanted).first(wanted.size() - 1)) {
    int status = 0;
    std::from_chars(word.data(), word.data() + word.size(), status);
    last = read_final(client, status);
    ASSERT_EQ(status_of(last), status) << last;
  }
  if (!one.body.empty()) {
    EXPECT_THAT(last, EndsWith("\r\n\r\n" + one.body));
  }
  if (wanted.back() == "open") {
    client.send(get("/probe"));
    EXPECT_THAT(client.read_response(), EndsWith("\r\n\r\n0 /probe|"));
    return;
  }
  // Who waits for more gives up when it is told that there is none.
  if (wanted.back() == "waiting") client.shut_down_sending();
  EXPECT_EQ(client.read_to_end(), "");
}

void expect_all(const std::vector<HttpCase>& cases) {
  const TestServer server(small_server());
  for (const HttpCase& one : cases) {
    for (const std::size_t piece : {one.wire.size() + 1, std::size_t{1}}) {
      SCOPED_TRACE(fmt::format("{}, {}", one.name, piece == 1 ? "byte by byte" : "whole"));
      RawClient client(server.port());
      send_in_pieces(client, one.wire, piece);
      EXPECT_NO_THROW(expect_outcome(client, one));
      RawClient next(server.port());
      next.send(get("/next"));
      ASSERT_THAT(next.read_response(), EndsWith("\r\n\r\n0 /next|"));
    }
  }
  ::testing::Test::RecordProperty("cases", static_cast<int>(cases.size()));
}

TEST(HttpCases, RequestLine) {
  expect_all(testing::request_line_cases());
}

TEST(HttpCases, Version) {
  expect_all(testing::version_cases());
}

TEST(HttpCases, FirstBytes) {
  expect_all(testing::first_bytes_cases());
}

TEST(HttpCases, Target) {
  expect_all(testing::target_cases());
}

TEST(HttpCases, Field) {
  expect_all(testing::field_cases());
}

TEST(HttpCases, Host) {
  expect_all(testing::host_cases());
}

TEST(HttpCases, Length) {
  expect_all(testing::length_cases());
}

TEST(HttpCases, Chunk) {
  expect_all(testing::chunk_cases());
}

TEST(HttpCases, BrokenChunk) {
  expect_all(testing::broken_chunk_cases());
}

TEST(HttpCases, ChunkExtension) {
  expect_all(testing::chunk_extension_cases());
}

TEST(HttpCases, Trailer) {
  expect_all(testing::trailer_cases());
}

TEST(HttpCases, Coding) {
  expect_all(testing::coding_cases());
}

TEST(HttpCases, Exchange) {
  expect_all(testing::exchange_cases());
}

TEST(HttpCases, Expectation) {
  expect_all(testing::expectation_cases());
}

/// What the answer looks like, where the request has a say in it.
struct AnswerCase {
  std::string_view name;
  std::string_view request_line;
  std::string fields;
  int status;
  std::string_view has;      ///< In the header, with its line end; empty: nothing in particular.
  std::string_view has_not;  ///< Empty: nothing in particular.
  bool has_body;
};

constexpr std::string_view kShared = "GET /shared HTTP/1.1";

std::vector<AnswerCase> answer_cases(std::string_view etag) {
  const std::string same = fmt::format("If-None-Match: {}\r\n", etag);
  const std::string list = fmt::format("If-None-Match: \"x\", {}\r\n", etag);
  const std::string other =
      fmt::format("If-None-Match: {}x\"\r\n", etag.substr(0, etag.size() - 1));
  return {
      {"a shared body has a tag", kShared, "", 200, "ETag: W/\"", "", true},
      {"the same tag", kShared, same, 304, "ETag: W/\"", "Content-Length", false},
      {"the same tag in a list", kShared, list, 304, "ETag: ", "Content-Length", false},
      {"any tag", kShared, "If-None-Match: *\r\n", 304, "ETag: ", "Content-Length", false},
      {"another tag", kShared, other, 200, "Content-Length: ", "", true},
      {"a tag that is none", kShared, "If-None-Match: x\r\n", 200, "Content-Length: ", "", true},
      {"an empty tag", kShared, "If-None-Match:\r\n", 200, "Content-Length: ", "", true},
      {"a tag of nobody's body", "GET /echo HTTP/1.1", "If-None-Match: *\r\n", 200, "", "ETag",
       true},
      {"HEAD", "HEAD /shared HTTP/1.1", "", 200, "Content-Length: ", "", false},
      {"HEAD with the same tag", "HEAD /shared HTTP/1.1", same, 304, "ETag: ", "", false},
      {"gzip", kShared, "Accept-Encoding: gzip\r\n", 200, "Content-Encoding: gzip\r\n", "", true},
      {"gzip in a list", kShared, "Accept-Encoding: br, gzip;q=0.5\r\n", 200,
       "Content-Encoding: gzip\r\n", "", true},
      {"anything", kShared, "Accept-Encoding: *\r\n", 200, "Content-Encoding: gzip\r\n", "", true},
      {"gzip unwanted", kShared, "Accept-Encoding: gzip;q=0\r\n", 200, "Vary: Accept-Encoding\r\n",
       "Content-Encoding", true},
      {"anything but gzip", kShared, "Accept-Encoding: gzip;q=0, *\r\n", 200, "",
       "Content-Encoding", true},
      {"br alone", kShared, "Accept-Encoding: br\r\n", 200, "", "Content-Encoding", true},
      {"no coding named", kShared, "Accept-Encoding:\r\n", 200, "", "Content-Encoding", true},
      {"HEAD with gzip", "HEAD /shared HTTP/1.1", "Accept-Encoding: gzip\r\n", 200,
       "Content-Encoding: gzip\r\n", "", false},
      {"too small for gzip", "GET /echo HTTP/1.1", "Accept-Encoding: gzip\r\n", 200, "",
       "Content-Encoding", true},
      {"HTTP/1.0 closes", "GET /echo HTTP/1.0", "", 200, "Connection: close\r\n", "", true},
      {"HTTP/1.0 kept", "GET /echo HTTP/1.0", "Connection: keep-alive\r\n", 200,
       "Connection: keep-alive\r\n", "", true},
      {"HTTP/1.1 says nothing", "GET /echo HTTP/1.1", "", 200, "", "Connection:", true},
      {"a refusal closes", "GET /%zz HTTP/1.1", "", 400, "Connection: close\r\n", "", true},
      {"what was thrown", "GET /throw HTTP/1.1", "", 500, "Content-Length: ", "Connection:", true},
      {"a header that would inject", "GET /evil HTTP/1.1", "", 200, "X-Evil: a  Injected: yes\r\n",
       "\r\nInjected:", true},
  };
}

TEST(HttpCases, Answers) {
  TestServer server;
  server.app.shared = std::make_shared<const std::string>(std::string(5000, 'x'));
  server.app.shared_type = "text/plain";
  RawClient first(server.port());
  first.send(get("/shared"));
  const std::string response = first.read_response();
  const std::size_t at = response.find("ETag: ") + 6;
  const std::string etag = response.substr(at, response.find("\r\n", at) - at);
  for (const AnswerCase& one : answer_cases(etag)) {
    SCOPED_TRACE(one.name);
    RawClient client(server.port());
    client.send(fmt::format("{}\r\nHost: localhost\r\n{}\r\n{}", one.request_line, one.fields,
                            get("/last", "Connection: close\r\n")));
    const std::string head = client.read_until("\r\n\r\n");
    EXPECT_EQ(status_of(head), one.status);
    EXPECT_THAT(head, ::testing::HasSubstr(std::string(one.has)));
    if (!one.has_not.empty()) {
      EXPECT_THAT(head, ::testing::Not(::testing::HasSubstr(std::string(one.has_not))));
    }
    const bool ended = head.find("Connection: close") != std::string::npos;
    const std::string rest = client.read_to_end();
    // A body, then the answer to the next request; the latter alone; or the body alone.
    const std::size_t next = rest.find("HTTP/1.1 200 OK\r\n");
    EXPECT_EQ(next == std::string::npos, ended) << rest.substr(0, 100);
    EXPECT_EQ((ended ? rest.size() : next) > 0, one.has_body);
  }
}

}  // namespace
}  // namespace gpuvigil
