// The command groups of `larder`, one file each. A command's callback sets the action, which main runs after the whole
// command line was parsed.
#pragma once

#include <functional>
#include <string>

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's own
class App;
}

namespace larder::agent {

class AgentAccess;
struct RequestOptions;

struct Program {
  std::string socket;                       // --socket
  std::function<int(AgentAccess&)> action;  // returns the exit status
};

void add_get_command(CLI::App& app, Program& program);
void add_put_command(CLI::App& app, Program& program);
void add_job_commands(CLI::App& app, Program& program);
void add_cache_commands(CLI::App& app, Program& program);
void add_group_commands(CLI::App& app, Program& program);
void add_agent_commands(CLI::App& app, Program& program);  // status, config, peers, doctor
void add_inbox_commands(CLI::App& app, Program& program);

// Exit status of `larder inbox take` where no upload waits: a script's loop ends by it, and by no error.
inline constexpr int kNothingWaits = 12;
// Adds the options that get and job create share.
void add_request_options(CLI::App& command, RequestOptions& options);
// Of these, those that put has as well: how the server is asked (in the group kReached), and how fast and how long.
void add_connection_options(CLI::App& command, RequestOptions& options);
void add_pace_options(CLI::App& command, RequestOptions& options, const char* group);
inline constexpr const char* kReached = "How the origin is asked";

// Returns the text of docs/exit-status.md, from the table of errors.
[[nodiscard]] std::string exit_status_page();

}  // namespace larder::agent
