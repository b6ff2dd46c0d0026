// SPDX-License-Identifier: Apache-2.0
//
// How requests begin: the request line, its target, the fields.
#include <fmt/format.h>

#include "net/http_cases.h"

namespace gpuvigil::testing {
namespace {

/// A request with that first line.
HttpCase line(std::string name, std::string_view text, std::string_view want,
              std::string body = {}) {
  return {"line " + std::move(name), fmt::format("{}\r\nHost: localhost\r\n\r\n", text), want,
          std::move(body)};
}

HttpCase target(std::string name, std::string_view text, std::string_view want,
                std::string body = {}) {
  return {"target " + std::move(name),
          fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", text), want, std::move(body)};
}

/// A good request with those fields too, each with its line end.
HttpCase fields(std::string name, std::string_view text, std::string_view want) {
  return {"field " + std::move(name),
          fmt::format("GET /f HTTP/1.1\r\nHost: localhost\r\n{}\r\n", text), want, ""};
}

/// A request with only those fields.
HttpCase host(std::string name, std::string_view text, std::string_view want) {
  return {"host " + std::move(name), fmt::format("GET /h HTTP/1.1\r\n{}\r\n", text), want, ""};
}

}  // namespace

std::vector<HttpCase> request_line_cases() {
  using namespace std::string_view_literals;
  return {
      line("GET", "GET / HTTP/1.1", "200 open", "0 /|"),
      line("POST without a body", "POST / HTTP/1.1", "200 open", "2 /|"),
      line("PUT", "PUT / HTTP/1.1", "200 open", "3 /|"),
      line("PATCH", "PATCH / HTTP/1.1", "200 open", "4 /|"),
      line("DELETE", "DELETE / HTTP/1.1", "200 open", "5 /|"),
      line("OPTIONS", "OPTIONS / HTTP/1.1", "200 open", "6 /|"),
      line("a method nobody knows", "FROB / HTTP/1.1", "200 open", "7 /|"),
      line("a method of all token characters", "!#$%&'*+-.^_`|~9aZ / HTTP/1.1", "200 open", "7 /|"),
      line("methods know case", "get / HTTP/1.1", "200 open", "7 /|"),
      line("TRACE is nothing special", "TRACE / HTTP/1.1", "200 open", "7 /|"),
      line("CONNECT wants a tunnel", "CONNECT localhost:80 HTTP/1.1", "400 closed"),
      line("PRI of HTTP/2", "PRI * HTTP/2.0", "505 closed"),
      line("no method", " / HTTP/1.1", "400 closed"),
      line("a method with a character that is none", "G@T / HTTP/1.1", "400 closed"),
      line("a method with a colon", "GET: / HTTP/1.1", "400 closed"),
      line("a method in quotes", "\"GET\" / HTTP/1.1", "400 closed"),
      line("a method with a tab", "GE\tT / HTTP/1.1", "400 closed"),
      line("a method with NUL", "GE\0T / HTTP/1.1"sv, "400 closed"),
      line("a method with a byte over 127", "G\xC3\x8BT / HTTP/1.1", "400 closed"),
      line("a space before it", " GET / HTTP/1.1", "400 closed"),
      line("a tab before it", "\tGET / HTTP/1.1", "400 closed"),
      line("two spaces after the method", "GET  / HTTP/1.1", "400 closed"),
      line("two spaces before the version", "GET /  HTTP/1.1", "505 closed"),
      line("a tab instead of a space", "GET\t/ HTTP/1.1", "400 closed"),
      line("a tab before the version", "GET /\tHTTP/1.1", "400 closed"),
      line("a space at the end", "GET / HTTP/1.1 ", "505 closed"),
      line("something at the end", "GET / HTTP/1.1 x", "505 closed"),
      line("no target", "GET HTTP/1.1", "400 closed"),
      line("nothing but a method", "GET", "400 closed"),
  };
}

std::vector<HttpCase> version_cases() {
  return {
      line("no version: HTTP/0.9", "GET /", "400 closed"),
      line("HTTP/0.9 by its number", "GET / HTTP/0.9", "505 closed"),
      line("HTTP/1.2", "GET / HTTP/1.2", "505 closed"),
      line("HTTP/1.10", "GET / HTTP/1.10", "505 closed"),
      line("HTTP/01.1", "GET / HTTP/01.1", "505 closed"),
      line("HTTP/1.01", "GET / HTTP/1.01", "505 closed"),
      line("HTTP/2", "GET / HTTP/2", "505 closed"),
      line("HTTP/2.0", "GET / HTTP/2.0", "505 closed"),
      line("HTTP/3.0", "GET / HTTP/3.0", "505 closed"),
      line("HTTP/1", "GET / HTTP/1", "505 closed"),
      line("HTTP/1.", "GET / HTTP/1.", "505 closed"),
      line("HTTP/.1", "GET / HTTP/.1", "505 closed"),
      line("HTTP/a.b", "GET / HTTP/a.b", "505 closed"),
      line("HTTP/-1.1", "GET / HTTP/-1.1", "505 closed"),
      line("HTTP/1,1", "GET / HTTP/1,1", "505 closed"),
      line("http in lower case", "GET / http/1.1", "505 closed"),
      line("another protocol", "GET / ICY/1.1", "505 closed"),
      line("no name of a protocol", "GET / /1.1", "505 closed"),
      {"line HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "200 closed", "0 /|"},
  };
}

std::vector<HttpCase> first_bytes_cases() {
  using namespace std::string_view_literals;
  const std::string long_path = "/" + std::string(kCaseHeader, 'a');
  return {
      {"line ended by LF alone", "GET / HTTP/1.1\nHost: localhost\r\n\r\n", "400 closed"},
      {"line ended by CR alone", "GET / HTTP/1.1\rHost: localhost\r\n\r\n", "505 closed"},
      {"line ended by CR CR LF", "GET / HTTP/1.1\r\r\nHost: localhost\r\n\r\n", "505 closed"},
      {"line of LF alone before it", "\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "400 closed"},
      {"line that is empty before it", "\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "200 open"},
      {"line that is empty twice before it", "\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
       "400 closed"},
      {"line with CR in the target", "GET /a\rb HTTP/1.1\r\nHost: localhost\r\n\r\n", "400 closed"},
      {"line with LF in the target", "GET /a\nb HTTP/1.1\r\nHost: localhost\r\n\r\n", "400 closed"},
      {"line with nothing else", "\r\n\r\n", "400 closed"},
      {"line of TLS", std::string("\x16\x03\x01\x00\xA5\x01\x00\x00\xA1\x03\x03\r\n\r\n"sv),
       "400 closed"},
      {"line of SSH", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "400 closed"},
      {"line of SMTP", "EHLO localhost\r\n\r\n", "400 closed"},
      {"line of NULs", std::string(64, '\0') + "\r\n\r\n", "400 closed"},
      {"line as long as all of the header", "GET " + long_path, "414 closed"},
      {"line that fits just so",
       "GET /" + std::string(kCaseHeader - 41, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
       "200 open"},
      {"line that is not whole", "GET / HT", "waiting"},
      {"line and a half of its end", "GET / HTTP/1.1\r", "waiting"},
  };
}

std::vector<HttpCase> target_cases() {
  using namespace std::string_view_literals;
  std::string many = "/?a";
  for (int i = 0; i < 1000; ++i) many += "&";
  return {
      target("root", "/", "200 open", "0 /|"),
      target("path", "/a/b.c~d-e_f", "200 open", "0 /a/b.c~d-e_f|"),
      target("sub-delims", "/!$&'()*,;=:@", "200 open", "0 /!$&'()*,;=:@|"),
      target("plus stays plus in a path", "/a+b", "200 open", "0 /a+b|"),
      target("percent is decoded", "/%41%2f%7E", "200 open", "0 /A/~|"),
      target("percent is decoded once", "/%2541", "200 open", "0 /%41|"),
      target("UTF-8 by percent", "/%E2%82%AC", "200 open", "0 /\xE2\x82\xAC|"),
      target("dots are not resolved", "/a/../b/./c", "200 open", "0 /a/../b/./c|"),
      target("two slashes", "//", "200 open", "0 //|"),
      target("another host by two slashes", "//evil.example/", "200 open", "0 //evil.example/|"),
      target("backslash", "/a\\b", "200 open", "0 /a\\b|"),
      target("query", "/p?a=b&c=d", "200 open", "0 /p a=b c=d|"),
      target("query with plus", "/p?a=b+c", "200 open", "0 /p a=b c|"),
      target("query with percent", "/p?a%3D=b%26", "200 open", "0 /p a==b&|"),
      target("empty query", "/p?", "200 open", "0 /p|"),
      target("query of question marks", "/p??", "200 open", "0 /p ?=|"),
      target("repeated names stay in order", "/p?a=2&a=1", "200 open", "0 /p a=2 a=1|"),
      target("query of nothing but separators", many, "200 open", "0 / a=|"),
      target("absolute form", "http://localhost/p?q=1", "200 open", "0 /p q=1|"),
      target("absolute form with a port", "http://localhost:8080/p", "200 open", "0 /p|"),
      target("absolute form without a path", "http://localhost", "200 open", "0 /|"),
      target("absolute form in upper case", "HTTP://LOCALHOST/p", "200 open", "0 /p|"),
      target("absolute form of https", "https://localhost/p", "200 open", "0 /p|"),
      target("absolute form of another host", "http://evil.example/", "403 closed"),
      target("absolute form with a user", "http://u@localhost/", "403 closed"),
      target("absolute form of ftp", "ftp://localhost/", "400 closed"),
      target("absolute form without a host", "http:///p", "400 closed"),
      target("absolute form with one slash", "http:/localhost/", "400 closed"),
      target("star is for OPTIONS", "*", "400 closed"),
      target("authority form", "localhost:80", "400 closed"),
      target("no slash", "p", "400 closed"),
      target("fragment", "/p#f", "400 closed"),
      target("fragment in the query", "/p?a#f", "400 closed"),
      target("space", "/a b", "505 closed"),
      target("NUL", "/a\0b"sv, "400 closed"),
      target("control character", "/a\x01", "400 closed"),
      target("DEL", "/a\x7F", "400 closed"),
      target("NUL by percent", "/a%00", "400 closed"),
      target("CR LF by percent", "/a%0d%0aX:%20y", "400 closed"),
      target("control character in the query", "/p?a=%1b", "400 closed"),
      target("percent without digits", "/%zz", "400 closed"),
      target("percent with one digit", "/%4", "400 closed"),
      target("percent at the end", "/%", "400 closed"),
      target("percent in the name of a parameter", "/p?%=1", "400 closed"),
      target("no UTF-8 by percent", "/%ff", "400 closed"),
      target("overlong UTF-8 of a slash", "/%c0%af", "400 closed"),
      target("surrogate as UTF-8", "/%ed%a0%80", "400 closed"),
      target("no UTF-8 in the query", "/p?a=%80", "400 closed"),
  };
}

std::vector<HttpCase> field_cases() {
  using namespace std::string_view_literals;
  std::string many;
  for (std::size_t i = 1; i < kCaseFields; ++i) many += fmt::format("X-{}: y\r\n", i);
  return {
      fields("none", "", "200 open"),
      fields("one", "X: y\r\n", "200 open"),
      fields("without a value", "X:\r\n", "200 open"),
      fields("of spaces", "X:   \r\n", "200 open"),
      fields("without a space", "X:y\r\n", "200 open"),
      fields("with tabs around it", "X:\t y\t\r\n", "200 open"),
      fields("twice", "X: y\r\nX: z\r\n", "200 open"),
      fields("with bytes over 127", "X: \xC3\xA4\xFF\r\n", "200 open"),
      fields("with colons", "X: a:b:c\r\n", "200 open"),
      fields("of all token characters", "!#$%&'*+-.^_`|~0aZ: y\r\n", "200 open"),
      fields("as many as there may be", many, "200 open"),
      fields("one too many", many + "One-more: y\r\n", "431 closed"),
      fields("too long", "X: " + std::string(kCaseHeader, 'y') + "\r\n", "431 closed"),
      fields("with a name that is too long", std::string(kCaseHeader, 'X') + ": y\r\n",
             "431 closed"),
      fields("without a name", ": y\r\n", "400 closed"),
      fields("without a colon", "X\r\n", "400 closed"),
      fields("with a space before the colon", "X : y\r\n", "400 closed"),
      fields("with a tab before the colon", "X\t: y\r\n", "400 closed"),
      fields("with a space in its name", "X Y: z\r\n", "400 closed"),
      fields("with a space before its name", " X: y\r\n", "400 closed"),
      fields("with brackets in its name", "X[0]: y\r\n", "400 closed"),
      fields("with a slash in its name", "X/Y: z\r\n", "400 closed"),
      fields("with a comma in its name", "X,Y: z\r\n", "400 closed"),
      fields("with quotes around its name", "\"X\": y\r\n", "400 closed"),
      fields("with NUL in its name", "X\0Y: z\r\n"sv, "400 closed"),
      fields("with a byte over 127 in its name", "X\xFF: y\r\n", "400 closed"),
      fields("with NUL in its value", "X: a\0b\r\n"sv, "400 closed"),
      fields("with ESC in its value", "X: \x1B[2J\r\n", "400 closed"),
      fields("with DEL in its value", "X: \x7F\r\n", "400 closed"),
      fields("with a bell in its value", "X: \a\r\n", "400 closed"),
      fields("with CR in its value", "X: a\rb\r\n", "400 closed"),
      fields("with LF in its value", "X: a\nb: c\r\n", "400 closed"),
      fields("folded with a space", "X: a\r\n b\r\n", "400 closed"),
      fields("folded with a tab", "X: a\r\n\tb\r\n", "400 closed"),
      fields("folded to nothing", "X: a\r\n \r\n", "400 closed"),
      fields("ended by LF", "X: y\n", "400 closed"),
      fields("ended by CR", "X: y\rZ: a\r\n", "400 closed"),
      fields("ended by CR CR LF", "X: y\r\r\n", "400 closed"),
      {"field block ended by LF", "GET / HTTP/1.1\r\nHost: localhost\r\n\n", "400 closed"},
      {"field block ended by CR and something", "GET / HTTP/1.1\r\nHost: localhost\r\n\rX",
       "waiting"},
      {"field block that is not whole", "GET / HTTP/1.1\r\nHost: localhost\r\nX: y\r\n", "waiting"},
      {"field folded at once", "GET / HTTP/1.1\r\n Host: localhost\r\n\r\n", "400 closed"},
  };
}

std::vector<HttpCase> host_cases() {
  return {
      host("localhost", "Host: localhost\r\n", "200 open"),
      host("in upper case", "HOST: LOCALHOST\r\n", "200 open"),
      host("with a port", "Host: localhost:1\r\n", "200 open"),
      host("by number", "Host: 127.0.0.1:8080\r\n", "200 open"),
      host("by number of IPv6", "Host: [::1]:8080\r\n", "200 open"),
      host("missing", "X: y\r\n", "400 closed"),
      host("empty", "Host:\r\n", "403 closed"),
      host("twice", "Host: localhost\r\nHost: localhost\r\n", "400 closed"),
      host("twice and different", "Host: localhost\r\nHost: evil.example\r\n", "400 closed"),
      host("of somebody else", "Host: evil.example\r\n", "403 closed"),
      host("that only begins like ours", "Host: localhost.evil.example\r\n", "403 closed"),
      host("that only ends like ours", "Host: evil-localhost\r\n", "403 closed"),
      host("with a dot at its end", "Host: localhost.\r\n", "403 closed"),
      host("with a user", "Host: localhost@evil.example\r\n", "403 closed"),
      host("as a list", "Host: localhost, evil.example\r\n", "403 closed"),
      host("with a path", "Host: localhost/x\r\n", "403 closed"),
      host("with a port that is none", "Host: localhost:80a\r\n", "403 closed"),
      host("by another way to write its number", "Host: 127.1\r\n", "403 closed"),
      host("by its number as one", "Host: 2130706433\r\n", "403 closed"),
      {"host of somebody else in HTTP/1.0", "GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n",
       "403 closed"},
  };
}

}  // namespace gpuvigil::testing
