// `larder inbox`: for applications that take uploads from larder-inbox, and for admins who look. It speaks to the
// upload server's socket; no agent is needed.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "agent/cli/command/commands.h"
#include "agent/cli/command/inbox_take.h"
#include "agent/cli/show/inbox_views.h"
#include "agent/cli/show/progress.h"
#include "agent/cli/show/terminal.h"
#include "base/io/read_file.h"
#include "base/text/units.h"
#include "client/agent_access.h"

namespace larder::agent {
namespace {

constexpr const char* kInboxSocket = "/run/larder-inbox/inbox.sock";
constexpr std::size_t kMaxReply = 16 * kMiB;  // the largest max_reply of an inbox
constexpr ServerWords kInboxWords{"larder-inbox", "no larder-inbox is running there",
                                  "start larder-inbox, or name its socket with --socket"};

struct InboxArguments {
  std::string socket, inbox, id, output, state, after, reason, result, reply;
  std::string lease = "10m";
  unsigned limit = 100, attempt = 0;
  bool json = false;
};
using Arguments = std::shared_ptr<InboxArguments>;
using Handler = int (*)(const InboxArguments&, Client&);

// In whole seconds, as the API has it; a part of one counts as one.
Result<std::chrono::seconds> lease_of(const InboxArguments& arguments) {
  const auto lease = parse_duration(arguments.lease);
  if (!lease) return tl::unexpected(lease.error());
  return std::chrono::ceil<std::chrono::seconds>(*lease);
}

std::string path_of(const InboxArguments& arguments, const char* what) {
  return "/v1/uploads/" + escape_query(arguments.id) + what;
}

// Prints the upload as it is after the request: its JSON unchanged, or text made by `show`.
int ask(Client& client, const InboxArguments& arguments, const char* method, const std::string& target,
        const std::string& body, std::string (*show)(const UploadView&)) {
  const auto answer = ask_inbox(client, method, target, body);
  if (!answer) return report(answer.error());
  if (arguments.json) return print(answer->body);
  const auto upload = parse_upload(answer->body);
  return upload ? print(show(*upload)) : report(upload.error());
}

int take(const InboxArguments& arguments, Client& client) {
  const auto lease = lease_of(arguments);
  if (!lease) return report(lease.error());
  return take_upload(client, {arguments.inbox, arguments.output, *lease, arguments.json});
}

int acknowledge(const InboxArguments& arguments, Client& client) {
  if (!arguments.reply.empty()) {
    const auto reply = read_small_file(arguments.reply, kMaxReply, "read the reply " + printable(arguments.reply));
    if (!reply) return report(reply.error());
    return ask(client, arguments, "POST", path_of(arguments, "/reply"), *reply, upload_line);
  }
  return ask(client, arguments, "POST", path_of(arguments, "/ack"), ack_body(arguments.result), upload_line);
}

int reject(const InboxArguments& arguments, Client& client) {
  return ask(client, arguments, "POST", path_of(arguments, "/reject"), reject_body(arguments.reason), upload_line);
}

int renew(const InboxArguments& arguments, Client& client) {
  const auto lease = lease_of(arguments);
  if (!lease) return report(lease.error());
  std::string query = fmt::format("/renew?lease={}", lease->count());
  if (arguments.attempt > 0) query += fmt::format("&attempt={}", arguments.attempt);
  return ask(client, arguments, "POST", path_of(arguments, query.c_str()), "", upload_line);
}

int show(const InboxArguments& arguments, Client& client) {
  return ask(client, arguments, "GET", path_of(arguments, ""), "", upload_page);
}

int list(const InboxArguments& arguments, Client& client) {
  std::string target = fmt::format("/v1/uploads?limit={}", arguments.limit);
  for (const auto& [name, value] : {std::pair("inbox", &arguments.inbox), std::pair("state", &arguments.state),
                                    std::pair("after", &arguments.after)})
    if (!value->empty()) target += fmt::format("&{}={}", name, escape_query(*value));
  const auto answer = ask_inbox(client, "GET", target);
  if (!answer) return report(answer.error());
  if (arguments.json) return print(answer->body);
  const auto uploads = parse_uploads(answer->body);
  return uploads ? print(uploads_table(*uploads)) : report(uploads.error());
}

CLI::App* add_command(CLI::App& group, Program& program, const char* name, const char* help, const Arguments& arguments,
                      Handler handler, bool takes_id = true) {
  auto* command = group.add_subcommand(name, help);
  if (takes_id) command->add_option("ID", arguments->id, "The upload")->required();
  command->add_flag("--json", arguments->json, "JSON on standard output");
  command
      ->add_option("--socket", arguments->socket, fmt::format("The upload server's socket; default: {}", kInboxSocket))
      ->type_name("PATH");
  command->callback([arguments, handler, &program] {
    std::string socket = arguments->socket.empty() ? program.socket : arguments->socket;
    if (socket.empty()) socket = kInboxSocket;
    program.action = [arguments, handler, socket](AgentAccess&) {
      Client client(socket, std::nullopt, kInboxWords);
      return handler(*arguments, client);
    };
  });
  return command;
}

constexpr const char* kHelp =
    R"(Uploads that larder-inbox received: taking them for an application, and looking at them.

Examples:
  larder inbox take builds -o /srv/builds/
  larder inbox ack v6wiladogposs2c444zh6w7q3e
  larder inbox reject v6wiladogposs2c444zh6w7q3e --reason "no such project"
  larder inbox list --state delivering

It is for root, the server's own user, and server.admins of its configuration.
)";

constexpr const char* kTakeHelp = R"(Takes the upload that waits longest, writes its file and prints its id.

Examples:
  larder inbox take builds                      a file named by the id, in this directory
  larder inbox take builds -o /srv/builds/      in that directory
  larder inbox take builds -o - | tar x         on standard output; the id is told on standard error
  larder inbox take builds --lease 1h --json

The upload is yours until the lease ends. Who has done with it says so by larder inbox ack or larder inbox reject; else it is
offered again, with the same id and the next attempt. A program that stores the id together with what it did takes each
upload once, whatever crashes.

Exit statuses: 0 taken; 12 nothing waits; 5 no such inbox; 6 not an admin; 7 the inbox hands its files over in another way;
45, 46 the file cannot be written; 56 larder-inbox is not reached.
)";

}  // namespace

void add_inbox_commands(CLI::App& app, Program& program) {
  auto* group = app.add_subcommand("inbox", kHelp);
  group->require_subcommand(1);
  const auto arguments = std::make_shared<InboxArguments>();
  const auto add_lease = [&arguments](CLI::App* command, const char* help) {
    command->add_option("--lease", arguments->lease, help)->type_name("TIME");
  };
  auto* taken = add_command(*group, program, "take", kTakeHelp, arguments, take, false);
  taken->add_option("INBOX", arguments->inbox, "The inbox")->required();
  add_lease(taken, "Yours for so long: 30s, 10m, 2h; default: 10m; at most 7d");
  taken->add_option("-o,--output", arguments->output, "A file, a directory, or - for standard output; default: the id")
      ->type_name("FILE");
  auto* acknowledged =
      add_command(*group, program, "ack", "Says that the application has the upload: it is not offered again",
                  arguments, acknowledge);
  auto* result = acknowledged->add_option("--result", arguments->result, "What became of it, for a person");
  result->type_name("TEXT");
  acknowledged->add_option("--reply", arguments->reply, "A file for the client, as the application's reply (BITS)")
      ->type_name("FILE")
      ->excludes(result);
  add_command(*group, program, "reject", "Says that the application does not want the upload, for good", arguments,
              reject)
      ->add_option("--reason", arguments->reason, "Why; the client is told")
      ->type_name("TEXT")
      ->required();
  auto* renewed = add_command(*group, program, "renew", "Keeps a taken upload for longer", arguments, renew);
  add_lease(renewed, "For so long from now; default: 10m; at most 7d");
  renewed->add_option("--attempt", arguments->attempt, "Only where this is still the attempt, as the take told it")
      ->check(CLI::Range(1U, 1000000U));
  auto* listed = add_command(*group, program, "list", "Uploads, in the order of their ids", arguments, list, false);
  listed->add_option("--inbox", arguments->inbox, "Only of this inbox")->type_name("NAME");
  listed->add_option("--state", arguments->state, "Only in this state")->type_name("STATE");
  listed->add_option("--after", arguments->after, "Those behind this id: the next page")->type_name("ID");
  listed->add_option("--limit", arguments->limit, "At most so many; default: 100")->check(CLI::Range(1U, 256U));
  add_command(*group, program, "show", "An upload, with what the application said of it", arguments, show);
}

}  // namespace larder::agent
