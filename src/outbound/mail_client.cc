// SPDX-License-Identifier: Apache-2.0
#include "outbound/mail_client.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/text.h"
#include "outbound/curl_ready.h"

namespace gpuvigil {
namespace {

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

/// What libcurl's callbacks see of a mail.
struct Delivery {
  const AddressPolicy& addresses;
  std::string_view rest;
  std::string refused = {};
};

curl_socket_t open_socket(void* user, curlsocktype, curl_sockaddr* address) {
  auto& delivery = *static_cast<Delivery*>(user);
  const AddressKind kind = classify_address(&address->addr, address->addrlen);
  if (!delivery.addresses.allows(kind)) {
    delivery.refused = fmt::format("{} address {}", to_string(kind),
                                   address_text(&address->addr, address->addrlen));
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::size_t give_text(char* into, std::size_t, std::size_t room, void* user) {
  auto& delivery = *static_cast<Delivery*>(user);
  const std::size_t count = std::min(room, delivery.rest.size());
  std::memcpy(into, delivery.rest.data(), count);
  delivery.rest.remove_prefix(count);
  return count;
}

std::size_t ignore(char*, std::size_t, std::size_t count, void*) {
  return count;
}

}  // namespace

Result<void> send_mail(const MailRequest& request, std::string_view text) {
  const std::unique_ptr<CURL, EasyDeleter> easy(curl_is_ready() ? curl_easy_init() : nullptr);
  if (!easy) return fail(Errc::kInternal, "libcurl cannot be set up");
  const auto set = [&](CURLoption option, auto value) {
    curl_easy_setopt(easy.get(), option, value);
  };
  std::unique_ptr<curl_slist, ListDeleter> to;
  for (const std::string& one : request.to) {
    curl_slist* longer = curl_slist_append(to.get(), fmt::format("<{}>", one).c_str());
    if (longer == nullptr) return fail(Errc::kInternal, "out of memory");
    static_cast<void>(to.release());  // the longer one begins with it
    to.reset(longer);
  }
  Delivery delivery{.addresses = request.addresses, .rest = text};
  std::array<char, CURL_ERROR_SIZE> error{};
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  const bool logs_in = !request.user.empty() && request.password != nullptr;
  set(CURLOPT_USE_SSL, static_cast<long>(logs_in ? CURLUSESSL_ALL : CURLUSESSL_TRY));
  if (!request.ca_file.empty()) set(CURLOPT_CAINFO, request.ca_file.c_str());
  set(CURLOPT_TIMEOUT_MS,
      static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(request.deadline).count()));
  set(CURLOPT_MAIL_FROM, fmt::format("<{}>", request.from).c_str());
  set(CURLOPT_MAIL_RCPT, to.get());
  if (logs_in) {
    set(CURLOPT_USERNAME, request.user.c_str());
    set(CURLOPT_PASSWORD, std::string(request.password->reveal()).c_str());
  }
  set(CURLOPT_UPLOAD, 1L);
  set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(text.size()));
  set(CURLOPT_READFUNCTION, give_text);
  set(CURLOPT_READDATA, &delivery);
  set(CURLOPT_WRITEFUNCTION, ignore);
  set(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  set(CURLOPT_OPENSOCKETDATA, &delivery);
  set(CURLOPT_ERRORBUFFER, error.data());
  const CURLcode code = curl_easy_perform(easy.get());
  if (code == CURLE_OK) return {};
  if (!delivery.refused.empty()) {
    return fail(Errc::kUnavailable, delivery.refused + " is not allowed by the configuration");
  }
  long reply = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &reply);
  const std::string what =
      clean_text(error.front() != '\0' ? error.data() : curl_easy_strerror(code));
  if (code == CURLE_OPERATION_TIMEDOUT) return fail(Errc::kTimeout, what);
  return fail(reply >= 500 ? Errc::kInvalidArgument : Errc::kUnavailable, what);
}

}  // namespace gpuvigil
