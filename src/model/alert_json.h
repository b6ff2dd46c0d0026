// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json_writer.h"
#include "model/alert.h"

namespace gpuvigil {

/// An alert as the API shows it, and as webhooks and commands are told.
void write_alert(JsonWriter& json, const Alert& alert);

}  // namespace gpuvigil
