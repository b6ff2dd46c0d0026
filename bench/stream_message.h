// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>

#include <time.h>

namespace gpuvigil {

/// A message as the floors and peers send it: it begins as ours do, with the time of sending, and
/// is filled up to `bytes`.
inline std::string stream_payload(std::size_t bytes) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  char text[96];
  const std::size_t date = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  std::string payload = R"({"type":"gpu_metrics","timestamp":")";
  payload.append(text, date);
  std::snprintf(text, sizeof(text), ".%09ldZ\",\"fill\":\"", now.tv_nsec);
  payload += text;
  payload.resize(std::max(bytes, payload.size() + 2) - 2, 'x');
  return payload + "\"}";
}

/// `payload` (below 64 KiB) as an unmasked text frame.
inline std::string stream_frame(const std::string& payload) {
  const std::size_t size = payload.size();
  std::string frame = "\x81";
  if (size < 126) {
    frame += static_cast<char>(size);
  } else {
    frame += '\x7E';
    frame += static_cast<char>(size >> 8U);
    frame += static_cast<char>(size & 0xFFU);
  }
  return frame + payload;
}

}  // namespace gpuvigil
