// SPDX-License-Identifier: Apache-2.0
#include "outbound/outbound_client.h"

#include <algorithm>
#include <array>
#include <atomic>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/text.h"
#include "base/version.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr Duration kMaxRetryAfter = 1h;

struct CurlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  void operator()(char* text) const { curl_free(text); }
};
template <class T>
using CurlPtr = std::unique_ptr<T, CurlDeleter>;

// Both are pointers to nothing in particular.
struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

/// A part of a URL; empty where it has none.
std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  return CurlPtr<char>(text).get();
}

/// What libcurl's callbacks see of a transfer.
struct Transfer {
  const OutboundOptions& options;
  std::string body = {};
  std::size_t header_bytes = 0;
  bool body_cut = false;
  bool header_too_long = false;
  std::string refused = {};  ///< "private address 10.0.0.1".
};

/// Called for each address that is about to be dialled, names and spellings being resolved.
curl_socket_t open_socket(void* user, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(user);
  const AddressKind kind = classify_address(&address->addr, address->addrlen);
  if (!transfer.options.addresses.allows(kind)) {
    transfer.refused = fmt::format("{} address {}", to_string(kind),
                                   address_text(&address->addr, address->addrlen));
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::size_t take_body(char* bytes, std::size_t, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::size_t room = transfer.options.max_answer - transfer.body.size();
  transfer.body.append(bytes, std::min(room, count));
  if (count <= room) return count;
  transfer.body_cut = true;
  return 0;  // ends the transfer: nobody reads the rest
}

std::size_t take_header(char*, std::size_t, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  transfer.header_bytes += count;
  transfer.header_too_long = transfer.header_bytes > transfer.options.max_answer;
  return transfer.header_too_long ? 0 : count;
}

bool is_one_line(std::string_view text) {
  return std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

bool append(CurlPtr<curl_slist>& list, const std::string& line) {
  if (!is_one_line(line)) return false;
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) return false;
  static_cast<void>(list.release());  // the longer one begins with it
  list.reset(longer);
  return true;
}

/// Null where a header cannot be.
CurlPtr<curl_slist> headers_of(const OutboundRequest& request) {
  CurlPtr<curl_slist> list;
  bool good = append(list, "Expect:") &&  // never wait to be told to go on
              append(list, request.content_type.empty()
                               ? "Content-Type:"
                               : fmt::format("Content-Type: {}", request.content_type));
  if (request.authorization != nullptr) {
    good = good && append(list, fmt::format("Authorization: {}", request.authorization->reveal()));
  }
  for (const OutboundHeader& header : request.headers) {
    good = good && append(list, fmt::format("{}: {}", header.name, header.value));
  }
  return good ? std::move(list) : nullptr;
}

OutboundFault fault_of(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return OutboundFault::kTimeout;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return OutboundFault::kTls;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
      return OutboundFault::kUnreachable;
    default:
      return OutboundFault::kBroken;
  }
}

}  // namespace

std::string_view to_string(OutboundFault fault) {
  switch (fault) {
    case OutboundFault::kBadRequest:
      return "bad request";
    case OutboundFault::kAddressRefused:
      return "address refused";
    case OutboundFault::kUnreachable:
      return "unreachable";
    case OutboundFault::kTls:
      return "TLS";
    case OutboundFault::kTimeout:
      return "timeout";
    case OutboundFault::kBroken:
      return "no HTTP";
    case OutboundFault::kCancelled:
      return "cancelled";
  }
  return "no HTTP";
}

Result<OutboundUrl> OutboundUrl::parse(std::string_view text) {
  const auto wrong = [](std::string_view why) {
    return fail(Errc::kInvalidArgument, fmt::format("must be a URL of http or https: {}", why));
  };
  if (text.size() > kMaxBytes) return wrong(fmt::format("longer than {} bytes", kMaxBytes));
  if (!is_one_line(text)) return wrong("it holds control characters");
  const CurlPtr<CURLU> url(curl_url());
  const std::string copy(text);
  if (!url || curl_url_set(url.get(), CURLUPART_URL, copy.c_str(), 0) != CURLUE_OK) {
    return wrong("it cannot be read");
  }
  const std::string scheme = part_of(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return wrong("the scheme is another one");
  if (!part_of(url.get(), CURLUPART_USER).empty() ||
      !part_of(url.get(), CURLUPART_PASSWORD).empty()) {
    return wrong("a user or password does not belong into it");
  }
  const std::string host = part_of(url.get(), CURLUPART_HOST);
  if (host.empty()) return wrong("it names no host");
  const std::string port = part_of(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  return OutboundUrl(copy, fmt::format("{}://{}:{}", scheme, clean_text(host), port));
}

struct OutboundClient::Impl {
  explicit Impl(OutboundOptions given) : options(std::move(given)) {}

  void set_up_once() const;
  void set_up(const OutboundRequest& request, Transfer& transfer) const;
  [[nodiscard]] CURLcode perform();
  [[nodiscard]] OutboundAnswer answer(Transfer& transfer) const;

  const OutboundOptions options;
  std::unique_ptr<CURL, EasyDeleter> easy;
  std::unique_ptr<CURLM, MultiDeleter> multi;  ///< Dies first: it lets go of the handle.
  std::array<char, CURL_ERROR_SIZE> error{};
  std::atomic<bool> cancelled = false;
};

Result<std::unique_ptr<OutboundClient>> OutboundClient::open(OutboundOptions options) {
  // Once a program and never undone: others in the process may use the library too.
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  auto impl = std::make_unique<Impl>(std::move(options));
  if (ready) {
    impl->easy.reset(curl_easy_init());
    impl->multi.reset(curl_multi_init());
  }
  if (!impl->easy || !impl->multi) return fail(Errc::kInternal, "libcurl cannot be set up");
  impl->set_up_once();
  return std::unique_ptr<OutboundClient>(new OutboundClient(std::move(impl)));
}

OutboundClient::OutboundClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OutboundClient::~OutboundClient() = default;

void OutboundClient::Impl::set_up_once() const {
  const auto set = [&](CURLoption option, auto value) {
    curl_easy_setopt(easy.get(), option, value);
  };
  const auto ms = [](Duration span) {
    return static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(span).count());
  };
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options.ca_file.empty()) set(CURLOPT_CAINFO, options.ca_file.c_str());
  set(CURLOPT_CONNECTTIMEOUT_MS, ms(options.connect_timeout));
  set(CURLOPT_TIMEOUT_MS, ms(options.deadline));
  set(CURLOPT_USERAGENT, fmt::format("gpuvigil/{}", version()).c_str());
  set(CURLOPT_QUICK_EXIT, 1L);  // a look-up that hangs does not hold up whoever stops us
  set(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  set(CURLOPT_WRITEFUNCTION, take_body);
  set(CURLOPT_HEADERFUNCTION, take_header);
}

void OutboundClient::Impl::set_up(const OutboundRequest& request, Transfer& transfer) const {
  const auto set = [&](CURLoption option, auto value) {
    curl_easy_setopt(easy.get(), option, value);
  };
  set(CURLOPT_URL, request.url.text().c_str());
  set(CURLOPT_OPENSOCKETDATA, &transfer);
  set(CURLOPT_WRITEDATA, &transfer);
  set(CURLOPT_HEADERDATA, &transfer);
  set(CURLOPT_ERRORBUFFER, error.data());
  if (request.method == OutboundMethod::kGet) {
    set(CURLOPT_HTTPGET, 1L);
  } else {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
  }
}

/// CURLE_ABORTED_BY_CALLBACK when it was cancelled.
CURLcode OutboundClient::Impl::perform() {
  CURLcode code = CURLE_ABORTED_BY_CALLBACK;
  curl_multi_add_handle(multi.get(), easy.get());
  for (int running = 1; running > 0 && !cancelled;) {
    if (curl_multi_perform(multi.get(), &running) != CURLM_OK) break;
    if (running > 0) curl_multi_poll(multi.get(), nullptr, 0, 1000, nullptr);
  }
  int left = 0;
  if (const CURLMsg* message = curl_multi_info_read(multi.get(), &left);
      message != nullptr && message->msg == CURLMSG_DONE && !cancelled) {
    code = message->data.result;
  }
  curl_multi_remove_handle(multi.get(), easy.get());
  return code;
}

OutboundAnswer OutboundClient::Impl::answer(Transfer& transfer) const {
  OutboundAnswer answer{.status = 0,
                        .body = std::move(transfer.body),
                        .cut = transfer.body_cut,
                        .retry_after = std::nullopt};
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  curl_off_t wait = 0;  // 0 also where nobody asked for any
  if (curl_easy_getinfo(easy.get(), CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0) {
    const auto most = std::chrono::duration_cast<std::chrono::seconds>(kMaxRetryAfter).count();
    answer.retry_after = std::chrono::seconds(std::min<std::int64_t>(wait, most));
  }
  return answer;
}

OutboundResult OutboundClient::send(const OutboundRequest& request) {
  const auto failed = [&](OutboundFault fault, std::string_view what) {
    return std::unexpected(OutboundFailure{
        .fault = fault, .message = fmt::format("{}: {}", request.url.origin(), clean_text(what))});
  };
  if (impl_->cancelled) return failed(OutboundFault::kCancelled, "cancelled");
  const CurlPtr<curl_slist> headers = headers_of(request);
  if (!headers) return failed(OutboundFault::kBadRequest, "a header cannot be");

  Transfer transfer{.options = impl_->options};
  impl_->error.fill('\0');
  impl_->set_up(request, transfer);
  curl_easy_setopt(impl_->easy.get(), CURLOPT_HTTPHEADER, headers.get());
  const CURLcode code = impl_->perform();
  // Nothing that dies with this call stays behind in the handle.
  curl_easy_setopt(impl_->easy.get(), CURLOPT_HTTPHEADER, nullptr);
  curl_easy_setopt(impl_->easy.get(), CURLOPT_POSTFIELDS, nullptr);

  if (code == CURLE_OK || transfer.body_cut) return impl_->answer(transfer);
  if (impl_->cancelled) return failed(OutboundFault::kCancelled, "cancelled");
  if (!transfer.refused.empty() && code == CURLE_COULDNT_CONNECT) {
    return failed(OutboundFault::kAddressRefused,
                  transfer.refused + " is not allowed by the configuration");
  }
  if (transfer.header_too_long) return failed(OutboundFault::kBroken, "the header is too long");
  const char* const said = impl_->error.front() != '\0' ? impl_->error.data() : nullptr;
  return failed(fault_of(code), said != nullptr ? said : curl_easy_strerror(code));
}

void OutboundClient::cancel() {
  impl_->cancelled = true;
  curl_multi_wakeup(impl_->multi.get());
}

}  // namespace gpuvigil
