// A key of a configuration is one row: documentation, default, check, reader and writer of it, so that none of these
// can disagree (docs/decisions/0009-configuration-table.md). Pure: no TOML library, no files. Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace larder {

// A value of the file, before its row has checked it.
using ConfigValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

struct ConfigKey {  // what a row says to people
  std::string section, name, kind, unit, default_text, range, meaning;
};

template <class Target>
struct ConfigRow {
  ConfigKey key;
  bool required = false;  // must be given in its section (only in repeated ones, such as [[hook]])
  // Sets the value in Target. Returns why the value is refused, as the end of a sentence ("must be a …"); none: it is
  // set.
  std::function<std::optional<std::string>(Target&, const ConfigValue&)> set;
  std::function<std::string(const Target&)> get;  // as a TOML value that `set` accepts
};

// `access` returns a reference to the member in its target, const or not.
template <class Target, class Codec, class Access>
ConfigRow<Target> config_row(std::string section, std::string name, Codec codec, Access access, std::string meaning) {
  ConfigRow<Target> made;
  Target defaults{};
  made.key = {std::move(section), std::move(name),   codec.kind, codec.unit, codec.write(access(defaults)),
              codec.range,        std::move(meaning)};
  made.set = [codec, access](Target& target, const ConfigValue& value) -> std::optional<std::string> {
    auto parsed = codec.read(value);
    if (!parsed) return std::move(parsed.error());
    access(target) = std::move(*parsed);
    return std::nullopt;
  };
  made.get = [codec, access](const Target& target) {
    // The accessors only name a member; nothing is written through this one.
    return codec.write(access(const_cast<Target&>(target)));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  };
  return made;
}

// NOLINTBEGIN(bugprone-macro-parentheses): a lambda is one expression
#define LARDER_MEMBER(name)   \
  [](auto& target) -> auto& { \
    return target.name;       \
  }
// NOLINTEND(bugprone-macro-parentheses)

// The page of a configuration: a table, a line for each key.
inline constexpr std::string_view kConfigTableHead =
    "| key | kind | unit | default | range | meaning |\n|---|---|---|---|---|---|\n";
[[nodiscard]] std::string config_line(const ConfigKey& key, bool required);

// Returns the known name nearest to a misspelt one, or nothing if none is near enough.
[[nodiscard]] std::optional<std::string> nearest_name(const std::string& name, const std::vector<std::string>& known);

}  // namespace larder
