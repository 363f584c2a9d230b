// Sections of a configuration read by the rows of their keys. What is wrong is an error with its line, and where a name
// is misspelt, with the nearest one. Pure; any thread.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/config/config_row.h"
#include "base/config/toml_document.h"

namespace larder {

class ConfigReader {
 public:
  static constexpr std::size_t kMaxRepeated = 64;  // tables of one [[section]]

  // `page` has all keys; errors name it.
  ConfigReader(std::string file_name, std::string page) : file_name_(std::move(file_name)), page_(std::move(page)) {}

  [[nodiscard]] tl::unexpected<Error> wrong(std::size_t line, const std::string& what) const {
    return config_error(file_name_, line, what);
  }
  [[nodiscard]] std::string hint(const std::string& name, const std::vector<std::string>& known) const {
    if (const auto near = nearest_name(name, known)) return fmt::format("; did you mean \"{}\"?", *near);
    return fmt::format("; {} has all keys", page_);
  }

  // Of the keys under [section].
  template <class Target>
  Status read_section(const ConfigSection& section, const std::vector<ConfigRow<Target>>& rows, Target& target) const {
    if (section.kind != ConfigSection::Kind::table)
      return wrong(section.kind == ConfigSection::Kind::tables ? section.line : section.value_line,
                   fmt::format("\"{0}\" must be a section: write [{0}]", section.name));
    return read_table(section.name, section.tables.front(), rows, target);
  }

  // Of [[section]], once for each target; each must have a name (`Target::name`) of its own.
  template <class Target>
  Status read_repeated(const ConfigSection& section, const std::vector<ConfigRow<Target>>& rows,
                       std::vector<Target>& targets) const {
    if (section.kind != ConfigSection::Kind::tables)
      return wrong(section.value_line, fmt::format("\"{0}\" must be written [[{0}]], once for each", section.name));
    if (section.tables.size() > kMaxRepeated)
      return wrong(section.value_line, fmt::format("more than {} of [[{}]]", kMaxRepeated, section.name));
    std::set<std::string> names;
    for (const ConfigTable& table : section.tables) {
      Target target;
      if (auto done = read_table("[" + section.name + "]", table, rows, target); !done) return done;
      for (const auto& row : rows)
        if (row.required && table.find(row.key.name) == nullptr)
          return wrong(table.line, fmt::format("[[{}]] needs \"{}\"", section.name, row.key.name));
      if (!names.insert(target.name).second)
        return wrong(table.line, fmt::format("two of [[{}]] have the name \"{}\"", section.name, target.name));
      targets.push_back(std::move(target));
    }
    return {};
  }

 private:
  template <class Target>
  Status read_table(const std::string& section, const ConfigTable& table, const std::vector<ConfigRow<Target>>& rows,
                    Target& target) const {
    for (const ConfigEntry& entry : table.entries) {
      const auto row = std::find_if(rows.begin(), rows.end(), [&](const ConfigRow<Target>& each) {
        return each.key.section == section && each.key.name == entry.name;
      });
      const std::string full = section.front() == '[' ? fmt::format("[{}] {}", section, entry.name)
                                                      : fmt::format("{}.{}", section, entry.name);
      if (row == rows.end())
        return wrong(entry.line, fmt::format("unknown key \"{}\"{}", full, hint(entry.name, names_in(section, rows))));
      const auto problem = entry.value ? row->set(target, *entry.value)
                                       : fmt::format("must be a {}; range: {}", row->key.kind, row->key.range);
      if (problem) return wrong(entry.value_line, fmt::format("\"{}\" {}", full, *problem));
    }
    return {};
  }

  template <class Target>
  [[nodiscard]] static std::vector<std::string> names_in(const std::string& section,
                                                         const std::vector<ConfigRow<Target>>& rows) {
    std::vector<std::string> names;
    for (const auto& row : rows)
      if (row.key.section == section) names.push_back(row.key.name);
    return names;
  }

  std::string file_name_;
  std::string page_;
};

}  // namespace larder
