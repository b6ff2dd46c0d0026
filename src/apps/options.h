// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gpuvigil {

/// What the command line said, as far as a verb needs it. An empty text: not said.
struct ClientOptions {
  std::string server = "http://127.0.0.1:8080";
  std::string token_file;
  std::string ca_file;  ///< Whom to trust with https; empty: whom this system trusts.
  bool json = false;
};

/// Parameters of the API in the order of the command line: the verbs pass on what they were given,
/// and the API's own reader says what is wrong with it.
using ApiParameters = std::vector<std::pair<std::string, std::string>>;

struct KernelsOptions {
  ClientOptions client;
  std::vector<std::string> traces;  ///< Files to read instead of asking a server.
  ApiParameters parameters;
  bool all_rows = false;  ///< `--limit 0`.
};

struct ReportOptions {
  ClientOptions client;
  std::vector<std::string> traces;
  std::string format;  ///< "text", "html" or "json".
};

struct ListOptions {
  ClientOptions client;
  ApiParameters parameters;
};

/// `gpuvigil alerts ...`, its list aside.
struct AlertOptions {
  ClientOptions client;
  std::string id;                     ///< Of an alert, a silence, or the name of a channel.
  std::vector<std::string> matchers;  ///< "rule=xid*".
  std::string span;                   ///< "2h".
  std::string comment;
  std::string file;                 ///< Configuration with the rules to look at.
  std::vector<std::string> traces;  ///< Recordings to try them on; none: a server's history,
  std::string since = "1h";         ///< from then on.
};

struct RunOptions {
  std::vector<std::string> command;
  ApiParameters parameters;  ///< Of the table: sort_by, limit and their like.
  std::string socket;        ///< Where to listen; empty: in a new directory of its own.
  std::string output;        ///< Where the report goes; empty: standard error.
  std::string trace_out;     ///< Empty: no trace.
  bool json = false;
  bool all_rows = false;  ///< `--limit 0`.
};

struct TraceOptions {
  ClientOptions client;
  std::int64_t pid = 0;
  std::string duration = "5s";
  std::string output = "-";  ///< "-": standard output.
  std::optional<std::int64_t> max_events;
};

struct WatchOptions {
  ClientOptions client;
  ApiParameters parameters;
  std::size_t count = 0;  ///< Messages after which to end; 0: never.
};

struct TopOptions {
  ClientOptions client;
  std::vector<std::string> traces;  ///< Recordings to play instead of asking a server.
  std::string colour = "auto";      ///< "auto", "always" or "never".
  std::string theme = "auto";       ///< "auto", "dark" or "light".
  std::size_t count = 0;            ///< With --json: answers after which to end; 0: never.
  std::int64_t interval_ms = 1000;
  double speed = 1.0;
  bool demo = false;
  bool loop = false;
  bool once = false;
  bool ascii = false;
};

struct TokenOptions {
  std::string state_directory;  ///< Empty: the default one.
  std::string name = "token";
  std::string scopes;
  std::string lifetime;  ///< "90d"; empty: for ever.
  std::string id;        ///< To revoke.
  bool json = false;
};

struct DbOptions {
  std::string path;    ///< Empty: that of the configuration that applies.
  std::string config;  ///< Its file; empty: the one there is.
  std::string target;  ///< Of a backup.
  bool json = false;
};

struct DoctorOptions {
  std::string config;
  std::string bundle;  ///< An archive to write instead of printing; empty: none.
  std::string log;     ///< For the bundle; empty: none.
  bool json = false;
};

struct ServeOptions {
  std::string config;
  std::string listen;
  std::string socket;
  std::string auth;
  std::string rate_limit;
  std::string state_directory;
  std::vector<std::string> hosts;
  std::string tls_certificate;
  std::string tls_key;
  std::string history;  ///< A path, auto, memory or off.
  std::string store;    ///< prometheus:URL
  std::string node_name;
  std::vector<std::string> replay;
  std::string log_level;
  std::string log_format;
  bool demo = false;
  bool loop = false;
  bool align_wall = false;
  double speed = 1.0;
};

}  // namespace gpuvigil
