// SPDX-License-Identifier: Apache-2.0
#include "apps/doctor_bundle.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <tuple>

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "apps/client.h"
#include "apps/config.h"
#include "base/assert.h"
#include "base/private_file.h"
#include "base/text.h"
#include "base/version.h"
#include "net/gzip.h"

namespace gpuvigil {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRemoved = "[removed]";
constexpr std::string_view kFolder = "gpuvigil-support/";
constexpr std::size_t kBlock = 512;

/// Parts of names whose values are secrets.
constexpr std::array<std::string_view, 10> kSecretNames = {
    "token",   "secret",        "password", "passwd",     "apikey",
    "api_key", "authorization", "cookie",   "credential", "webhook"};

/// Variables of which it matters that they are set, by how their names begin.
constexpr std::array<std::string_view, 11> kVariables = {
    "GPUVIGIL_", "NVIDIA_", "CUDA_", "ROCR_", "HIP_",
    "ROCP_",     "OPENCL_", "OCL_",  "LD_",   "KUBERNETES_SERVICE_HOST",
    "XDG_"};

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
}

bool begins_with(std::string_view text, std::string_view lower_case) {
  return text.size() >= lower_case.size() &&
         std::ranges::equal(text.substr(0, lower_case.size()), lower_case, {}, lower);
}

/// How far a value reaches that begins at `text`: to its closing quote, or to what ends a word.
std::size_t value_length(std::string_view text, char quote) {
  std::size_t length = 0;
  while (length < text.size()) {
    const char c = text[length];
    if (quote != 0 ? c == quote || c == '\n'
                   : std::string_view(" \t\r\n,;&}]\"'").find(c) != std::string_view::npos)
      break;
    length += quote != 0 && c == '\\' && length + 1 < text.size() ? 2U : 1U;
  }
  return length;
}

/// Counts and switches are told: {"tokens":3} holds no token.
bool is_harmless_value(std::string_view value) {
  return value.empty() || value == "true" || value == "false" || value == "null" ||
         value.front() == '{' || value.front() == '[' ||
         (value.size() < 12 && std::ranges::all_of(value, [](char c) {
            return (c >= '0' && c <= '9') || c == '.' || c == '-';
          }));
}

/// Where the secret value begins and how long it is, if `text` begins with a name of a secret and a
/// value. {0, 0}: it does not.
std::pair<std::size_t, std::size_t> named_secret(std::string_view text) {
  const auto name = std::ranges::find_if(
      kSecretNames, [&](std::string_view one) { return begins_with(text, one); });
  if (name == kSecretNames.end()) return {0, 0};
  std::size_t at = name->size();
  const auto skip = [&](auto is_skipped) {
    while (at < text.size() && is_skipped(text[at])) ++at;
  };
  skip(is_word);
  skip([](char c) { return c == '"' || c == '\'' || c == '\\' || c == ' '; });
  if (at == text.size() || (text[at] != '=' && text[at] != ':')) return {0, 0};
  ++at;
  skip([](char c) { return c == ' ' || c == '\\'; });
  char quote = 0;
  if (at < text.size() && (text[at] == '"' || text[at] == '\'')) quote = text[at++];
  std::size_t length = value_length(text.substr(at), quote);
  std::string_view value = text.substr(at, length);
  if (quote == 0 && is_harmless_value(value)) return {0, 0};
  // "Authorization: Bearer TEXT" is two words.
  if (quote == 0 && (begins_with(value, "bearer") || begins_with(value, "basic"))) {
    const std::size_t more = value_length(text.substr(std::min(text.size(), at + length + 1)), 0);
    length = std::min(text.size() - at, length + 1 + more);
  }
  return {at, length};
}

/// As named_secret, for secrets that are known by how they look.
std::pair<std::size_t, std::size_t> bare_secret(std::string_view text) {
  constexpr std::size_t kLeastToken = 40;  // Names of metrics begin alike; tokens have 43.
  for (const std::string_view scheme : {"bearer ", "basic "}) {
    if (begins_with(text, scheme)) {
      return {scheme.size(), value_length(text.substr(scheme.size()), 0)};
    }
  }
  constexpr std::string_view kToken = "gpuvigil_";
  if (text.starts_with(kToken)) {
    std::size_t length = 0;
    while (kToken.size() + length < text.size() && is_word(text[kToken.size() + length])) ++length;
    if (length >= kLeastToken) return {kToken.size(), length};
  }
  constexpr std::string_view kScheme = "://";
  if (text.starts_with(kScheme)) {
    const std::size_t length = value_length(text.substr(kScheme.size()), 0);
    const std::string_view rest = text.substr(kScheme.size(), length);
    const std::size_t at = rest.substr(0, rest.find('/')).rfind('@');
    if (at != std::string_view::npos) return {kScheme.size(), at};
  }
  return {0, 0};
}

/// `value` in octal digits that fill a field but for its closing zero.
void put_octal(std::string& header, std::size_t at, std::size_t size, std::uint64_t value) {
  const std::string digits = fmt::format("{:0{}o}", value, size - 1);
  GPUVIGIL_ASSERT(digits.size() < size);
  header.replace(at, digits.size(), digits);
}

std::string version_text() {
  utsname name{};
  ::uname(&name);
  return fmt::format("gpuvigil {}\n{}\n{} {} {}\n", version(), compiler(), name.sysname,
                     name.release, name.machine);
}

/// Names only: what a variable is set to may be a secret.
std::string variable_names() {
  std::vector<std::string> names;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view text = *one;
    const std::string_view name = text.substr(0, text.find('='));
    if (std::ranges::any_of(kVariables, [&](auto start) { return name.starts_with(start); })) {
      names.push_back(clean_text(name));
    }
  }
  std::ranges::sort(names);
  return fmt::format("{}\n", fmt::join(names, "\n"));
}

std::string log_end(const std::string& path) {
  std::error_code error;
  if (path.empty()) return "no log was given (--log FILE)\n";
  if (!fs::is_regular_file(path, error)) return fmt::format("{} is no file\n", path);
  std::ifstream file(path, std::ios::binary);
  const std::uintmax_t size = fs::file_size(path, error);
  if (!file || error) return fmt::format("{} cannot be read\n", path);
  const std::uintmax_t from = size > kBundleLogBytes ? size - kBundleLogBytes : 0;
  file.seekg(static_cast<std::streamoff>(from));
  std::string text(kBundleLogBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  // Half a line could hide what a value is of.
  if (from > 0)
    text.erase(0, text.find('\n') == std::string::npos ? text.size() : text.find('\n') + 1);
  return text;
}

std::string system_text(const DoctorContext& context) {
  const Config::Server config = load_config(context.config_path).value_or(Config()).server;
  const ClientOptions client{
      .server =
          fmt::format("{}://{}", config.tls_certificate.empty() ? "http" : "https", config.listen),
      .ca_file = config.tls_certificate};
  const auto answer = ask(client, "/api/v1/system", {});
  if (!answer) return fmt::format("{{\"error\":\"{}\"}}\n", "no server answered");
  return *answer;
}

std::string configuration_text(const DoctorContext& context) {
  const auto config = load_config(context.config_path);
  // The file itself never goes in: it may say what it should not.
  if (!config) return fmt::format("# {}\n", "the configuration is wrong: see doctor.txt");
  return format_config(*config);
}

constexpr std::string_view kReadMe =
    "What gpuvigil knows of this machine and of itself, for whoever helps you.\n"
    "Look through it before you send it: names of machines, users and files are in it.\n"
    "There are no tokens, no values of the environment and no command lines in it.\n\n"
    "doctor.txt, doctor.json  what was checked, and what to do\n"
    "config.toml              the configuration that applies, defaults included\n"
    "system.json              what the running server says of itself\n"
    "environment.txt          which variables are set, without their values\n"
    "log.txt                  the newest lines of the log, where one was given\n"
    "version.txt              this program and this kernel\n";

}  // namespace

std::string without_secrets(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    auto [at, length] = named_secret(text);
    if (length == 0) std::tie(at, length) = bare_secret(text);
    if (length == 0) {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    out += text.substr(0, at);
    out += kRemoved;
    text.remove_prefix(at + length);
  }
  return out;
}

std::string make_tar(const std::vector<ArchiveMember>& members, Timestamp now) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  std::string out;
  for (const auto& [name, text] : members) {
    // POSIX.1-1988 ustar: name, mode, uid, gid, size, mtime, checksum, type, link, magic.
    GPUVIGIL_ASSERT(name.size() <= 100);
    std::string header(kBlock, '\0');
    header.replace(0, name.size(), name);
    put_octal(header, 100, 8, 0600);
    put_octal(header, 108, 8, 0);
    put_octal(header, 116, 8, 0);
    put_octal(header, 124, 12, text.size());
    put_octal(header, 136, 12, static_cast<std::uint64_t>(seconds.count()));
    header.replace(148, 8, "        ");
    header[156] = '0';
    header.replace(257, 6, std::string_view("ustar\0", 6));
    header.replace(263, 2, "00");
    const unsigned sum =
        std::accumulate(header.begin(), header.end(), 0U,
                        [](unsigned all, char c) { return all + static_cast<unsigned char>(c); });
    put_octal(header, 148, 7, sum);
    header[154] = '\0';
    out += header + text;
    out.append((kBlock - text.size() % kBlock) % kBlock, '\0');
  }
  out.append(2 * kBlock, '\0');
  return out;
}

std::vector<ArchiveMember> bundle_members(const BundleOptions& options,
                                          const std::vector<CheckResult>& results) {
  std::vector<ArchiveMember> members = {
      {"README.txt", std::string(kReadMe)},
      {"version.txt", version_text()},
      {"doctor.txt", doctor_text(results)},
      {"doctor.json", doctor_json(results)},
      {"config.toml", configuration_text(options.context)},
      {"system.json", system_text(options.context)},
      {"environment.txt", variable_names()},
      {"log.txt", log_end(options.log)},
  };
  for (ArchiveMember& member : members) {
    member.name = std::string(kFolder) + member.name;
    member.text = without_secrets(member.text);
  }
  return members;
}

Result<void> write_bundle(const std::string& path, const BundleOptions& options,
                          const std::vector<CheckResult>& results) {
  const std::string tar = make_tar(bundle_members(options, results), wall_time());
  const auto packed = gzip(tar);
  GPUVIGIL_ASSERT(packed != nullptr);  // Padding makes every archive smaller.
  return write_private_file(path, *packed);
}

}  // namespace gpuvigil
