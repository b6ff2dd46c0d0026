// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/request_parser.h"
#include "net/server_core.h"

namespace gpuvigil {

/// An accepted connection that speaks HTTP/1.x: reads requests one after the other, asks the
/// handler, writes the responses in that order. While a response is not taken, nothing is read.
class HttpConnection final : public Connection {
 public:
  HttpConnection(ServerCore& core, Transport transport, const Endpoint& peer);
  ~HttpConnection() override;

  /// Answers with the handler's refusal, then closes.
  void refuse(const Refusal& refusal);

  /// The deferred answer that was waited for, or nothing when nobody is left to give one.
  void on_reply(std::optional<HttpResponse> response);

  void on_ready(std::uint32_t events) override;
  void on_tick(Timestamp now) override;
  void on_stop() override;
  void on_again() override;

 private:
  enum class State {
    kHandshaking,  ///< With TLS, at first.
    kReading,      ///< Waits for (more of) a request.
    kWaiting,      ///< For a deferred answer. Nothing is read meanwhile.
    kWriting,      ///< Waits until the client takes more of the response.
    kLingering,    ///< All is said; waits for the client to close, so that it reads our last words.
  };

  void shake_hands();
  void read();
  /// Serves the requests that lie in `bytes`, which are pending_ or new, and keeps the rest.
  void serve(std::string_view bytes);
  void serve_pending();
  void keep(std::string_view rest);
  /// Once a request, when its header is there. False when it was refused.
  bool check_header(RequestParser& parser);
  void respond(RequestParser& parser, std::string_view rest);
  void identify(HttpRequest& request);
  /// For how long a deferred answer is waited for (0: as for all), and who wants to know the end.
  struct Wait {
    Duration patience{};
    std::shared_ptr<std::atomic<bool>> is_over;
  };
  void wait_for_reply(const HttpRequest& request, const ResponseForm& form, const Wait& wait);
  void end_wait(const HttpResponse& response);
  void give_up_reply();
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

  /// A request whose answer was deferred.
  struct Debt {
    std::uint64_t request = 0;  ///< HttpRequest::id.
    ResponseForm form;          ///< Without the texts, which are here:
    std::string accept_encoding;
    std::string if_none_match;
    std::shared_ptr<std::atomic<bool>> is_over;  ///< To become true with the debt.
  };

  const std::string remote_;
  std::unique_ptr<RequestParser> parser_;  ///< Of the request that is being read.
  std::string pending_;                    ///< Bytes that came and are not used yet.
  std::string head_;                       ///< What is left of a response ...
  std::shared_ptr<const std::string> body_;
  std::unique_ptr<Debt> debt_;  ///< While kWaiting.
  std::size_t body_at_ = 0;
  std::size_t progress_ = 0;  ///< Bytes taken since the write deadline was set.
  std::size_t unread_ = 0;    ///< Our part of ServerCore::unread_bytes.
  Timestamp deadline_;
  std::optional<std::uint32_t> user_;  ///< HttpRequest::user.
  State state_;
  const bool is_loopback_;
  bool waits_for_room_ = false;  ///< While kHandshaking: for the socket to take more.
  bool is_identified_ = false;   ///< user_ has been looked for.
  bool header_checked_ = false;
  bool close_after_ = false;  ///< After the response that is being written.
  bool serve_again_ = false;  ///< There was more to serve than one turn allows.
};

}  // namespace gpuvigil
