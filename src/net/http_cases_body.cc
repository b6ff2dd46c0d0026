// SPDX-License-Identifier: Apache-2.0
//
// Where requests end and what happens between them: lengths, chunks, connections.
#include <fmt/format.h>

#include "net/http_cases.h"

namespace gpuvigil::testing {
namespace {

/// A POST with those fields and what follows them.
HttpCase post(std::string name, std::string_view fields, std::string_view rest,
              std::string_view want, std::string body = {}) {
  return {std::move(name),
          fmt::format("POST /p HTTP/1.1\r\nHost: localhost\r\n{}\r\n{}", fields, rest), want,
          std::move(body)};
}

HttpCase length(std::string name, std::string_view value, std::string_view want,
                std::string body = {}) {
  return post("length " + std::move(name), fmt::format("Content-Length:{}\r\n", value), "abc", want,
              std::move(body));
}

/// A body in chunks, as it stands on the wire.
HttpCase chunks(std::string name, std::string_view wire, std::string_view want,
                std::string body = {}) {
  return post("chunk " + std::move(name), "Transfer-Encoding: chunked\r\n", wire, want,
              std::move(body));
}

HttpCase coding(std::string name, std::string_view fields, std::string_view want,
                std::string body = {}) {
  return post("coding " + std::move(name), fields, "3\r\nabc\r\n0\r\n\r\n", want, std::move(body));
}

std::string get(std::string_view path, std::string_view fields = {}) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", path, fields);
}

HttpCase exchange(std::string name, std::string wire, std::string_view want,
                  std::string body = {}) {
  return {std::move(name), std::move(wire), want, std::move(body)};
}

}  // namespace

std::vector<HttpCase> length_cases() {
  using namespace std::string_view_literals;
  const std::string most(kCaseBody, 'b');
  const std::string hidden = get("/hidden");
  return {
      length("three", " 3", "200 open", "2 /p|abc"),
      length("without a space", "3", "200 open", "2 /p|abc"),
      length("with spaces behind it", " 3 \t", "200 open", "2 /p|abc"),
      length("with zeros before it", " 0003", "200 open", "2 /p|abc"),
      post("length zero", "Content-Length: 0\r\n", "", "200 open", "2 /p|"),
      post("length in lower case", "content-length: 3\r\n", "abc", "200 open", "2 /p|abc"),
      post("length of a GET", "", "", "200 open"),
      length("shorter than the body", " 2", "200 waiting", "2 /p|ab"),
      length("longer than the body", " 4", "waiting"),
      length("with a sign", " +3", "400 closed"),
      length("negative", " -3", "400 closed"),
      length("negative zero", " -0", "400 closed"),
      length("in hexadecimal", " 0x3", "400 closed"),
      length("with a letter behind it", " 3a", "400 closed"),
      length("with a point", " 3.0", "400 closed"),
      length("with an exponent", " 3e0", "400 closed"),
      length("with an underscore", " 1_0", "400 closed"),
      length("in two words", " 3 3", "400 closed"),
      length("as a list of equals", " 3, 3", "400 closed"),
      length("as a list", " 3, 4", "400 closed"),
      length("as a list that ends with nothing", " 3,", "400 closed"),
      length("empty", "", "400 closed"),
      length("in quotes", " \"3\"", "400 closed"),
      length("with NUL behind it", " 3\0"sv, "400 closed"),
      length("with a vertical tab", " \v3", "400 closed"),
      length("with a form feed behind it", " 3\f", "400 closed"),
      length("over 64 bits", " 18446744073709551616", "400 closed"),
      length("3 over 64 bits", " 18446744073709551619", "400 closed"),
      length("the most of 64 bits", " 18446744073709551615", "413 closed"),
      length("the most of 63 bits", " 9223372036854775807", "413 closed"),
      post("length the most there may be", fmt::format("Content-Length: {}\r\n", most.size()), most,
           "200 open", "2 /p|" + most),
      post("length one too many", fmt::format("Content-Length: {}\r\n", most.size() + 1), "",
           "413 closed"),
      post("length twice and equal", "Content-Length: 3\r\nContent-Length: 3\r\n", "abc",
           "400 closed"),
      post("length twice and different", "Content-Length: 3\r\nContent-Length: 4\r\n", "abc",
           "400 closed"),
      post("length with a space before the colon", "Content-Length : 3\r\n", "abc", "400 closed"),
      post("length with a space before its name", " Content-Length: 3\r\n", "abc", "400 closed"),
      post("length folded", "Content-Length:\r\n 3\r\n", "abc", "400 closed"),
      post("length hidden behind LF", "X: y\nContent-Length: 3\r\n", "abc", "400 closed"),
      post("length hidden behind CR", "X: y\rContent-Length: 3\r\n", "abc", "400 closed"),
      post("length with an underscore in its name", "Content_Length: 3\r\n", "", "200 open",
           "2 /p|"),
      post("length and chunks", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
           "3\r\nabc\r\n0\r\n\r\n", "400 closed"),
      post("length and chunks, the other way round",
           "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "3\r\nabc\r\n0\r\n\r\n",
           "400 closed"),
      post("length zero and chunks", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
           "0\r\n\r\n", "400 closed"),
      post("length and a coding nobody knows", "Content-Length: 3\r\nTransfer-Encoding: x\r\n",
           "abc", "400 closed"),
      post("length hides a second request in the body",
           fmt::format("Content-Length: {}\r\n", hidden.size()), hidden, "200 open",
           "2 /p|" + hidden),
  };
}

std::vector<HttpCase> chunk_cases() {
  const std::string most(kCaseBody, 'b');
  const std::string hidden = get("/hidden");
  return {
      chunks("none", "0\r\n\r\n", "200 open", "2 /p|"),
      chunks("one", "3\r\nabc\r\n0\r\n\r\n", "200 open", "2 /p|abc"),
      chunks("three", "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", "200 open", "2 /p|abc"),
      chunks("of ten in small letters", "a\r\n0123456789\r\n0\r\n\r\n", "200 open",
             "2 /p|0123456789"),
      chunks("of ten in capitals", "A\r\n0123456789\r\n0\r\n\r\n", "200 open", "2 /p|0123456789"),
      chunks("with zeros before its size", "0003\r\nabc\r\n000\r\n\r\n", "200 open", "2 /p|abc"),
      chunks("of line ends", "4\r\n\r\n\r\n\r\n0\r\n\r\n", "200 open", "2 /p|\r\n\r\n"),
      chunks("that looks like the last one", "5\r\n0\r\n\r\n\r\n0\r\n\r\n", "200 open",
             "2 /p|0\r\n\r\n"),
      chunks("as large as a body may be", fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", most.size(), most),
             "200 open", "2 /p|" + most),
      chunks("hides a second request in the body",
             fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", hidden.size(), hidden), "200 open",
             "2 /p|" + hidden),
  };
}

std::vector<HttpCase> broken_chunk_cases() {
  using namespace std::string_view_literals;
  const std::string most(kCaseBody, 'b');
  return {
      chunks("that never ends", "3\r\nabc\r\n", "waiting"),
      chunks("that is not whole", "3\r\nab", "waiting"),
      chunks("without the last line", "3\r\nabc\r\n0\r\n", "waiting"),
      chunks("with a size that is none", "x\r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("without a size", "\r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with a sign", "+3\r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with a negative size", "-3\r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with 0x", "0x3\r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with a space before its size", " 3\r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with a space behind its size", "3 \r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with an underscore", "0_3\r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with a letter behind its size", "3g\r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with NUL behind its size", "3\0\r\nabc\r\n0\r\n\r\n"sv, "400 closed"),
      chunks("with a size over 64 bits", "10000000000000003\r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with the most of 64 bits", "ffffffffffffffff\r\nabc\r\n0\r\n\r\n", "413 closed"),
      chunks("larger than a body may be", fmt::format("{:x}\r\n", kCaseBody + 1), "413 closed"),
      chunks("larger together than a body may be",
             fmt::format("{:x}\r\n{}\r\n1\r\na\r\n0\r\n\r\n", most.size(), most), "413 closed"),
      chunks("longer than its size", "3\r\nabcd\r\n0\r\n\r\n", "400 closed"),
      chunks("shorter than its size", "4\r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with its size ended by LF", "3\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with its size ended by CR", "3\rabc\r\n0\r\n\r\n", "400 closed"),
      chunks("ended by LF", "3\r\nabc\n0\r\n\r\n", "400 closed"),
      chunks("ended by CR", "3\r\nabc\r0\r\n\r\n", "400 closed"),
      chunks("ended by nothing", "3\r\nabc0\r\n\r\n", "400 closed"),
  };
}

std::vector<HttpCase> chunk_extension_cases() {
  using namespace std::string_view_literals;
  return {
      chunks("with an extension", "3;x\r\nabc\r\n0\r\n\r\n", "200 open", "2 /p|abc"),
      chunks("with an extension and its value", "3;x=y\r\nabc\r\n0;z=1\r\n\r\n", "200 open",
             "2 /p|abc"),
      chunks("with two extensions", "3;x;y=z\r\nabc\r\n0\r\n\r\n", "200 open", "2 /p|abc"),
      chunks("with an extension in quotes", "3;x=\"a b;c\"\r\nabc\r\n0\r\n\r\n", "200 open",
             "2 /p|abc"),
      chunks("with an extension of nothing", "3;\r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with an extension in half a quote", "3;x=\"a\r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with an extension ended by LF", "3;x\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with CR in its extension", "3;x\ry\r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with a line end in the quotes of its extension",
             "3;x=\"\r\nabc\r\n0\r\n\r\n\"\r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with a quote escaped in its extension", "3;x=\"\\\"\"\r\nabc\r\n0\r\n\r\n",
             "200 open", "2 /p|abc"),
      chunks("with spaces in its extension", "3 ; x = y\r\nabc\r\n0\r\n\r\n", "200 open",
             "2 /p|abc"),
      chunks("with an extension without a name", "3;=y\r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with an extension without its value", "3;x=\r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with an extension without a semicolon", "3x=y\r\nabc\r\n0\r\n\r\n", "400 closed"),
      chunks("with NUL in its extension", "3;x\0\r\nabc\r\n0\r\n\r\n"sv, "400 closed"),
      chunks("with an extension that is too long",
             "3;" + std::string(kCaseHeader, 'x') + "\r\nabc\r\n0\r\n\r\n", "400 closed"),
  };
}

std::vector<HttpCase> trailer_cases() {
  return {
      chunks("with a trailer", "3\r\nabc\r\n0\r\nX: y\r\n\r\n", "200 open", "2 /p|abc"),
      chunks("with two trailers", "3\r\nabc\r\n0\r\nX: y\r\nZ: a\r\n\r\n", "200 open", "2 /p|abc"),
      chunks("with a length as its trailer", "3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n",
             "400 closed"),
      chunks("with a host as its trailer", "3\r\nabc\r\n0\r\nHost: b\r\n\r\n", "400 closed"),
      chunks("with a coding as its trailer", "3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
             "400 closed"),
      chunks("with a trailer without a name", "3\r\nabc\r\n0\r\n: y\r\n\r\n", "400 closed"),
      chunks("with a trailer without a colon", "3\r\nabc\r\n0\r\nX\r\n\r\n", "400 closed"),
      chunks("with a folded trailer", "3\r\nabc\r\n0\r\nX: y\r\n z\r\n\r\n", "400 closed"),
      chunks("with a trailer ended by LF", "3\r\nabc\r\n0\r\nX: y\n\r\n", "400 closed"),
      chunks("with a trailer that is too long",
             "3\r\nabc\r\n0\r\nX: " + std::string(kCaseHeader, 'y') + "\r\n\r\n", "400 closed"),
  };
}

std::vector<HttpCase> coding_cases() {
  const std::string hidden = get("/hidden");
  return {
      coding("in capitals", "Transfer-Encoding: CHUNKED\r\n", "200 open", "2 /p|abc"),
      coding("with spaces around it", "Transfer-Encoding:\t chunked \r\n", "200 open", "2 /p|abc"),
      coding("twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "400 closed"),
      coding("twice and different", "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n",
             "501 closed"),
      coding("twice in a list", "Transfer-Encoding: chunked, chunked\r\n", "501 closed"),
      coding("of gzip", "Transfer-Encoding: gzip, chunked\r\n", "501 closed"),
      coding("of gzip alone", "Transfer-Encoding: gzip\r\n", "501 closed"),
      coding("chunked first", "Transfer-Encoding: chunked, identity\r\n", "501 closed"),
      coding("identity", "Transfer-Encoding: identity\r\n", "501 closed"),
      coding("xchunked", "Transfer-Encoding: xchunked\r\n", "501 closed"),
      coding("chunked with a comma", "Transfer-Encoding: chunked,\r\n", "501 closed"),
      coding("chunked behind a comma", "Transfer-Encoding: ,chunked\r\n", "501 closed"),
      coding("with a parameter", "Transfer-Encoding: chunked;q=1\r\n", "501 closed"),
      coding("in quotes", "Transfer-Encoding: \"chunked\"\r\n", "501 closed"),
      coding("with a vertical tab", "Transfer-Encoding: \vchunked\r\n", "400 closed"),
      coding("empty", "Transfer-Encoding:\r\n", "501 closed"),
      coding("folded", "Transfer-Encoding:\r\n chunked\r\n", "400 closed"),
      coding("with a space before the colon", "Transfer-Encoding : chunked\r\n", "400 closed"),
      coding("hidden behind LF", "X: y\nTransfer-Encoding: chunked\r\n", "400 closed"),
      exchange("coding in HTTP/1.0",
               "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 closed"),
  };
}

std::vector<HttpCase> exchange_cases() {
  std::string hundred;
  for (int i = 0; i < 5; ++i) hundred += get(fmt::format("/{}", i));
  return {
      exchange("two at once", get("/1") + get("/2"), "200 200 open", "0 /2|"),
      exchange("five at once", hundred, "200 200 200 200 200 open", "0 /4|"),
      exchange("a body, then another request",
               "POST /1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc" + get("/2"),
               "200 200 open", "0 /2|"),
      exchange(
          "a body and an empty line, then another request",
          "POST /1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc\r\n" + get("/2"),
          "200 200 open", "0 /2|"),
      exchange("chunks, then another request",
               "POST /1 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
               "3\r\nabc\r\n0\r\n\r\n" +
                   get("/2"),
               "200 200 open", "0 /2|"),
      exchange("a good one, then a bad one", get("/1") + "BAD\r\n\r\n", "200 400 closed"),
      exchange("a bad one, then a good one", "BAD\r\n\r\n" + get("/2"), "400 closed"),
      exchange("half of a second one", get("/1") + "GET / HT", "200 waiting"),
      exchange("the last word of the client", get("/1", "Connection: close\r\n") + get("/2"),
               "200 closed", "0 /1|"),
      exchange("close in a list and in capitals", get("/1", "Connection: x, CLOSE\r\n"),
               "200 closed"),
      exchange("close in a second field", get("/1", "Connection: x\r\nConnection: close\r\n"),
               "200 closed"),
      exchange("keep-alive of HTTP/1.1", get("/1", "Connection: keep-alive\r\n"), "200 open"),
      exchange("keep-alive of HTTP/1.0", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
               "200 open"),
      exchange("HTTP/1.0 and then no more", "GET /1 HTTP/1.0\r\n\r\n" + get("/2"), "200 closed",
               "0 /1|"),
      exchange("HTTP/1.0 with a length", "POST /p HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
               "200 closed", "2 /p|abc"),
      exchange("HTTP/1.0 and a body without a length", "POST /p HTTP/1.0\r\n\r\nabc", "200 closed",
               "2 /p|"),
  };
}

std::vector<HttpCase> expectation_cases() {
  const std::string put =
      "PUT /p HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  return {
      exchange("100-continue before the body", put, "100 waiting"),
      exchange("100-continue with the body", put + "abc", "200 open", "3 /p|abc"),
      exchange("100-continue without a body",
               "PUT /p HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\r\n", "200 open"),
      exchange("100-continue for a body that is too large",
               "PUT /p HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
               "Content-Length: 99999\r\n\r\n",
               "413 closed"),
      exchange("100-continue for another host",
               "PUT /p HTTP/1.1\r\nHost: evil.example\r\nExpect: 100-continue\r\n"
               "Content-Length: 3\r\n\r\n",
               "403 closed"),
      exchange("100-continue of HTTP/1.0",
               "PUT /p HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
               "200 closed", "3 /p|abc"),
      exchange("another expectation", get("/", "Expect: 200-ok\r\n"), "417 closed"),
      exchange("an upgrade to HTTP/2",
               get("/",
                   "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                   "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"),
               "200 open"),
      exchange("an upgrade without its key",
               get("/stream",
                   "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                   "Sec-WebSocket-Version: 13\r\n"),
               "400 closed"),
      exchange("an upgrade of another version",
               get("/stream",
                   "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                   "Sec-WebSocket-Version: 8\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
               "426 closed"),
      exchange("a page of another origin", get("/", "Origin: https://evil.example\r\n"),
               "403 closed"),
      exchange("a body of a GET",
               "GET /p HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", "200 open",
               "0 /p|abc"),
      exchange("nothing at all", "", "waiting"),
  };
}

}  // namespace gpuvigil::testing
