// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <thread>

namespace gpuvigil {

/// Starts a thread that is a good guest in whatever program it runs in: signals that are sent to
/// the process go to the program's own threads (those that a thread raises by a fault are its own),
/// and debuggers show it by `name`, of which they see 15 characters.
[[nodiscard]] std::thread start_thread(const char* name, std::function<void()> body);

}  // namespace gpuvigil
