#include "base/process/command_description.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace larder {
namespace {

using nlohmann::json;

json describe_option(const CLI::Option& option) {
  json names = json::array();
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  const bool is_flag = option.get_type_size_max() == 0;
  return {{"names", std::move(names)},
          {"positional", option.get_positional() ? option.get_name(true) : ""},
          {"value", is_flag ? "" : option.get_type_name()},
          {"required", option.get_required()},
          {"repeats", !is_flag && option.get_expected_max() > 1},
          {"group", option.get_group()},
          {"help", option.get_description()}};
}

// A group of options is an App without a name: its options belong to the enclosing command.
void add_members(const CLI::App& app, json& options, json& commands);

json describe(const CLI::App& app) {
  json options = json::array(), commands = json::array();
  add_members(app, options, commands);
  return {{"name", app.get_name()},
          {"aliases", app.get_aliases()},
          {"help", app.get_description()},
          {"options", std::move(options)},
          {"commands", std::move(commands)}};
}

void add_members(const CLI::App& app, json& options, json& commands) {
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_group().empty()) options.push_back(describe_option(*option));
  }
  for (const CLI::App* member : app.get_subcommands(std::function<bool(const CLI::App*)>())) {
    if (member->get_name().empty()) {
      add_members(*member, options, commands);
    } else if (!member->get_group().empty()) {
      commands.push_back(describe(*member));
    }
  }
}

}  // namespace

std::string describe_commands(const CLI::App& app) {
  return describe(app).dump(1) + "\n";
}

}  // namespace larder
