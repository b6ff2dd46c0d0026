// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace gpuvigil {

/// One question to a gRPC server of this machine.
struct GrpcCall {
  std::string_view socket;  ///< Its path.
  std::string_view method;  ///< "/v1.PodResourcesLister/List"
  std::string_view message = {};
  Duration deadline = std::chrono::seconds(2);  ///< For all of it.
  std::size_t max_answer = std::size_t{4} << 20U;
};

/// Asks and waits; gives the message of the answer, which is any bytes. Without TLS and
/// compression: the socket's file says who may ask and who answers.
/// Errors: kUnavailable (nobody listens there, it took too long, or it refused), kCorrupt (what
/// comes is no gRPC), kTooLarge, kInternal (libcurl cannot be set up, or speaks no HTTP/2).
/// Threading: any.
[[nodiscard]] Result<std::string> grpc_call(const GrpcCall& call);

}  // namespace gpuvigil
