// SPDX-License-Identifier: Apache-2.0
#include "apps/config_reader.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "api/parameters.h"
#include "base/text.h"

namespace gpuvigil {

struct ConfigReader::Impl {
  std::string origin;
  std::string prefix;  ///< Of keys in messages: "rules[0]."; empty at the top.
  toml::table root;
  std::set<std::string, std::less<>> known;
  std::multimap<std::uint32_t, std::string> mistakes;  ///< By line.

  void add(std::uint32_t line, std::string_view text) {
    mistakes.emplace(line, fmt::format("{}:{}: {}", origin, line, text));
  }

  /// The node of a dotted key, which from now on is known; null where the text has none.
  const toml::node* find(std::string_view key) {
    known.emplace(key);
    return root.at_path(key).node();
  }

  void wrong(std::string_view key, const toml::node& node, std::string_view must) {
    add(node.source().begin.line, fmt::format("{}{}: must be {}", prefix, key, must));
  }

  void find_unknown(const toml::table& table, const std::string& path);
  void unknown(const std::string& key, std::uint32_t line);
};

void ConfigReader::Impl::unknown(const std::string& key, std::uint32_t line) {
  std::string text = fmt::format("{}{}: unknown key", prefix, clean_text(key));
  if (const auto near = nearest_word(key, known)) text += fmt::format("; did you mean {}?", *near);
  add(line, text);
}

// NOLINTNEXTLINE(misc-no-recursion): toml++ bounds how deep tables nest
void ConfigReader::Impl::find_unknown(const toml::table& table, const std::string& path) {
  for (const auto& [key, node] : table) {
    const std::string full = path + std::string(key.str());
    if (known.contains(full)) continue;
    const bool is_section = std::ranges::any_of(
        known, [&](const std::string& one) { return one.starts_with(full + "."); });
    if (node.is_table() && is_section) {
      find_unknown(*node.as_table(), full + ".");
    } else {
      unknown(full, key.source().begin.line);
    }
  }
}

ConfigReader::ConfigReader(std::string_view text, std::string origin)
    : impl_(std::make_unique<Impl>()) {
  impl_->origin = std::move(origin);
  try {  // toml++ throws on bad syntax, and so tells only the first such mistake
    impl_->root = toml::parse(text, impl_->origin);
  } catch (const toml::parse_error& error) {
    impl_->add(error.source().begin.line, fmt::format("not TOML: {}", error.description()));
  }
}

ConfigReader::~ConfigReader() = default;

void ConfigReader::read(std::string_view key, std::string& value) {
  const toml::node* node = impl_->find(key);
  if (node == nullptr) return;
  if (const auto text = node->value_exact<std::string>()) {
    value = *text;
  } else {
    impl_->wrong(key, *node, "a text in quotes");
  }
}

void ConfigReader::read(std::string_view key, bool& value) {
  const toml::node* node = impl_->find(key);
  if (node == nullptr) return;
  if (const auto flag = node->value_exact<bool>()) {
    value = *flag;
  } else {
    impl_->wrong(key, *node, "true or false");
  }
}

void ConfigReader::read(std::string_view key, std::uint64_t& value, std::uint64_t low,
                        std::uint64_t high) {
  const toml::node* node = impl_->find(key);
  if (node == nullptr) return;
  const auto number = node->value_exact<std::int64_t>();
  if (!number || *number < 0 || static_cast<std::uint64_t>(*number) < low ||
      static_cast<std::uint64_t>(*number) > high) {
    impl_->wrong(key, *node, fmt::format("a whole number from {} to {}", low, high));
    return;
  }
  value = static_cast<std::uint64_t>(*number);
}

void ConfigReader::read(std::string_view key, double& value, double low, double high) {
  const toml::node* node = impl_->find(key);
  if (node == nullptr) return;
  const auto number = node->value<double>();
  if (!number || !(*number >= low && *number <= high)) {
    impl_->wrong(key, *node, fmt::format("a number from {} to {}", low, high));
    return;
  }
  value = *number;
}

void ConfigReader::read(std::string_view key, Duration& value, Duration low, Duration high) {
  const toml::node* node = impl_->find(key);
  if (node == nullptr) return;
  const auto text = node->value_exact<std::string>();
  const auto span = text ? parse_span(*text) : std::nullopt;
  if (!span || *span < low || *span > high) {
    impl_->wrong(key, *node,
                 fmt::format("a time from {} to {}, such as \"{}\"", format_span(low),
                             format_span(high), format_span(value)));
    return;
  }
  value = *span;
}

void ConfigReader::read(std::string_view key, std::vector<std::string>& values, std::size_t most) {
  const toml::node* node = impl_->find(key);
  if (node == nullptr) return;
  const toml::array* list = node->as_array();
  std::vector<std::string> texts;
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    if (const auto text = list->get(i)->value_exact<std::string>()) texts.push_back(*text);
  }
  if (list == nullptr || texts.size() != list->size() || texts.size() > most) {
    impl_->wrong(key, *node, fmt::format("a list of at most {} texts in quotes", most));
    return;
  }
  values = std::move(texts);
}

void ConfigReader::mistake(std::string_view key, std::string reason) {
  const toml::node* node = impl_->root.at_path(key).node();
  // What is missing in a table is told where the table begins.
  const auto line = node == nullptr ? impl_->root.source().begin.line : node->source().begin.line;
  impl_->add(impl_->prefix.empty() && node == nullptr ? 0 : line,
             fmt::format("{}{}: {}", impl_->prefix, key, reason));
}

ConfigReader::ConfigReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

void ConfigReader::read(std::string_view key,
                        std::vector<std::pair<std::string, std::string>>& values,
                        std::size_t most) {
  const toml::node* node = impl_->find(key);
  if (node == nullptr) return;
  const toml::table* table = node->as_table();
  std::vector<std::pair<std::string, std::string>> texts;
  if (table != nullptr) {
    for (const auto& [name, value] : *table) {
      if (const auto text = value.value_exact<std::string>()) {
        texts.emplace_back(std::string(name.str()), *text);
      }
    }
  }
  if (table == nullptr || texts.size() != table->size() || texts.size() > most) {
    impl_->wrong(key, *node, fmt::format("a table of at most {} texts in quotes", most));
    return;
  }
  values = std::move(texts);
}

void ConfigReader::read_tables(std::string_view key, std::size_t most,
                               const std::function<void(ConfigReader& row)>& read_row) {
  if (impl_->find(key) == nullptr) return;
  toml::node* node = impl_->root.at_path(key).node();
  toml::array* list = node->as_array();
  if (list == nullptr || list->size() > most || !list->is_homogeneous(toml::node_type::table)) {
    impl_->wrong(key, *node, fmt::format("a list of at most {} tables, each [[{}]]", most, key));
    return;
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto row_impl = std::make_unique<Impl>();
    row_impl->origin = impl_->origin;
    row_impl->prefix = fmt::format("{}[{}].", key, i);
    row_impl->root = std::move(*list->get(i)->as_table());  // a copy would not know its lines
    ConfigReader row(std::move(row_impl));
    read_row(row);
    row.impl_->find_unknown(row.impl_->root, "");
    impl_->mistakes.merge(row.impl_->mistakes);
  }
}

Result<void> ConfigReader::finish() {
  impl_->find_unknown(impl_->root, "");
  if (impl_->mistakes.empty()) return {};
  std::string all;
  for (const auto& [line, text] : impl_->mistakes) {
    if (!all.empty()) all += '\n';
    all += text;
  }
  return fail(Errc::kInvalidArgument, std::move(all));
}

std::string format_span(Duration span) {
  using namespace std::chrono_literals;
  if (span % 24h == 0h && span >= 48h) return fmt::format("{}d", span / 24h);
  if (span % 1h == 0h) return fmt::format("{}h", span / 1h);
  if (span % 1min == 0min) return fmt::format("{}m", span / 1min);
  if (span % 1s == 0s) return fmt::format("{}s", span / 1s);
  return fmt::format("{}ms", span / 1ms);
}

}  // namespace gpuvigil
