// Describes the options and subcommands of a program as JSON. Manual pages and shell completions are generated from it,
// so that they name the same options as --help.
#pragma once

#include <string>

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's own
class App;
}

namespace larder {

// {"name", "aliases", "help", "options": [{"names": ["-o", "--output"] or [] of a positional, "positional", "value" (as
// --help shows it; "" of a flag), "required", "repeats", "group", "help"}], "commands": [the same of each]}. What
// --help hides is left out.
[[nodiscard]] std::string describe_commands(const CLI::App& app);

}  // namespace larder
