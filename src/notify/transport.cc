// SPDX-License-Identifier: Apache-2.0
#include "notify/transport.h"

#include <fmt/format.h>

#include "base/text.h"
#include "notify/messages.h"
#include "outbound/mail_client.h"

namespace gpuvigil {
namespace {

/// What a receiver answered, or why none did.
std::string problem_of(const OutboundResult& result) {
  if (!result) return result.error().message;
  if (result->status >= 200 && result->status < 300) return {};
  return fmt::format("answered {}", result->status);
}

Try told(const Result<void>& done) {
  if (done) return {.result = OutboundAnswer{.status = 200}, .problem = {}};
  // What a mail server refuses for good is not tried again.
  const long status = done.error().code == Errc::kInvalidArgument ? 400 : 500;
  return {.result = OutboundAnswer{.status = status}, .problem = done.error().message};
}

Try deliver_mail(const ChannelSpec& spec, const Notice& notice, Duration deadline) {
  return told(send_mail({.url = spec.mail_url,
                         .from = spec.sender,
                         .to = spec.to,
                         .user = spec.user,
                         .password = &spec.secret,
                         .addresses = spec.addresses,
                         .deadline = deadline,
                         .ca_file = spec.ca_file},
                        mail_text(notice, spec)));
}

}  // namespace

Try transport(const ChannelSpec& spec, const Message& message, OutboundClient* client,
              Duration deadline, Duration resend) {
  if (spec.kind == ChannelKind::kEmail) return deliver_mail(spec, *message.notice, deadline);
  if (spec.kind == ChannelKind::kCommand) {
    return told(run_command(spec.command, webhook_body(*message.notice), deadline));
  }
  std::string body;
  Secret bearer;
  OutboundRequest request{.url = *spec.url, .content_type = "application/json"};
  switch (spec.kind) {
    case ChannelKind::kSlack:
      body = slack_body(*message.notice);
      break;
    case ChannelKind::kPagerDuty:
      body = pagerduty_body(*message.notice, spec.secret);
      break;
    case ChannelKind::kAlertmanager:
      body = alertmanager_body(*message.roll, resend);
      if (!spec.secret.empty()) {
        bearer = Secret(fmt::format("Bearer {}", spec.secret.reveal()));
        request.authorization = &bearer;
      }
      break;
    default:
      body = webhook_body(*message.notice);
      request.headers = webhook_headers(*message.notice, spec.secret, body, wall_time());
      break;
  }
  request.body = body;
  Try done{.result = client->send(request), .problem = {}};
  done.problem = problem_of(done.result);
  return done;
}

}  // namespace gpuvigil
