// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace gpuvigil {

/// What kind of failure it is, as far as a caller acts on it: exit codes and HTTP statuses come
/// from this, everything else is in the message.
enum class Errc {
  kInvalidArgument,  ///< The caller asked for something that cannot be.
  kNotFound,         ///< It does not exist.
  kPermission,       ///< The system refused it.
  kUnavailable,      ///< Not now, or not on this machine: no driver, port taken, server away.
  kCorrupt,          ///< Bytes that are not what they claim to be.
  kTooLarge,         ///< Over a stated limit.
  kTimeout,          ///< Did not answer in time.
  kIo,               ///< A read or write failed.
  kInternal,         ///< A bug, or something that the other kinds do not describe.
};

/// An expected failure: what happened, in one line that says what to do, without a full stop.
struct Error {
  Errc code = Errc::kInternal;
  std::string message;
};

/// A value, or why there is none.
template <class T>
using Result = std::expected<T, Error>;

/// `return fail(Errc::kNotFound, "no such device: GPU-1");`
[[nodiscard]] inline std::unexpected<Error> fail(Errc code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

}  // namespace gpuvigil

#define GPUVIGIL_CONCAT_(a, b) a##b
#define GPUVIGIL_CONCAT(a, b) GPUVIGIL_CONCAT_(a, b)

/// `GPUVIGIL_TRY(auto file, open(path));` binds the value, or returns the error to our caller.
/// GCC 12's std::expected has no and_then or transform; this macro makes up for it.
#define GPUVIGIL_TRY(decl, expr)                                                \
  auto GPUVIGIL_CONCAT(try_, __LINE__) = (expr);                                \
  if (!GPUVIGIL_CONCAT(try_, __LINE__))                                         \
    return std::unexpected(std::move(GPUVIGIL_CONCAT(try_, __LINE__)).error()); \
  /* NOLINTNEXTLINE(bugprone-macro-parentheses) */                              \
  decl = *std::move(GPUVIGIL_CONCAT(try_, __LINE__))

/// `GPUVIGIL_CHECK(write(...));` for a Result<void>: returns its error to our caller.
#define GPUVIGIL_CHECK(expr)                                                              \
  do {                                                                                    \
    if (auto check_ = (expr); !check_) return std::unexpected(std::move(check_).error()); \
  } while (false)
