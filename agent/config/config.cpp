#include "agent/config/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "agent/config/config_table.h"
#include "agent/config/toml_parser.h"
#include "base/io/read_file.h"

namespace larder::agent {
namespace {

// The dots of a key nest tables, which are destroyed recursively: bounded lines bound the stack.
constexpr std::size_t kMaxLine = 4096;
constexpr std::size_t kMaxCommands = 64;  // [[hook]], and [[notify]]

class Reader {
 public:
  explicit Reader(std::string file_name) : file_name_(std::move(file_name)) {}

  Result<std::shared_ptr<const Config>> read(std::string_view text) const {
    if (auto bounds = check_bounds(text); !bounds) return tl::unexpected<Error>(bounds.error());
    const toml::parse_result parsed = toml::parse(text);
    if (!parsed) {
      const toml::parse_error& error = parsed.error();
      return wrong(error.source().begin.line, std::string(error.description()));
    }
    auto config = std::make_shared<Config>();
    if (auto done = read_document(parsed.table(), *config); !done) return tl::unexpected<Error>(done.error());
    return config;
  }

 private:
  [[nodiscard]] tl::unexpected<Error> wrong(std::size_t line, const std::string& what) const {
    return fail(ErrorCode::config_invalid, "use the configuration", fmt::format("{}:{}: {}", file_name_, line, what));
  }
  [[nodiscard]] static std::size_t line_of(const toml::node& node) { return node.source().begin.line; }

  [[nodiscard]] Status check_bounds(std::string_view text) const {
    if (text.size() > kMaxConfigFile) return wrong(1, fmt::format("the file is larger than {} bytes", kMaxConfigFile));
    std::size_t line = 1, start = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
      if (i < text.size() && text[i] != '\n') continue;
      if (i - start > kMaxLine) return wrong(line, fmt::format("the line is longer than {} characters", kMaxLine));
      start = i + 1;
      ++line;
    }
    return {};
  }

  [[nodiscard]] static std::string hint(const std::string& name, const std::vector<std::string>& known) {
    if (const auto near = nearest_name(name, known)) return fmt::format("; did you mean \"{}\"?", *near);
    return "; docs/configuration.md has all keys";
  }

  Status read_document(const toml::table& document, Config& config) const {
    std::vector<std::string> sections = {"hook", "notify"};
    for (const auto& row : config_rows())
      if (std::find(sections.begin(), sections.end(), row.key.section) == sections.end())
        sections.push_back(row.key.section);
    for (const auto& [key, node] : document) {
      const std::string name(key.str());
      Status done;
      if (name == "hook")
        done = read_commands("hook", node, hook_rows(), config.hooks);
      else if (name == "notify")
        done = read_commands("notify", node, notify_rows(), config.notify_commands);
      else if (std::find(sections.begin(), sections.end(), name) == sections.end())
        return wrong(key.source().begin.line,
                     fmt::format("unknown {} \"{}\"{}", node.is_table() ? "section" : "key", name, unknown_hint(name)));
      else
        done = read_section(name, node, config);
      if (!done) return done;
    }
    return check_together(document, config);
  }

  // A top-level key that belongs to a section is reported with that section.
  [[nodiscard]] static std::string unknown_hint(const std::string& name) {
    std::vector<std::string> names = {"hook", "notify"};
    for (const auto& row : config_rows()) {
      if (row.key.name == name) return fmt::format("; it belongs under [{}]", row.key.section);
      names.push_back(row.key.section);
    }
    return hint(name, names);
  }

  Status read_section(const std::string& section, const toml::node& node, Config& config) const {
    const toml::table* table = node.as_table();
    if (!table) return wrong(line_of(node), fmt::format("\"{0}\" must be a section: write [{0}]", section));
    return read_table(section, *table, config_rows(), config);
  }

  template <class Target>
  Status read_table(const std::string& section, const toml::table& table, const std::vector<ConfigRow<Target>>& rows,
                    Target& target) const {
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      const auto row = std::find_if(rows.begin(), rows.end(), [&](const ConfigRow<Target>& each) {
        return each.key.section == section && each.key.name == name;
      });
      const std::string full =
          section.front() == '[' ? fmt::format("[{}] {}", section, name) : fmt::format("{}.{}", section, name);
      if (row == rows.end())
        return wrong(key.source().begin.line,
                     fmt::format("unknown key \"{}\"{}", full, hint(name, names_in(section, rows))));
      const auto value = value_of(node);
      const auto problem = value ? row->set(target, *value) : std::optional<std::string>(wrong_kind(row->key));
      if (problem) return wrong(line_of(node), fmt::format("\"{}\" {}", full, *problem));
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

  [[nodiscard]] static std::string wrong_kind(const ConfigKey& key) {
    return fmt::format("must be a {}; range: {}", key.kind, key.range);
  }

  [[nodiscard]] static std::optional<ConfigValue> value_of(const toml::node& node) {
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

  template <class Target>
  Status read_commands(const std::string& section, const toml::node& node, const std::vector<ConfigRow<Target>>& rows,
                       std::vector<Target>& targets) const {
    const toml::array* array = node.as_array();
    if (!array) return wrong(line_of(node), fmt::format("\"{0}\" must be written [[{0}]], once for each", section));
    if (array->size() > kMaxCommands)
      return wrong(line_of(node), fmt::format("more than {} of [[{}]]", kMaxCommands, section));
    std::set<std::string> names;
    for (const toml::node& element : *array) {
      const toml::table* table = element.as_table();
      if (!table)
        return wrong(line_of(element), fmt::format("\"{0}\" must be written [[{0}]], once for each", section));
      Target target;
      if (auto done = read_table("[" + section + "]", *table, rows, target); !done) return done;
      for (const auto& row : rows)
        if (row.required && !table->contains(row.key.name))
          return wrong(line_of(element), fmt::format("[[{}]] needs \"{}\"", section, row.key.name));
      if (!names.insert(target.name).second)
        return wrong(line_of(element), fmt::format("two of [[{}]] have the name \"{}\"", section, target.name));
      targets.push_back(std::move(target));
    }
    return {};
  }

  // Checks across several rows.
  [[nodiscard]] Status check_together(const toml::table& document, const Config& config) const {
    if (config.max_jobs_per_user > config.max_jobs)
      return wrong(line_of_either(document["jobs"], "max_jobs_per_user", "max_jobs"),
                   fmt::format("\"jobs.max_jobs_per_user\" ({}) must be at most \"jobs.max_jobs\" ({})",
                               config.max_jobs_per_user, config.max_jobs));
    if (config.peer_port == config.swarm_port && config.peer_port != 0)
      return wrong(
          line_of_either(document["peer"], "swarm_port", "port"),
          fmt::format("\"peer.swarm_port\" ({}) must differ from \"peer.port\": both are TCP", config.swarm_port));
    return {};
  }

  [[nodiscard]] static std::size_t line_of_either(toml::node_view<const toml::node> section, std::string_view first,
                                                  std::string_view second) {
    const auto given = section[first];
    const auto other = section[second];
    const toml::node* node = given ? given.node() : other.node();
    return node ? line_of(*node) : 1;
  }

  std::string file_name_;
};

template <class Target>
void write_commands(std::string& text, const std::string& section, const std::vector<ConfigRow<Target>>& rows,
                    const std::vector<Target>& targets) {
  for (const Target& target : targets) {
    text += fmt::format("\n[[{}]]\n", section);
    for (const auto& row : rows) text += fmt::format("{} = {}\n", row.key.name, row.get(target));
  }
}

}  // namespace

Result<std::shared_ptr<const Config>> parse_config(std::string_view toml, const std::string& file_name) {
  return Reader(file_name).read(toml);
}

Result<std::shared_ptr<const Config>> load_config(const std::string& path) {
  const std::string doing = "read the configuration " + path;
  const auto text = read_small_file(path, kMaxConfigFile, doing);
  if (text) return parse_config(*text, path);
  const bool missing = text.error().code == ErrorCode::not_found;
  return fail(missing ? ErrorCode::not_found : ErrorCode::config_invalid, doing, text.error().detail);
}

Result<std::shared_ptr<const Config>> load_config_or_defaults(const std::string& path) {
  auto config = load_config(path);
  if (!config && config.error().code == ErrorCode::not_found) return std::make_shared<Config>();
  return config;
}

std::vector<ConfigKey> config_keys() {
  std::vector<ConfigKey> keys;
  for (const auto& row : config_rows()) keys.push_back(row.key);
  for (const auto& row : hook_rows()) keys.push_back(row.key);
  for (const auto& row : notify_rows()) keys.push_back(row.key);
  return keys;
}

std::string config_as_toml(const Config& config) {
  std::string text, section;
  for (const auto& row : config_rows()) {
    if (row.key.section != section) {
      text += fmt::format("{}[{}]\n", section.empty() ? "" : "\n", row.key.section);
      section = row.key.section;
    }
    text += fmt::format("{} = {}\n", row.key.name, row.get(config));
  }
  write_commands(text, "hook", hook_rows(), config.hooks);
  write_commands(text, "notify", notify_rows(), config.notify_commands);
  return text;
}

std::string config_as_markdown() {
  std::string text = "| key | kind | unit | default | range | meaning |\n|---|---|---|---|---|---|\n";
  for (const ConfigKey& key : config_keys())
    text += fmt::format("| `{}{}` | {} | {} | {} | {} | {} |\n",
                        key.section.front() == '[' ? "[" + key.section + "] " : key.section + ".", key.name, key.kind,
                        key.unit, key.default_text.empty() ? "required" : "`" + key.default_text + "`", key.range,
                        key.meaning);
  return text;
}

}  // namespace larder::agent
