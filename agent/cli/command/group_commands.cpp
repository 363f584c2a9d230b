#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "agent/cli/command/commands.h"
#include "agent/cli/command/invitation_text.h"
#include "agent/cli/show/group_views.h"
#include "agent/cli/show/progress.h"
#include "agent/cli/show/terminal.h"
#include "base/io/standard_streams.h"
#include "base/text/units.h"
#include "client/agent_access.h"
#include "client/requests.h"

namespace larder::agent {
namespace {

struct GroupArguments {
  std::string name, source, agent, output;
  std::string expires = "1d";
  std::uint64_t uses = 1;
  bool json = false, yes = false;
};
using Arguments = std::shared_ptr<GroupArguments>;
using Handler = int (*)(const GroupArguments&, AgentAccess&);

int failed(const GroupArguments& arguments, const Error& error) {
  if (arguments.json) (void)print(error_report(error));
  return report(error);
}

Result<Answer> ask(AgentAccess& agent, const char* method, const std::string& target, const std::string& body) {
  auto client = agent.client();
  if (!client) return tl::unexpected<Error>(client.error());
  return (*client)->call(method, target, body);
}

// Prints the group after the change, or the error.
int show_answer(const GroupArguments& arguments, const Result<Answer>& answer) {
  if (!answer) return failed(arguments, answer.error());
  if (arguments.json) return print(answer->body);
  const auto group = parse_group(answer->body);
  return group ? print(group_page(*group)) : report(group.error());
}

int show(const GroupArguments& arguments, AgentAccess& agent) {
  return show_answer(arguments, ask(agent, "GET", "/v1/group", ""));
}

int create(const GroupArguments& arguments, AgentAccess& agent) {
  return show_answer(arguments, ask(agent, "POST", "/v1/group", create_group_body(arguments.name)));
}

int invite(const GroupArguments& arguments, AgentAccess& agent) {
  const auto lifetime = parse_duration(arguments.expires);
  if (!lifetime) return failed(arguments, lifetime.error());
  const auto answer = ask(agent, "POST", "/v1/group/invite", invite_body(arguments.uses, *lifetime));
  if (!answer) return failed(arguments, answer.error());
  const auto invited = parse_invited(answer->body);
  if (!invited) return failed(arguments, invited.error());
  if (!arguments.output.empty()) {
    if (auto written = write_invitation(arguments.output, invited->line); !written)
      return failed(arguments, written.error());
    if (arguments.json) return print(answer->body);
    return print(fmt::format("{}: admits {} until {}; keep it secret", arguments.output,
                             invited->uses == 1 ? "one machine" : fmt::format("{} machines", invited->uses),
                             invited->expires));
  }
  if (arguments.json) return print(answer->body);
  if (const int status = print(invited->line); status != 0) return status;
  // On standard error, so that `larder group invite | ssh HOST larder group join -` passes on the line alone.
  say(fmt::format("admits {} until {}; keep it secret. On the other machine: larder group join LINE\n",
                  invited->uses == 1 ? "one machine" : fmt::format("{} machines", invited->uses),
                  printable(invited->expires)));
  return 0;
}

int join(const GroupArguments& arguments, AgentAccess& agent) {
  const auto line = read_invitation(arguments.source);
  if (!line) return failed(arguments, line.error());
  return show_answer(arguments, ask(agent, "POST", "/v1/group/join", join_body(*line)));
}

int leave(const GroupArguments& arguments, AgentAccess& agent) {
  const auto answer = ask(agent, "POST", "/v1/group/leave", leave_body(arguments.yes));
  if (!answer) return failed(arguments, answer.error());
  return arguments.json ? print(answer->body) : print("left: this agent works alone now");
}

int revoke(const GroupArguments& arguments, AgentAccess& agent) {
  const auto answer = ask(agent, "POST", "/v1/group/revoke", revoke_body(arguments.agent));
  if (!answer) return failed(arguments, answer.error());
  if (arguments.json) return print(answer->body);
  const auto revoked = parse_revoked(answer->body);
  if (!revoked) return report(revoked.error());
  std::string text = fmt::format("agent {} is revoked; members learn it as they hear of each other", revoked->id);
  if (revoked->invitations_closed > 0)
    text += fmt::format("\n{} closed: invite anew",
                        revoked->invitations_closed == 1
                            ? "one open invitation was"
                            : fmt::format("{} open invitations were", revoked->invitations_closed));
  return print(text);
}

CLI::App* add_command(CLI::App& group, Program& program, const char* name, const std::string& help,
                      const Arguments& arguments, Handler handler) {
  auto* command = group.add_subcommand(name, help);
  command->add_flag("--json", arguments->json, "JSON on standard output");
  command->callback([arguments, handler, &program] {
    program.action = [arguments, handler](AgentAccess& agent) { return handler(*arguments, agent); };
  });
  return command;
}

constexpr const char* kHelp = R"(The group: the machines that share with each other. Changing it is for admins.

Examples:
  larder group create "Head office"                        here
  larder group invite -o desk-12.invitation                here; carry the file to the other machine
  larder group join desk-12.invitation                     there
  larder group invite | ssh desk-12 sudo larder group join -
  larder group show
  larder group revoke desk-12

Exit statuses: 0 done; 2 not understood; 5 no such agent; 6 not an admin, or the invitation is expired or used up;
7 not possible here (no group, or another machine holds the authority); 8 already in a group, or revoked already;
22, 24 the inviting machine is not reached; 25, 26 it is not who the invitation says, or takes no machines now.
)";

constexpr const char* kInviteHelp = R"(Makes an invitation: a line that admits machines. Only where the group was made.

Examples:
  larder group invite                                      the line on standard output
  larder group invite -o desk-12.invitation                in a file that only you may read
  larder group invite --uses 20 --expires 2h               for a whole room
)";

constexpr const char* kJoinHelp = R"(Joins the group of an invitation.

Examples:
  larder group join desk-12.invitation                     a file
  ssh server sudo larder group invite | larder group join -
  larder group join larder-invitation:AQZPZm…              the line itself: others see it in the list of processes
)";

constexpr const char* kLeaveHelp = R"(Leaves the group; this machine's key in it is destroyed.

Examples:
  larder group leave
  larder group leave --yes     where the group was made: nobody can invite, renew or revoke afterwards
)";

constexpr const char* kRevokeHelp = R"(Shuts a machine out: the group gets a new key, open invitations are closed.

Examples:
  larder group revoke desk-12
  larder group revoke 5d41402abc4b2a76
)";

}  // namespace

void add_group_commands(CLI::App& app, Program& program) {
  auto* group = app.add_subcommand("group", kHelp);
  group->require_subcommand(1);
  const auto arguments = std::make_shared<GroupArguments>();
  add_command(*group, program, "create", "Makes a group; this machine holds its authority", arguments, create)
      ->add_option("NAME", arguments->name, "1 to 64 letters, digits, spaces, dots, dashes or underscores")
      ->required();
  auto* invited = add_command(*group, program, "invite", kInviteHelp, arguments, invite);
  invited->add_option("--uses", arguments->uses, "Admits so many machines; default: 1")->check(CLI::Range(1, 10000));
  invited->add_option("--expires", arguments->expires, "For so long: 30m, 2h, 7d; default: 1d; at most 365d")
      ->type_name("TIME");
  invited->add_option("-o,--output", arguments->output, "Into this new file instead of standard output")
      ->type_name("FILE");
  add_command(*group, program, "join", kJoinHelp, arguments, join)
      ->add_option("INVITATION", arguments->source, "A file, - for standard input, or the line itself")
      ->required();
  add_command(*group, program, "show", "The group, this agent in it, and the members", arguments, show);
  add_command(*group, program, "leave", kLeaveHelp, arguments, leave)
      ->add_flag("--yes", arguments->yes, "Give up the authority, too");
  add_command(*group, program, "revoke", kRevokeHelp, arguments, revoke)
      ->add_option("AGENT", arguments->agent, "Its id, the first digits of it, or the machine's name")
      ->required();
}

}  // namespace larder::agent
