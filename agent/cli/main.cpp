// The command line. Parses the options, then runs the one action that they name; all actions are in the command files.
#include <CLI/CLI.hpp>
#include <sstream>
#include <string_view>

#include "agent/cli/command/commands.h"
#include "agent/cli/command/completion_words.h"
#include "agent/cli/show/terminal.h"
#include "base/io/standard_streams.h"
#include "base/process/command_description.h"
#include "base/version.h"
#include "client/agent_access.h"

namespace {

using namespace larder;
using namespace larder::agent;

constexpr int kUsage = 2;
constexpr const char* kHelp =
    R"(Gets files through the Larder agent: resumable, judged, cached, shared in the office. Puts files: resumed, handed over
once.

Examples:
  larder get https://example.org/x.iso
  larder get https://example.org/x.iso -o /srv/x.iso --sha256 9f86d0…
  larder put report.pdf https://example.org/in/builds/
  larder job create https://example.org/nightly.tar --priority low
  larder job list
  larder status
  larder doctor
)";

int parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return -1;
  } catch (const CLI::Success& e) {  // --help, --version
    std::ostringstream text;
    const int status = app.exit(e, text, text);
    const int printed = print(text.str());
    return printed != 0 ? printed : status;
  } catch (const CLI::ParseError& e) {
    std::ostringstream text;
    (void)app.exit(e, text, text);
    say(text.str());
    return kUsage;
  }
}

// Returns true for `larder get …` without other options before it. Building the options of all other commands, only to
// discard them, takes a quarter of a millisecond: as much as an answer of the agent.
bool is_get(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--socket") ++i;
    if (word != "--socket" && !word.starts_with("--socket=")) return word == "get";
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  hold_standard_descriptors();
  ignore_write_signals();
  CLI::App app(kHelp, "larder");
  Program program;
  bool exit_statuses = false, describe = false;
  std::string words;
  app.set_version_flag("--version", std::string("larder ") + kVersion);
  app.add_option("--socket", program.socket,
                 "The agent's socket; default: $LARDER_SOCKET, the system's agent, else one of your own")
      ->type_name("PATH");
  app.add_flag("--exit-statuses", exit_statuses)->group("");
  app.add_flag("--describe", describe)->group("");  // for manual pages
  app.add_option("--complete", words)->group("");   // for completions
  app.require_subcommand(0, 1);
  app.fallthrough();
  add_get_command(app, program);
  if (!is_get(argc, argv)) {
    add_put_command(app, program);
    add_job_commands(app, program);
    add_cache_commands(app, program);
    add_group_commands(app, program);
    add_agent_commands(app, program);
    add_inbox_commands(app, program);
  }
  if (const int status = parse(app, argc, argv); status >= 0) return status;
  if (exit_statuses) return print(exit_status_page());
  if (describe) return print(describe_commands(app));
  if (!words.empty()) program.action = [&words](AgentAccess& agent) { return print_completions(words, agent); };
  if (!program.action) {
    say(app.help());
    return kUsage;
  }
  AgentAccess agent(program.socket, read_environment());
  const int status = program.action(agent);
  return status == kReaderGone ? end_by_broken_pipe() : status;
}
