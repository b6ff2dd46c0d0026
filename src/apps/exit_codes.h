// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"

namespace gpuvigil {

/// What the program's exit code says; documented in docs/cli.md.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,
  kExitUsage = 2,
  kExitCannotConnect = 3,
  kExitPermission = 4,
  kExitNotFound = 5,
  kExitPartial = 6,  ///< Some or all of the data could not be read; what was whole is printed.
  kExitTimeout = 7,
  kExitIncompatible = 8,
  kExitNoPlace = 9,  ///< An address or a directory cannot be had.
  kExitInternal = 70,

  // Of `gpuvigil run`, beside those of the program: as env, nohup and timeout have them.
  kExitNotStarted = 125,     ///< We could not do our part; the program was not started.
  kExitNotExecutable = 126,  ///< The program is there, and cannot be run.
  kExitNoProgram = 127,
};

[[nodiscard]] constexpr ExitCode exit_code_of(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
      return kExitUsage;
    case Errc::kNotFound:
      return kExitNotFound;
    case Errc::kPermission:
      return kExitPermission;
    case Errc::kUnavailable:
      return kExitCannotConnect;
    case Errc::kCorrupt:
      return kExitPartial;
    case Errc::kTimeout:
      return kExitTimeout;
    case Errc::kTooLarge:
    case Errc::kIo:
      return kExitFailure;
    case Errc::kInternal:
      return kExitInternal;
  }
  return kExitInternal;
}

}  // namespace gpuvigil
