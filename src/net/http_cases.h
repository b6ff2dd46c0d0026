// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gpuvigil::testing {

/// What a client sends over one connection, and what must come of it.
///
/// `want` is the statuses of the responses in their order, then what becomes of the connection:
///   open     it serves a next request
///   closed   the server closes it
///   waiting  the server waits for more
struct HttpCase {
  std::string name;
  std::string wire;
  std::string_view want;
  std::string body = {};  ///< Of the last response, where it says what was understood.
};

/// The server of the cases answers everything with 200 and "METHOD PATH NAME=VALUE...|BODY", where
/// METHOD is a number as Method has it, and has these limits.
inline constexpr std::size_t kCaseHeader = 2048;
inline constexpr std::size_t kCaseFields = 16;
inline constexpr std::size_t kCaseBody = 1024;

[[nodiscard]] std::vector<HttpCase> request_line_cases();
[[nodiscard]] std::vector<HttpCase> version_cases();
[[nodiscard]] std::vector<HttpCase> first_bytes_cases();
[[nodiscard]] std::vector<HttpCase> target_cases();
[[nodiscard]] std::vector<HttpCase> field_cases();
[[nodiscard]] std::vector<HttpCase> host_cases();
[[nodiscard]] std::vector<HttpCase> length_cases();
[[nodiscard]] std::vector<HttpCase> chunk_cases();
[[nodiscard]] std::vector<HttpCase> broken_chunk_cases();
[[nodiscard]] std::vector<HttpCase> chunk_extension_cases();
[[nodiscard]] std::vector<HttpCase> trailer_cases();
[[nodiscard]] std::vector<HttpCase> coding_cases();
[[nodiscard]] std::vector<HttpCase> exchange_cases();
[[nodiscard]] std::vector<HttpCase> expectation_cases();

}  // namespace gpuvigil::testing
