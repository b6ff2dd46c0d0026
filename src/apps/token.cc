// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "api/parameters.h"
#include "apps/exit_codes.h"
#include "apps/output.h"
#include "apps/verbs.h"
#include "auth/token_file.h"
#include "base/clock.h"
#include "base/json_writer.h"

namespace gpuvigil {
namespace {

Result<TokenFile> open_tokens(const TokenOptions& options) {
  std::string directory = options.state_directory;
  if (directory.empty()) directory = default_state_directory();
  if (!directory.empty()) return TokenFile(std::move(directory));
  return fail(Errc::kNotFound,
              "no state directory: set HOME or name the server's with --state-dir DIRECTORY");
}

Result<NewToken> create(const TokenOptions& options) {
  GPUVIGIL_TRY(TokenFile file, open_tokens(options));
  TokenRequest request{
      .name = options.name, .scopes = {}, .now = SystemClock().now(), .lifetime = {}};
  const auto scopes = parse_scopes(options.scopes);
  if (!scopes) {
    return fail(Errc::kInvalidArgument,
                "--scope must be read, write, admin or ingest; several with commas");
  }
  request.scopes = *scopes;
  if (!options.lifetime.empty()) {
    request.lifetime = parse_span(options.lifetime);
    if (!request.lifetime) {
      return fail(Errc::kInvalidArgument, "--expires-in must be a time such as 12h or 90d");
    }
  }
  return file.create(request);
}

/// All about a token but the token.
void write_members(JsonWriter& json, const Token& token) {
  json.key("id");
  json.string(token.id);
  json.key("name");
  json.string(token.name);
  json.key("scopes");
  json.string(to_string(token.scopes));
  json.key("created");
  json.timestamp(token.created);
  json.key("expires");
  token.expires ? json.timestamp(*token.expires) : json.null();
}

std::string created_json(const NewToken& made) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("token");
  json.string(made.text.reveal());
  write_members(json, made.token);
  json.end_object();
  json.finish();
  return out;
}

std::string list_json(const std::vector<Token>& tokens) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("tokens");
  json.begin_array();
  for (const Token& token : tokens) {
    json.begin_object();
    write_members(json, token);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  json.finish();
  return out;
}

std::string date_of(Timestamp at) {
  return fmt::format("{:%Y-%m-%d %H:%M}", std::chrono::floor<std::chrono::minutes>(at));
}

std::string list_table(const std::vector<Token>& tokens) {
  std::string out =
      fmt::format("{:8}  {:12}  {:16}  {:16}  {}\n", "Id", "Scopes", "Created", "Expires", "Name");
  for (const Token& token : tokens) {
    out += fmt::format("{:8}  {:12}  {:16}  {:16}  {}\n", token.id, to_string(token.scopes),
                       date_of(token.created), token.expires ? date_of(*token.expires) : "never",
                       token.name);
  }
  return out;
}

int finish(const Result<void>& done) {
  return done ? kExitOk : complain(done.error());
}

}  // namespace

int run_token_create(const TokenOptions& options) {
  const auto made = create(options);
  if (!made) return complain(made.error());
  return finish(
      print(options.json ? created_json(*made) + "\n" : std::string(made->text.reveal()) + "\n"));
}

int run_token_list(const TokenOptions& options) {
  const auto file = open_tokens(options);
  if (!file) return complain(file.error());
  const auto tokens = file->load();
  if (!tokens) return complain(tokens.error());
  return finish(print(options.json ? list_json(*tokens) + "\n" : list_table(*tokens)));
}

int run_token_revoke(const TokenOptions& options) {
  auto file = open_tokens(options);
  if (!file) return complain(file.error());
  return finish(file->revoke(options.id));
}

}  // namespace gpuvigil
