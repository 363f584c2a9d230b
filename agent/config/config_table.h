// The one table of configuration keys. Each row is documentation, default, check, reader and writer of one key, so that
// none of these can disagree. Pure: no TOML library, no files.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/config/config.h"

namespace larder::agent {

// A value of the file, before its row has checked it.
using ConfigValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

template <class Target>
struct ConfigRow {
  ConfigKey key;
  bool required = false;  // must be given in its section (only in [[hook]] and [[notify]])
  // Sets the value in Target. Returns why the value is refused, as the end of a sentence ("must be a …"); none: it is
  // set.
  std::function<std::optional<std::string>(Target&, const ConfigValue&)> set;
  std::function<std::string(const Target&)> get;  // as a TOML value that `set` accepts
};

[[nodiscard]] const std::vector<ConfigRow<Config>>& config_rows();         // in the order of the documentation
[[nodiscard]] const std::vector<ConfigRow<Hook>>& hook_rows();             // [[hook]]
[[nodiscard]] const std::vector<ConfigRow<NotifyCommand>>& notify_rows();  // [[notify]]

// Returns the known name nearest to a misspelt one, or nothing if none is near enough.
[[nodiscard]] std::optional<std::string> nearest_name(const std::string& name, const std::vector<std::string>& known);

}  // namespace larder::agent
