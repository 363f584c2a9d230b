#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "agent/cli/command/commands.h"
#include "agent/cli/command/doctor.h"
#include "agent/cli/command/json_reports.h"
#include "agent/cli/show/group_views.h"
#include "agent/cli/show/peer_views.h"
#include "agent/cli/show/progress.h"
#include "agent/cli/show/terminal.h"
#include "agent/config/config.h"
#include "base/text/units.h"
#include "client/agent_access.h"
#include "client/requests.h"

namespace larder::agent {
namespace {

struct AgentArguments {
  std::string file = "/etc/larder/larder.toml", agent;
  bool json = false;
};
using Arguments = std::shared_ptr<AgentArguments>;

std::string status_page(const StatusView& status, const std::string& socket) {
  std::string page;
  const auto add = [&page](const char* label, const std::string& value) {
    page += fmt::format("{:<12}{}\n", label, printable(value));
  };
  const auto uptime = std::chrono::seconds(static_cast<std::int64_t>(status.uptime_s));
  add("agent",
      fmt::format("larderd {} at {} (process {}, up {})", status.version, socket, status.pid, format_duration(uptime)));
  std::string jobs;
  for (const auto& [state, count] : status.jobs)
    if (count > 0) jobs += fmt::format("{}{} {}", jobs.empty() ? "" : ", ", count, state);
  add("jobs", jobs.empty() ? "none" : jobs);
  add("transfers", fmt::format("{} now; {} files done, {} failed, {} from the cache", status.active_transfers,
                               status.files_transferred, status.files_failed, status.cache_hits));
  add("verdicts", fmt::format("{} not valid", status.verdicts_not_valid));
  add("bytes", fmt::format("origin {}, peers {}, cache {}; wasted {}", format_bytes(status.bytes.origin),
                           format_bytes(status.bytes.peers), format_bytes(status.bytes.cache),
                           format_bytes(status.bytes.wasted)));
  add("cache", fmt::format("{} records, {} of {}; {} free on the disk, {} kept free", status.records,
                           format_bytes(status.cache_bytes), format_bytes(status.max_size),
                           format_bytes(status.available), format_bytes(status.keep_free)));
  if (!status.state_directory.empty()) add("state", status.state_directory);
  return page;
}

std::string peers_line(Client& client) {
  const auto answer = client.call("GET", "/v1/peers");
  const auto peers = answer ? parse_peers(answer->body) : tl::unexpected(answer.error());
  return fmt::format("{:<12}{}\n", "peers", peers ? peers_summary(*peers) : printable(peers.error().text()));
}

int show_status(const AgentArguments& arguments, AgentAccess& agent) {
  auto client = agent.client();
  if (!client) return report(client.error());
  auto answer = (*client)->call("GET", "/v1/status");
  if (!answer) return report(answer.error());
  if (arguments.json) return print(answer->body);
  const auto status = parse_status(answer->body);
  if (!status) return report(status.error());
  return print(status_page(*status, (*client)->socket_path()) + peers_line(**client));
}

int show_peers(const AgentArguments& arguments, AgentAccess& agent) {
  auto client = agent.client();
  if (!client) return report(client.error());
  auto answer = (*client)->call("GET", "/v1/peers");
  if (!answer) return report(answer.error());
  if (arguments.json) return print(answer->body);
  const auto peers = parse_peers(answer->body);
  return peers ? print(peers_page(*peers)) : report(peers.error());
}

int pardon_peer(const AgentArguments& arguments, AgentAccess& agent) {
  auto client = agent.client();
  if (!client) return report(client.error());
  const auto answer = (*client)->call("POST", "/v1/peers/pardon", revoke_body(arguments.agent));
  if (!answer) {
    if (arguments.json) (void)print(error_report(answer.error()));
    return report(answer.error());
  }
  if (arguments.json) return print(answer->body);
  const auto pardoned = parse_pardoned(answer->body);
  if (!pardoned) return report(pardoned.error());
  return print(pardoned->pardoned ? fmt::format("agent {:.16} is heard again", pardoned->id)
                                  : fmt::format("nothing held against agent {:.16}", pardoned->id));
}

int check_config(const AgentArguments& arguments, AgentAccess&) {
  const auto config = load_config(arguments.file);
  if (!config) {
    if (arguments.json) (void)print(error_report(config.error()));
    return report(config.error());
  }
  if (arguments.json) return print(R"({"valid":true})");
  return print(arguments.file + " is valid");
}

int show_config(const AgentArguments& arguments, AgentAccess& agent) {
  auto client = agent.client();
  if (!client) return report(client.error());
  auto answer = (*client)->call("GET", "/v1/config");
  if (!answer) return report(answer.error());
  if (arguments.json) return print(answer->body);
  const auto config = parse_config_answer(answer->body);
  return config ? print(config->toml) : report(config.error());
}

int reload_config(const AgentArguments& arguments, AgentAccess& agent) {
  auto client = agent.client(false);
  if (!client) return report(client.error());
  if (auto answer = (*client)->call("POST", "/v1/reload"); !answer) return report(answer.error());
  return print(arguments.json ? R"({"reloaded":true})" : "reloaded");
}

int show_keys(const AgentArguments& arguments, AgentAccess&) {
  const auto keys = config_keys();
  if (arguments.json) return print(config_keys_report(keys));
  std::string text, section = "-";
  for (const ConfigKey& key : keys) {
    if (key.section != section) text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", key.section);
    section = key.section;
    text += fmt::format("{} = {}\n", key.name, key.default_text.empty() ? "\"\"" : key.default_text);
    const std::string unit = key.unit.empty() ? "" : ", " + key.unit;
    text += fmt::format("    {} ({}{}{})\n", key.meaning, key.kind, unit, key.range.empty() ? "" : ", " + key.range);
  }
  return print(text);
}

int run_doctor(const AgentArguments& arguments, AgentAccess& agent) {
  const auto lines = diagnose(gather_facts(agent));
  const int printed = print(arguments.json ? doctor_report(lines) : doctor_text(lines));
  const bool bad = std::any_of(lines.begin(), lines.end(), [](const auto& line) { return line.grade == Grade::bad; });
  return printed != 0 ? printed : (bad ? 1 : 0);
}

CLI::App* add_command(CLI::App& parent, Program& program, const char* name, const char* help,
                      const Arguments& arguments, int (*handler)(const AgentArguments&, AgentAccess&)) {
  auto* command = parent.add_subcommand(name, help);
  command->add_flag("--json", arguments->json, "JSON on standard output");
  command->callback([arguments, handler, &program] {
    program.action = [arguments, handler](AgentAccess& agent) { return handler(*arguments, agent); };
  });
  return command;
}

constexpr const char* kPeersHelp = R"(The agents that share with this one, and whose word does not count here.

Examples:
  larder peers
  larder peers pardon desk-12
)";

constexpr const char* kPardonHelp = R"(Ends what holds against an agent here (admins): it is heard and served again.

It ends by itself too, after some hours; `larder peers` shows when. Other machines decide for themselves.

Examples:
  larder peers pardon desk-12
  larder peers pardon 5d41402a
)";

}  // namespace

void add_agent_commands(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<AgentArguments>();
  add_command(app, program, "status", "What the agent does and holds", arguments, show_status);
  auto* peers = add_command(app, program, "peers", kPeersHelp, arguments, show_peers);
  auto* pardon = add_command(*peers, program, "pardon", kPardonHelp, arguments, pardon_peer);
  pardon->add_option("AGENT", arguments->agent, "Its id, the first digits of it, or the machine's name")->required();
  // CLI11 calls the command's own callback after its subcommand's.
  peers->callback([arguments, peers, pardon, &program] {
    if (peers->got_subcommand(pardon)) return;
    program.action = [arguments](AgentAccess& access) { return show_peers(*arguments, access); };
  });
  add_command(app, program, "doctor",
              "What stops larder from working well here, and what to do; exit 1 if anything is bad", arguments,
              run_doctor);
  auto* group = app.add_subcommand("config", R"(The agent's configuration.

Examples:
  larder config check /etc/larder/larder.toml
  larder config show                           what is in force
  larder config keys                           every key with its default
)");
  group->require_subcommand(1);
  add_command(*group, program, "check", "Checks a file", arguments, check_config)
      ->add_option("FILE", arguments->file, "The file; default: /etc/larder/larder.toml");
  add_command(*group, program, "show", "The values in force (admins)", arguments, show_config);
  add_command(*group, program, "keys", "Every key with its unit, default and range", arguments, show_keys);
  add_command(*group, program, "reload", "Reads the file again: all of it or nothing (admins)", arguments,
              reload_config);
}

}  // namespace larder::agent
