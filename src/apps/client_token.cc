// SPDX-License-Identifier: Apache-2.0
#include "apps/client_token.h"

#include <array>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include <unistd.h>

#include "auth/token_file.h"
#include "base/private_file.h"

namespace gpuvigil {
namespace {

/// The port of "http://127.0.0.1:8080" and its like; 0 for anything that is not this machine.
unsigned local_port(std::string_view server) {
  for (const std::string_view host : {"127.0.0.1", "localhost", "[::1]"}) {
    for (const std::string_view scheme : {"http://", "https://"}) {
      if (!server.starts_with(scheme) || !server.substr(scheme.size()).starts_with(host)) continue;
      const std::string_view rest = server.substr(scheme.size() + host.size());
      unsigned port = 0;
      if (!rest.starts_with(':')) return 0;
      std::from_chars(rest.data() + 1, rest.data() + rest.size(), port);
      return port;
    }
  }
  return 0;
}

/// The tables of this machine's TCP sockets, one after the other.
std::string socket_tables() {
  std::string all;
  for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream file(path);
    all.append(std::istreambuf_iterator<char>(file), {});
  }
  return all;
}

Secret without_line_end(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return Secret(std::move(text));
}

}  // namespace

bool listens_for(std::string_view table, unsigned port, unsigned user) {
  // "  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000 ..."
  bool found = false;
  std::istringstream lines{std::string(table)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::array<std::string, 8> word;
    for (auto& one : word) words >> one;
    constexpr std::string_view kListens = "0A";
    const std::size_t colon = word[1].find(':');
    if (word[3] != kListens || colon == std::string::npos) continue;
    unsigned local = 0;
    const char* end = word[1].data() + word[1].size();
    std::from_chars(word[1].data() + colon + 1, end, local, 16);
    if (local != port) continue;
    if (word[7] != std::to_string(user) && word[7] != "0") return false;
    found = true;
  }
  return found;
}

Result<Secret> client_token(const ClientOptions& client) {
  if (!client.token_file.empty()) {
    GPUVIGIL_TRY(std::string text, read_private_file(client.token_file, 4096));
    return without_line_end(std::move(text));
  }
  if (const char* token = std::getenv("GPUVIGIL_TOKEN"); token != nullptr && *token != '\0') {
    return Secret(token);
  }
  const unsigned port = local_port(client.server);
  const std::string directory = default_state_directory();
  if (port == 0 || directory.empty()) return Secret();
  if (!listens_for(socket_tables(), port, ::geteuid())) return Secret();
  // It is a help, not a need: without it the server says what it wants.
  auto token = TokenFile(directory).cli_token();
  return token ? *std::move(token) : Secret();
}

}  // namespace gpuvigil
