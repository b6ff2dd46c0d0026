// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

namespace gpuvigil {

/// Sets libcurl up, once a program and never undone: others in the process may use it too.
inline bool curl_is_ready() {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ready;
}

}  // namespace gpuvigil
