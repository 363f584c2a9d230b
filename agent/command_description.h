// What a command line takes, as JSON: manual pages and completions of shells are made of it, so that they say what
// --help says.
#pragma once

#include <string>

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's own
class App;
}

namespace larder::agent {

// {"name", "aliases", "help", "options": [{"names": ["-o", "--output"] or [] of a positional, "positional", "value" (as
// --help shows it; "" of a flag), "required", "repeats", "group", "help"}], "commands": [the same of each]}. What
// --help hides is left out.
[[nodiscard]] std::string describe_commands(const CLI::App& app);

}  // namespace larder::agent
