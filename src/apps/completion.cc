// SPDX-License-Identifier: Apache-2.0
#include "apps/completion.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gpuvigil {
namespace {

/// One verb with the words that may follow it.
struct Verb {
  std::string name;
  std::string help;
  std::vector<std::string> words;  ///< Options and verbs below it.
};

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::vector<Verb> verbs_of(const CLI::App& app) {
  std::vector<Verb> verbs;
  for (const CLI::App* sub : app.get_subcommands({})) {
    Verb verb{.name = sub->get_name(), .help = sub->get_description(), .words = option_names(*sub)};
    for (const CLI::App* below : sub->get_subcommands({})) verb.words.push_back(below->get_name());
    if (verb.name == "completion") verb.words.insert(verb.words.end(), {"bash", "zsh", "fish"});
    verbs.push_back(std::move(verb));
  }
  return verbs;
}

std::string bash_script(const std::vector<Verb>& verbs) {
  std::vector<std::string> names;
  std::string cases;
  for (const Verb& verb : verbs) {
    names.push_back(verb.name);
    cases += fmt::format("    {}) words=\"{}\" ;;\n", verb.name, fmt::join(verb.words, " "));
  }
  return fmt::format(R"(_gpuvigil() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" words="{}"
  if [ "$COMP_CWORD" -gt 1 ]; then case "${{COMP_WORDS[1]}}" in
{}    *) words="" ;;
  esac; fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -o default -F _gpuvigil gpuvigil
)",
                     fmt::join(names, " "), cases);
}

std::string zsh_script(const std::vector<Verb>& verbs) {
  std::string names;
  std::string cases;
  for (const Verb& verb : verbs) {
    names += fmt::format("    '{}:{}'\n", verb.name, verb.help);
    cases +=
        fmt::format("    {}) compadd -- {}; _files ;;\n", verb.name, fmt::join(verb.words, " "));
  }
  return fmt::format(R"(#compdef gpuvigil
_gpuvigil() {{
  local -a verbs
  verbs=(
{}  )
  if (( CURRENT == 2 )); then _describe verb verbs; return; fi
  case "$words[2]" in
{}  esac
}}
compdef _gpuvigil gpuvigil
)",
                     names, cases);
}

std::string fish_script(const std::vector<Verb>& verbs) {
  std::string out;
  for (const Verb& verb : verbs) {
    out += fmt::format("complete -c gpuvigil -n __fish_use_subcommand -a {} -d '{}'\n", verb.name,
                       verb.help);
    for (const std::string& word : verb.words) {
      const std::string what = word.starts_with("--") ? fmt::format("-l {}", word.substr(2))
                                                      : fmt::format("-a {}", word);
      out += fmt::format("complete -c gpuvigil -n '__fish_seen_subcommand_from {}' {}\n", verb.name,
                         what);
    }
  }
  return out;
}

}  // namespace

std::string completion_script(const CLI::App& app, std::string_view shell) {
  const auto verbs = verbs_of(app);
  if (shell == "zsh") return zsh_script(verbs);
  if (shell == "fish") return fish_script(verbs);
  return bash_script(verbs);
}

}  // namespace gpuvigil
