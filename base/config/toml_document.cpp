#include "base/config/toml_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/config/toml_parser.h"
#include "base/io/read_file.h"

namespace larder {
namespace {

constexpr std::size_t kMaxLine = 4096;

std::size_t line_of(const toml::node& node) {
  return node.source().begin.line;
}

Status check_bounds(std::string_view text, const std::string& file_name) {
  if (text.size() > kMaxConfigFile)
    return config_error(file_name, 1, fmt::format("the file is larger than {} bytes", kMaxConfigFile));
  std::size_t line = 1, start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] != '\n') continue;
    if (i - start > kMaxLine)
      return config_error(file_name, line, fmt::format("the line is longer than {} characters", kMaxLine));
    start = i + 1;
    ++line;
  }
  return {};
}

std::optional<ConfigValue> value_of(const toml::node& node) {
  if (const auto* flag = node.as_boolean()) return ConfigValue(flag->get());
  if (const auto* number = node.as_integer()) return ConfigValue(number->get());
  if (const auto* number = node.as_floating_point()) return ConfigValue(number->get());
  if (const auto* text = node.as_string()) return ConfigValue(text->get());
  const toml::array* array = node.as_array();
  if (!array) return std::nullopt;
  std::vector<std::string> list;
  for (const toml::node& element : *array) {
    const auto* text = element.as_string();
    if (!text) return std::nullopt;
    list.push_back(text->get());
  }
  return ConfigValue(std::move(list));
}

ConfigTable table_of(const toml::table& table) {
  ConfigTable made{line_of(table), {}};
  for (const auto& [key, node] : table)
    made.entries.push_back({std::string(key.str()), key.source().begin.line, line_of(node), value_of(node)});
  return made;
}

ConfigSection section_of(const toml::key& key, const toml::node& node) {
  ConfigSection made{std::string(key.str()),     key.source().begin.line, line_of(node),
                     ConfigSection::Kind::other, node.is_array(),         {}};
  if (const toml::table* table = node.as_table()) {
    made.kind = ConfigSection::Kind::table;
    made.tables.push_back(table_of(*table));
    return made;
  }
  const toml::array* array = node.as_array();
  if (!array) return made;
  for (const toml::node& element : *array) {
    const toml::table* table = element.as_table();
    if (!table) {
      made.value_line = line_of(element);
      return made;
    }
    made.tables.push_back(table_of(*table));
  }
  made.kind = ConfigSection::Kind::tables;
  return made;
}

}  // namespace

const ConfigEntry* ConfigTable::find(std::string_view name) const {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [name](const ConfigEntry& entry) { return entry.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

tl::unexpected<Error> config_error(const std::string& file_name, std::size_t line, const std::string& what) {
  return fail(ErrorCode::config_invalid, "use the configuration", fmt::format("{}:{}: {}", file_name, line, what));
}

Result<std::vector<ConfigSection>> parse_toml(std::string_view text, const std::string& file_name) {
  if (auto bounds = check_bounds(text, file_name); !bounds) return tl::unexpected<Error>(bounds.error());
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return config_error(file_name, error.source().begin.line, std::string(error.description()));
  }
  std::vector<ConfigSection> sections;
  for (const auto& [key, node] : parsed.table()) sections.push_back(section_of(key, node));
  return sections;
}

Result<std::string> read_config_text(const std::string& path) {
  const std::string doing = "read the configuration " + path;
  auto text = read_small_file(path, kMaxConfigFile, doing);
  if (text) return std::move(*text);
  const bool missing = text.error().code == ErrorCode::not_found;
  return fail(missing ? ErrorCode::not_found : ErrorCode::config_invalid, doing, text.error().detail);
}

}  // namespace larder
