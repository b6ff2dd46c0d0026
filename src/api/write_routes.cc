// SPDX-License-Identifier: Apache-2.0
#include "api/write_routes.h"

#include <fmt/format.h>

#include "api/ingest.h"
#include "base/json_writer.h"
#include "net/ascii.h"

namespace gpuvigil {
namespace {

/// Hands a submission to the engine; the answer comes when the newest frame shows it.
std::optional<HttpResponse> submit(RouteContext& context,
                                   std::expected<Submission, IngestRefusal> read) {
  if (!read) return problem(read.error().status, read.error().detail, read.error().errors);
  const std::size_t count = read->executions.size() + read->samples.size();
  const Reply answer = context.deferral.later();
  const bool taken = context.engine.submit(*std::move(read), [answer, count] {
    answer.send(reply(fmt::format(R"({{"accepted":{}}})", count)));
  });
  if (!taken) {
    HttpResponse busy = problem(503, "the engine is busy; nothing was taken, try again");
    busy.headers.emplace_back("Retry-After", "1");
    answer.send(std::move(busy));
  }
  return std::nullopt;
}

/// Of whoever asks: how they are known and what they may do.
std::string session_json(const RouteContext& context) {
  const Caller& caller = context.caller;
  std::string_view by = "token";
  if (caller.by_session) by = "session";
  if (caller.token_id.empty()) by = "local";
  if (context.access.options().mode == AuthMode::kOff) by = "anyone";
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("auth");
  json.string(to_string(context.access.options().mode));
  json.key("by");
  json.string(by);
  json.key("token_id");
  caller.token_id.empty() ? json.null() : json.string(caller.token_id);
  json.key("scopes");
  json.begin_array();
  for (const Scope scope : {Scope::kRead, Scope::kWrite, Scope::kAdmin, Scope::kIngest}) {
    if (caller.scopes.has(scope)) json.string(to_string(scope));
  }
  json.end_array();
  json.end_object();
  json.finish();
  return out;
}

}  // namespace

std::optional<HttpResponse> check_body(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  const std::string_view coding = context.request.header("content-encoding");
  if (!coding.empty() && !equals_ignoring_case(coding, "identity")) {
    return problem(415, "a body must not be compressed");
  }
  const std::string_view type = context.request.header("content-type");
  if (!equals_ignoring_case(trim(type.substr(0, type.find(';'))), "application/json")) {
    return problem(415, "a body must be application/json");
  }
  return std::nullopt;
}

std::optional<HttpResponse> post_executions(RouteContext& context) {
  if (auto wrong = check_body(context)) return wrong;
  return submit(context,
                read_executions(context.request.body, {.frame = *context.engine.frame(),
                                                       .now = context.engine.clock().now()}));
}

std::optional<HttpResponse> post_samples(RouteContext& context) {
  if (auto wrong = check_body(context)) return wrong;
  return submit(context, read_samples(context.request.body, {.frame = *context.engine.frame(),
                                                             .now = context.engine.clock().now()}));
}

std::optional<HttpResponse> get_session(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  return reply(session_json(context));
}

std::optional<HttpResponse> post_session(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  if (context.caller.token_id.empty() || context.caller.by_session) {
    return problem(403, "a session is opened by a token in Authorization: Bearer");
  }
  const Secret key = context.access.open_session(context.caller);
  HttpResponse response = reply(session_json(context));
  response.headers.emplace_back("Set-Cookie",
                                session_cookie(key.reveal(), context.request.is_secure));
  return response;
}

std::optional<HttpResponse> delete_session(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  context.access.close_session(credentials_of(context.request).session);
  HttpResponse response;
  response.status = 204;
  response.headers.emplace_back("Set-Cookie", session_cookie({}, context.request.is_secure));
  return response;
}

}  // namespace gpuvigil
