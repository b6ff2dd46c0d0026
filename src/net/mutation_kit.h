// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace gpuvigil::testing {

/// Sends at least `count` spoiled requests to a server, over many connections at a time, each of
/// which the client ends. All that comes back must be whole answers of known statuses; a good
/// request after each round must be answered; connections, descriptors and memory must come back to
/// where they were. Fails the test that calls it, with the seed and the bytes.
void expect_to_survive(std::uint64_t seed, int count);

}  // namespace gpuvigil::testing
