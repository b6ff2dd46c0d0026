// SPDX-License-Identifier: Apache-2.0
//
// A peer: Boost.Beast as its examples use it, on one thread, but for the reply, which lies ready.
//
//   beast_server http FILE      parses each request, answers with the bytes of FILE
//   beast_server stream BYTES   accepts WebSockets; once a second sends everyone a message of so
//                               many bytes through beast::websocket::stream
//
// Says "port N" once it serves; ends when its standard input does.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include "stream_message.h"

namespace gpuvigil {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using Tcp = asio::ip::tcp;
using Error = boost::system::error_code;

class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(Tcp::socket socket, const std::string& reply)
      : socket_(std::move(socket)), reply_(reply) {}

  void read() {
    parser_.emplace();
    http::async_read(socket_, buffer_, *parser_,
                     [self = shared_from_this()](Error error, std::size_t) {
                       if (!error) self->write();
                     });
  }

 private:
  void write() {
    asio::async_write(socket_, asio::buffer(reply_),
                      [self = shared_from_this()](Error error, std::size_t) {
                        if (!error) self->read();
                      });
  }

  Tcp::socket socket_;
  const std::string& reply_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::empty_body>> parser_;
};

class StreamSession;
using Everyone = std::set<std::shared_ptr<StreamSession>>;

class StreamSession : public std::enable_shared_from_this<StreamSession> {
 public:
  StreamSession(Tcp::socket socket, Everyone& everyone)
      : stream_(std::move(socket)), everyone_(everyone) {}

  void accept() {
    stream_.async_accept([self = shared_from_this()](Error error) {
      if (error) return;
      self->stream_.text(true);
      self->everyone_.insert(self);
      self->read();
    });
  }

  void send(std::shared_ptr<const std::string> message) {
    if (message_) return;  // still busy with the last one
    message_ = std::move(message);
    stream_.async_write(asio::buffer(*message_), [self = shared_from_this()](Error, std::size_t) {
      self->message_ = nullptr;
    });
  }

 private:
  void read() {
    stream_.async_read(buffer_, [self = shared_from_this()](Error error, std::size_t) {
      self->buffer_.clear();
      if (error) {
        self->everyone_.erase(self);
      } else {
        self->read();
      }
    });
  }

  websocket::stream<Tcp::socket> stream_;
  Everyone& everyone_;
  beast::flat_buffer buffer_;
  std::shared_ptr<const std::string> message_;
};

/// Accepts for ever; `welcome` takes each socket.
template <class Welcome>
void accept_from(Tcp::acceptor& acceptor, Welcome welcome) {
  acceptor.async_accept([&acceptor, welcome](Error error, Tcp::socket socket) {
    if (!error) {
      socket.set_option(Tcp::no_delay(true));
      welcome(std::move(socket));
    }
    accept_from(acceptor, welcome);
  });
}

/// Tells everyone at every whole second.
void broadcast(asio::system_timer& timer, Everyone& everyone, std::size_t bytes) {
  using std::chrono::seconds;
  timer.expires_at(std::chrono::floor<seconds>(std::chrono::system_clock::now()) + seconds(1));
  timer.async_wait([&timer, &everyone, bytes](Error error) {
    if (error) return;
    const auto message = std::make_shared<const std::string>(stream_payload(bytes));
    for (const auto& session : everyone) session->send(message);
    broadcast(timer, everyone, bytes);
  });
}

int serve(std::string_view mode, const char* what) {
  asio::io_context context(1);
  Tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  asio::posix::stream_descriptor input(context, STDIN_FILENO);
  input.async_wait(asio::posix::stream_descriptor::wait_read, [&](Error) { context.stop(); });
  asio::system_timer timer(context);
  Everyone everyone;
  std::string reply;
  if (mode == "http") {
    std::ifstream file(what, std::ios::binary);
    reply.assign(std::istreambuf_iterator<char>(file), {});
    accept_from(acceptor, [&](Tcp::socket socket) {
      std::make_shared<HttpSession>(std::move(socket), reply)->read();
    });
  } else {
    broadcast(timer, everyone, std::strtoul(what, nullptr, 10));
    accept_from(acceptor, [&](Tcp::socket socket) {
      std::make_shared<StreamSession>(std::move(socket), everyone)->accept();
    });
  }
  std::printf("port %u\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  context.run();
  std::_Exit(0);  // sessions that still hold themselves are no concern of a benchmark
}

}  // namespace
}  // namespace gpuvigil

int main(int argc, char** argv) {
  const std::string_view mode = argc == 3 ? argv[1] : "";
  if (mode == "http" || mode == "stream") return gpuvigil::serve(mode, argv[2]);
  std::fprintf(stderr, "usage: beast_server http FILE | stream BYTES\n");
  return 2;
}
