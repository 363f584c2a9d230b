#include "agent/config/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/config/config_table.h"
#include "base/config/config_reader.h"
#include "base/config/toml_document.h"

namespace larder::agent {
namespace {

class Reader {
 public:
  explicit Reader(const std::string& file_name) : file_name_(file_name), reader_(file_name, "docs/configuration.md") {}

  Result<std::shared_ptr<const Config>> read(std::string_view text) const {
    const auto document = parse_toml(text, file_name_);
    if (!document) return tl::unexpected<Error>(document.error());
    auto config = std::make_shared<Config>();
    for (const ConfigSection& section : *document)
      if (auto done = read_section(section, *config); !done) return tl::unexpected<Error>(done.error());
    if (auto done = check_together(*document, *config); !done) return tl::unexpected<Error>(done.error());
    return config;
  }

 private:
  Status read_section(const ConfigSection& section, Config& config) const {
    if (section.name == "hook") return reader_.read_repeated(section, hook_rows(), config.hooks);
    if (section.name == "notify") return reader_.read_repeated(section, notify_rows(), config.notify_commands);
    const auto& rows = config_rows();
    const bool known =
        std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row.key.section == section.name; });
    if (known) return reader_.read_section(section, rows, config);
    return reader_.wrong(
        section.line, fmt::format("unknown {} \"{}\"{}", section.kind == ConfigSection::Kind::table ? "section" : "key",
                                  section.name, unknown_hint(section.name)));
  }

  // A top-level key that belongs to a section is reported with that section.
  [[nodiscard]] std::string unknown_hint(const std::string& name) const {
    std::vector<std::string> names = {"hook", "notify"};
    for (const auto& row : config_rows()) {
      if (row.key.name == name) return fmt::format("; it belongs under [{}]", row.key.section);
      names.push_back(row.key.section);
    }
    return reader_.hint(name, names);
  }

  // Checks across several rows.
  [[nodiscard]] Status check_together(const std::vector<ConfigSection>& document, const Config& config) const {
    if (config.max_jobs_per_user > config.max_jobs)
      return reader_.wrong(line_of_either(document, "jobs", "max_jobs_per_user", "max_jobs"),
                           fmt::format("\"jobs.max_jobs_per_user\" ({}) must be at most \"jobs.max_jobs\" ({})",
                                       config.max_jobs_per_user, config.max_jobs));
    if (config.peer_port == config.swarm_port && config.peer_port != 0)
      return reader_.wrong(
          line_of_either(document, "peer", "swarm_port", "port"),
          fmt::format("\"peer.swarm_port\" ({}) must differ from \"peer.port\": both are TCP", config.swarm_port));
    return {};
  }

  [[nodiscard]] static std::size_t line_of_either(const std::vector<ConfigSection>& document, std::string_view section,
                                                  std::string_view first, std::string_view second) {
    for (const ConfigSection& each : document) {
      if (each.name != section || each.tables.empty()) continue;
      const ConfigEntry* entry = each.tables.front().find(first);
      if (entry == nullptr) entry = each.tables.front().find(second);
      return entry == nullptr ? 1 : entry->value_line;
    }
    return 1;
  }

  std::string file_name_;
  ConfigReader reader_;
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
  const auto text = read_config_text(path);
  if (!text) return tl::unexpected<Error>(text.error());
  return parse_config(*text, path);
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
  std::string text(kConfigTableHead);
  for (const ConfigKey& key : config_keys()) text += config_line(key, key.default_text.empty());
  return text;
}

}  // namespace larder::agent
