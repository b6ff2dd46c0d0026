// SPDX-License-Identifier: Apache-2.0
#include "outbound/grpc_call.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/text.h"
#include "outbound/curl_ready.h"

namespace gpuvigil {
namespace {

// Of a message: whether it is compressed, and its length, the highest byte first.
constexpr std::size_t kPrefixBytes = 5;

struct CurlDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct Answer {
  std::size_t most = 0;
  std::string bytes = {};
  bool is_too_large = false;
  std::optional<int> status = {};  ///< Of gRPC, from the header or from what comes after the body.
  std::string why = {};
};

std::size_t take_body(char* bytes, std::size_t, std::size_t count, void* user) {
  auto& answer = *static_cast<Answer*>(user);
  answer.is_too_large = answer.bytes.size() + count > answer.most + kPrefixBytes;
  if (answer.is_too_large) return 0;
  answer.bytes.append(bytes, count);
  return count;
}

std::size_t take_header(char* bytes, std::size_t, std::size_t count, void* user) {
  auto& answer = *static_cast<Answer*>(user);
  const std::string_view line(bytes, count);
  const auto value_of = [&](std::string_view name) -> std::optional<std::string_view> {
    if (!line.starts_with(name)) return std::nullopt;
    const std::string_view rest = line.substr(name.size());
    const std::size_t begin = std::min(rest.find_first_not_of(' '), rest.size());
    const std::size_t end = rest.find_last_not_of(" \r\n") + 1;
    return rest.substr(begin, end > begin ? end - begin : 0);
  };
  if (const auto text = value_of("grpc-status:")) {
    int code = -1;
    std::from_chars(text->data(), text->data() + text->size(), code);
    answer.status = code;
  }
  if (const auto text = value_of("grpc-message:")) answer.why = clean_text(text->substr(0, 200));
  return count;
}

std::string framed(std::string_view message) {
  std::string bytes(kPrefixBytes, '\0');
  for (std::size_t i = 1; i < kPrefixBytes; ++i) {
    bytes[i] = static_cast<char>(message.size() >> (8 * (kPrefixBytes - 1 - i)) & 0xFFU);
  }
  return bytes.append(message);
}

Result<std::string> message_of(const Answer& answer) {
  const auto no_grpc = [](std::string_view what) {
    return fail(Errc::kCorrupt, fmt::format("what answers speaks no gRPC: {}", what));
  };
  if (!answer.status) return no_grpc("it gives no status");
  if (*answer.status != 0) {
    return fail(Errc::kUnavailable,
                fmt::format("it refuses with status {} {}", *answer.status, answer.why));
  }
  if (answer.bytes.size() < kPrefixBytes) return no_grpc("its message is cut");
  if (answer.bytes.front() != '\0') return no_grpc("its message is compressed");
  std::size_t size = 0;
  for (std::size_t i = 1; i < kPrefixBytes; ++i) {
    size = size << 8U | static_cast<unsigned char>(answer.bytes[i]);
  }
  if (size != answer.bytes.size() - kPrefixBytes) return no_grpc("its message has another length");
  return answer.bytes.substr(kPrefixBytes);
}

}  // namespace

Result<std::string> grpc_call(const GrpcCall& call) {
  const std::unique_ptr<CURL, CurlDeleter> easy(curl_is_ready() ? curl_easy_init() : nullptr);
  if (!easy) return fail(Errc::kInternal, "libcurl cannot be set up");
  std::unique_ptr<curl_slist, CurlDeleter> headers;
  for (const char* line : {"content-type: application/grpc", "te: trailers", "Expect:"}) {
    curl_slist* const longer = curl_slist_append(headers.get(), line);
    if (longer == nullptr) return fail(Errc::kInternal, "libcurl cannot be set up");
    static_cast<void>(headers.release());  // the longer one begins with it
    headers.reset(longer);
  }
  const std::string body = framed(call.message);
  const std::string path(call.socket);
  const std::string url = fmt::format("http://localhost{}", call.method);
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(call.deadline).count();
  Answer answer{.most = call.max_answer};
  const auto set = [&](CURLoption option, auto value) {
    return curl_easy_setopt(easy.get(), option, value) == CURLE_OK;
  };
  const bool is_set =
      set(CURLOPT_NOSIGNAL, 1L) && set(CURLOPT_PROXY, "") && set(CURLOPT_URL, url.c_str()) &&
      set(CURLOPT_UNIX_SOCKET_PATH, path.c_str()) &&
      set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE)) &&
      set(CURLOPT_TIMEOUT_MS, static_cast<long>(ms)) && set(CURLOPT_HTTPHEADER, headers.get()) &&
      set(CURLOPT_POST, 1L) &&
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size())) &&
      set(CURLOPT_POSTFIELDS, body.data()) && set(CURLOPT_WRITEFUNCTION, take_body) &&
      set(CURLOPT_WRITEDATA, &answer) && set(CURLOPT_HEADERFUNCTION, take_header) &&
      set(CURLOPT_HEADERDATA, &answer);
  if (!is_set) return fail(Errc::kInternal, "this libcurl does not speak HTTP/2");
  const CURLcode code = curl_easy_perform(easy.get());
  if (answer.is_too_large) {
    return fail(Errc::kTooLarge, fmt::format("its answer has more than {} bytes", call.max_answer));
  }
  if (code != CURLE_OK) return fail(Errc::kUnavailable, curl_easy_strerror(code));
  return message_of(answer);
}

}  // namespace gpuvigil
