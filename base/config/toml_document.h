// A file in TOML as its reader needs it: sections, each of keys with values, and the line of each, for errors. toml++
// is in the .cpp alone. Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config/config_row.h"
#include "base/result.h"

namespace larder {

inline constexpr std::size_t kMaxConfigFile = 1024 * 1024;  // bytes

struct ConfigEntry {
  std::string name;
  std::size_t line = 0;  // of the name
  std::size_t value_line = 0;
  std::optional<ConfigValue> value;  // none: of a kind that no key has, such as a date or a list of numbers
};

struct ConfigTable {
  std::size_t line = 0;
  std::vector<ConfigEntry> entries;  // in order of their names, each name once
  [[nodiscard]] const ConfigEntry* find(std::string_view name) const;
};

// What stands at the top of the file under one name.
struct ConfigSection {
  enum class Kind {
    table,   // [name]: one table
    tables,  // [[name]]: so many tables
    other,   // a value without a section, or a list that is not of tables alone
  };
  std::string name;
  std::size_t line = 0;        // of the name
  std::size_t value_line = 0;  // where `other` is wrong
  Kind kind = Kind::other;
  bool is_list = false;  // of `other`
  std::vector<ConfigTable> tables;
};

// Errors are config_invalid with "FILE:LINE: …" in the detail; `file_name` is used only for them. Refused as well: more
// than kMaxConfigFile bytes, lines of more than 4096 (the dots of a key nest tables, which are destroyed recursively).
[[nodiscard]] Result<std::vector<ConfigSection>> parse_toml(std::string_view text, const std::string& file_name);
// Reads the file; blocks. not_found: it is missing.
[[nodiscard]] Result<std::string> read_config_text(const std::string& path);
[[nodiscard]] tl::unexpected<Error> config_error(const std::string& file_name, std::size_t line,
                                                 const std::string& what);

}  // namespace larder
