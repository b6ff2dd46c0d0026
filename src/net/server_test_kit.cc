// SPDX-License-Identifier: Apache-2.0
#include "net/server_test_kit.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <future>
#include <stdexcept>

#include <fmt/format.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "net/ascii.h"
#include "net/socket.h"
#include "net/tls_client.h"
#include "net/websocket_codec.h"

namespace gpuvigil::testing {
namespace {

std::shared_ptr<const std::string> text_body(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

class TestSession final : public StreamSession {
 public:
  TestSession(TestApp& app, StreamPeer& peer) : app_(app), peer_(peer) {
    app.peers.push_back(&peer);
  }
  ~TestSession() override {
    std::erase(app_.peers, &peer_);
    ++app_.sessions_ended;
  }
  TestSession(const TestSession&) = delete;
  TestSession& operator=(const TestSession&) = delete;

  void on_text(std::string_view text) override {
    if (app_.on_text) return app_.on_text(peer_, text);
    peer_.answer(text);
  }

 private:
  TestApp& app_;
  StreamPeer& peer_;
};

}  // namespace

std::optional<HttpResponse> TestApp::handle(const HttpRequest& request, Deferral& deferral) {
  ++handled;
  if (request.path == "/later") {
    replies.push(deferral.later());
    return std::nullopt;
  }
  if (request.path == "/long") {
    replies.push(deferral.later(2 * kPatience));
    return std::nullopt;
  }
  if (request.path == "/who") {
    return text_response(fmt::format("{} {} {}", request.user ? std::to_string(*request.user) : "?",
                                     request.is_loopback ? "local" : "remote",
                                     request.is_secure ? "secure" : "plain"));
  }
  if (request.path == "/shared") {
    return HttpResponse{.content_type = shared_type, .body = shared, .headers = {}};
  }
  if (request.path == "/big") {
    return HttpResponse{.content_type = "application/octet-stream",
                        .body = text_body(std::string(big_bytes, 'x')),
                        .headers = {}};
  }
  if (request.path == "/throw") throw std::runtime_error("thrown by a test");
  if (request.path == "/evil") {
    return HttpResponse{.body = text_body("{}"), .headers = {{"X-Evil", "a\r\nInjected: yes"}}};
  }
  std::string text = fmt::format("{} {}", static_cast<int>(request.method), request.path);
  for (const auto& [name, value] : request.query) text += fmt::format(" {}={}", name, value);
  text += "|";
  text += request.body;
  return text_response(std::move(text));
}

std::variant<StreamAccepted, HttpResponse> TestApp::upgrade(const HttpRequest& request,
                                                            StreamPeer& peer) {
  if (request.path == "/throw") throw std::runtime_error("thrown by a test");
  if (request.path == "/close") peer.close(kClosePolicy, "not you");
  if (request.path == "/greet") peer.send(frame_text("hello"));
  if (request.path == "/none") return refuse(404, "no such stream");
  return StreamAccepted{.session = std::make_unique<TestSession>(*this, peer),
                        .subprotocol = request.path == "/named" ? "gpuvigil.test" : ""};
}

HttpResponse TestApp::refuse(unsigned status, std::string_view detail) {
  return {.status = status,
          .content_type = "application/problem+json",
          .body = text_body(fmt::format("{{\"status\":{},\"detail\":\"{}\"}}", status, detail)),
          .headers = {}};
}

void TestApp::settled(std::uint64_t /*request*/, unsigned status) {
  settlements.push_back(status);
}

TestServer::TestServer(HttpServerOptions options) {
  options.port = 0;
  if (is_tls_run() && !options.tls) options.tls = common_identity();
  auto opened = HttpServer::open(options, app);
  if (!opened) throw std::runtime_error(opened.error().message);
  server = std::move(*opened);
  thread_ = std::thread([this] { server->run(); });
}

TestServer::~TestServer() {
  if (thread_.joinable()) stop(Duration::zero());
}

void TestServer::on_thread(const std::function<void()>& task) const {
  std::promise<void> done;
  GPUVIGIL_ASSERT(server->post([&] {
    task();
    done.set_value();
  }));
  GPUVIGIL_ASSERT(done.get_future().wait_for(kPatience) == std::future_status::ready);
}

bool TestServer::eventually(const std::function<bool(const HttpServerStats&)>& holds) const {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!holds(server->stats())) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    on_thread([] {});  // each try is at least one round of the server
  }
  return true;
}

Reply TestServer::next_reply() {
  std::optional<Reply> reply;
  static_cast<void>(eventually([&](const HttpServerStats&) {
    reply = app.replies.pop();
    return reply.has_value();
  }));
  if (!reply) throw std::runtime_error("nobody asked for /later");
  return *std::move(reply);
}

std::chrono::nanoseconds TestServer::stop(Duration grace) {
  const auto begin = std::chrono::steady_clock::now();
  server->stop(grace);
  thread_.join();
  return std::chrono::steady_clock::now() - begin;
}

RawClient::RawClient(std::uint16_t port, int receive_buffer, bool is_secure) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (receive_buffer > 0) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  }
  const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  const auto endpoint = Endpoint::parse("127.0.0.1", port);
  if (::connect(fd.get(), endpoint->data(), endpoint->size()) != 0) {
    throw std::runtime_error("cannot connect to the server under test");
  }
  if (!is_secure) {
    transport_ = Transport(std::move(fd));
    return;
  }
  auto session = make_client_session("localhost", common_identity().certificate);
  if (!session) throw std::runtime_error(session.error().message);
  transport_ = Transport(std::move(fd), *std::move(session));
  is_lost_ = transport_.shake_hands() != Transport::Handshake::kDone;
}

bool RawClient::send(std::string_view bytes) {
  while (!is_lost_ && !bytes.empty()) {
    const auto sent = transport_.send(bytes);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return !is_lost_;
}

bool RawClient::receive() {
  if (is_lost_) return false;
  std::array<char, 64 * 1024> piece{};
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    const auto got = transport_.receive(piece);
    if (got > 0) buffer_.append(piece.data(), static_cast<std::size_t>(got));
    if (got >= 0 || errno != EAGAIN) return got > 0;
    // Of TLS something came that says nothing; of TCP nothing came in time.
    if (!transport_.is_secure() || std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("the server under test says nothing");
    }
  }
}

std::string RawClient::read_to_end() {
  while (receive()) {
  }
  return std::exchange(buffer_, {});
}

std::string RawClient::read_exactly(std::size_t count) {
  while (buffer_.size() < count && receive()) {
  }
  const std::string out = buffer_.substr(0, count);
  buffer_.erase(0, out.size());
  return out;
}

std::string RawClient::read_until(std::string_view text) {
  std::size_t at = 0;
  while ((at = buffer_.find(text)) == std::string::npos) {
    if (!receive()) return std::exchange(buffer_, {});
  }
  return read_exactly(at + text.size());
}

std::string RawClient::read_response(bool head) {
  std::string out = read_until("\r\n\r\n");
  const std::string lower = lower_case(out);
  constexpr std::string_view kField = "content-length: ";
  const std::size_t at = lower.find(kField);
  if (head || at == std::string::npos) return out;
  return out + read_exactly(std::strtoul(lower.c_str() + at + kField.size(), nullptr, 10));
}

bool RawClient::is_closed() {
  return buffer_.empty() && !receive();
}

bool RawClient::upgrade(std::string_view path) {
  send(get(path,
           "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
  const std::string response = read_until("\r\n\r\n");
  return status_of(response) == 101 &&
         response.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != std::string::npos;
}

RawClient::Frame RawClient::read_frame() {
  const std::string start = read_exactly(2);
  if (start.size() < 2) return {};
  std::size_t size = static_cast<unsigned char>(start[1]);
  if (size >= 126) {
    const std::string extended = read_exactly(size == 126 ? 2 : 8);
    size = 0;
    for (const char c : extended) size = size << 8U | static_cast<unsigned char>(c);
  }
  return {static_cast<unsigned>(static_cast<unsigned char>(start[0])) & 0x0FU, read_exactly(size)};
}

bool RawClient::send_text(std::string_view text) {
  return send(encode_masked_frame(Opcode::kText, text, {1, 2, 3, 4}));
}

std::string_view own_scheme() {
  return is_tls_run() ? "https://" : "http://";
}

HttpResponse text_response(std::string text) {
  return {.content_type = "text/plain", .body = text_body(std::move(text)), .headers = {}};
}

HttpClientOptions client_options(HttpHeaders headers) {
  return {.timeout = kPatience,
          .headers = std::move(headers),
          .ca_file = is_tls_run() ? common_identity().certificate : ""};
}

std::string get(std::string_view path, std::string_view more) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", path, more);
}

int status_of(std::string_view response) {
  constexpr std::string_view kStart = "HTTP/1.1 ";
  if (!response.starts_with(kStart)) return 0;
  return std::atoi(std::string(response.substr(kStart.size(), 3)).c_str());
}

}  // namespace gpuvigil::testing
