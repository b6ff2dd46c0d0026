// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/request_parser.h"
#include "net/server_core.h"

namespace gpuvigil {

/// An accepted connection that speaks HTTP/1.x: reads requests one after the other, asks the
/// handler, writes the responses in that order. While a response is not taken, nothing is read.
class HttpConnection final : public Connection {
 public:
  HttpConnection(ServerCore& core, UniqueFd fd, const Endpoint& peer);
  ~HttpConnection() override;

  /// Answers with the handler's refusal, then closes.
  void refuse(const Refusal& refusal);

  void on_ready(std::uint32_t events) override;
  void on_tick(Timestamp now) override;
  void on_stop() override;
  void on_again() override;

 private:
  enum class State {
    kReading,    ///< Waits for (more of) a request.
    kWriting,    ///< Waits until the client takes more of the response.
    kLingering,  ///< All is said; waits for the client to close, so that it reads our last words.
  };

  void read();
  /// Serves the requests that lie in `bytes`, which are pending_ or new, and keeps the rest.
  void serve(std::string_view bytes);
  void serve_pending();
  void keep(std::string_view rest);
  /// Once a request, when its header is there. False when it was refused.
  bool check_header();
  void respond(std::string_view rest);
  void upgrade(const HttpRequest& request, std::string_view rest);
  void send(const HttpResponse& response, const ResponseForm& form);
  void flush();
  void finish_response();
  void linger();
  void drain();
  void count_unread();
  void close_on_timeout();
  [[nodiscard]] bool is_between_requests() const {
    return state_ == State::kReading && parser_ == nullptr && pending_.empty();
  }

  const std::string remote_;
  std::unique_ptr<RequestParser> parser_;  ///< Of the request that is being read.
  std::string pending_;                    ///< Bytes that came and are not used yet.
  std::string head_;                       ///< What is left of a response ...
  std::shared_ptr<const std::string> body_;
  std::size_t body_at_ = 0;
  std::size_t progress_ = 0;  ///< Bytes taken since the write deadline was set.
  std::size_t unread_ = 0;    ///< Our part of ServerCore::unread_bytes.
  Timestamp deadline_;
  State state_ = State::kReading;
  bool header_checked_ = false;
  bool close_after_ = false;  ///< After the response that is being written.
  bool serve_again_ = false;  ///< There was more to serve than one turn allows.
};

}  // namespace gpuvigil
