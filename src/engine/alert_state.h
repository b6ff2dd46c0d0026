// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "alert/alert_book.h"
#include "alert/grouping.h"
#include "base/result.h"
#include "model/channel_text.h"
#include "model/notice.h"
#include "model/rule_text.h"
#include "model/silence.h"

namespace gpuvigil {

/// A notice and the channels that have not taken it yet.
struct Outgoing {
  std::shared_ptr<const Notice> notice;
  std::vector<std::string> channels;
};

/// What of alerting outlasts the process.
struct AlertStateFile {
  std::vector<LivingAlert> living;
  std::vector<OpenNotice> open;
  std::vector<Outgoing> outgoing;
  std::vector<Silence> silences;
  std::vector<RuleText> rules;        ///< Made through the API.
  std::vector<ChannelText> channels;  ///< Made through the API, with their secrets.
};

/// As JSON, for a file that only its owner reads.
[[nodiscard]] std::string format_alert_state(const AlertStateFile& state);

/// Errors: kCorrupt, kTooLarge for what format_alert_state() did not write.
[[nodiscard]] Result<AlertStateFile> parse_alert_state(std::string_view text);

}  // namespace gpuvigil
