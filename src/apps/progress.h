// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace gpuvigil {

/// "48 %  412 MiB of 858 MiB  1.2 GiB/s  0:03 left": the line of a progress bar.
[[nodiscard]] std::string progress_line(std::uint64_t done, std::uint64_t total,
                                        std::chrono::duration<double> elapsed);

/// Shows on standard error how far a long read has come: only on a terminal, only after a second,
/// four times a second, and wipes its line when it is destroyed.
class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Another file begins.
  void restart();
  void update(std::uint64_t done, std::uint64_t total);

 private:
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace gpuvigil
