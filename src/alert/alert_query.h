// SPDX-License-Identifier: Apache-2.0
#pragma once

// Asking for alerts needs no rules: it lives in model, where views of every kind can reach it.
#include "model/alert_query.h"
