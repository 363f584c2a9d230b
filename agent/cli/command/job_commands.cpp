#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "agent/cli/command/commands.h"
#include "agent/cli/command/job_watch.h"
#include "agent/cli/get/environment_trust.h"
#include "agent/cli/get/get_options.h"
#include "agent/cli/show/job_text.h"
#include "agent/cli/show/progress.h"
#include "agent/cli/show/terminal.h"
#include "base/io/standard_streams.h"
#include "base/text/given_text.h"
#include "client/agent_access.h"
#include "client/client.h"
#include "client/requests.h"

namespace larder::agent {
namespace {

struct JobArguments {
  RequestOptions request;
  std::string id, state, url, reason, rate, name, priority, notify, retry_for, retry_delay, maximum_time;
  unsigned file = 0;
  bool json = false, all = false, valid = false, not_valid = false;
};
using Arguments = std::shared_ptr<JobArguments>;
using Handler = int (*)(const JobArguments&, AgentAccess&);

// Sends the request, and prints the answer: its JSON unchanged, or text made by `show`.
int ask(AgentAccess& agent, bool json, const char* method, const std::string& target, const std::string& body,
        const std::function<Result<std::string>(const std::string&)>& show) {
  auto client = agent.client();
  if (!client) return report(client.error());
  auto answer = (*client)->call(method, target, body);
  if (!answer) return report(answer.error());
  if (json) return print(answer->body);
  const auto text = show(answer->body);
  return text ? print(*text) : report(text.error());
}

Result<std::string> one_line(const std::string& body) {
  auto job = parse_job(body);
  if (!job) return tl::unexpected(job.error());
  return job_line(*job);
}

int create(const JobArguments& arguments, AgentAccess& agent) {
  std::vector<ListedFile> listed;
  RequestOptions options = arguments.request;
  options.home = agent.environment().home;
  if (options.priority.empty()) options.priority = "normal";
  auto request = make_request(options, read_text_file, listed);
  if (!request) return report(request.error());
  if (auto trusted = add_environment_authorities(*request, agent); !trusted) return report(trusted.error());
  for (const std::string& note : request->notes) say("larder: note: " + printable(note) + "\n");
  for (std::size_t i = 0; i < listed.size(); ++i) request->files[i].destination = listed[i].name;
  if (request->files.empty()) request->start = false;
  return ask(agent, arguments.json, "POST", "/v1/jobs", job_body(*request), one_line);
}

int add(const JobArguments& arguments, AgentAccess& agent) {
  std::vector<ListedFile> listed;
  auto request = make_request(arguments.request, read_text_file, listed);
  if (!request) return report(request.error());
  for (std::size_t i = 0; i < listed.size(); ++i) request->files[i].destination = listed[i].name;
  return ask(agent, arguments.json, "POST", "/v1/jobs/" + escape_query(arguments.id) + "/files",
             files_body(request->files), one_line);
}

template <const char* kAction>
int act(const JobArguments& arguments, AgentAccess& agent) {
  return ask(agent, arguments.json, "POST", "/v1/jobs/" + escape_query(arguments.id) + "/" + kAction, "", one_line);
}
constexpr char kResume[] = "resume", kSuspend[] = "suspend", kCancel[] = "cancel", kComplete[] = "complete";

int list(const JobArguments& arguments, AgentAccess& agent) {
  std::string target = "/v1/jobs";
  if (!arguments.state.empty()) target += "?state=" + escape_query(arguments.state);
  if (arguments.all) target += (arguments.state.empty() ? "?all=1" : "&all=1");
  return ask(agent, arguments.json, "GET", target, "", [](const std::string& body) -> Result<std::string> {
    const auto jobs = parse_jobs(body);
    if (!jobs) return tl::unexpected(jobs.error());
    return job_table(*jobs);
  });
}

int show(const JobArguments& arguments, AgentAccess& agent) {
  return ask(agent, arguments.json, "GET", "/v1/jobs/" + escape_query(arguments.id), "",
             [](const std::string& body) -> Result<std::string> {
               const auto job = parse_job(body);
               if (!job) return tl::unexpected(job.error());
               return job_page(*job);
             });
}

int watch(const JobArguments& arguments, AgentAccess& agent) {
  auto client = agent.client();
  if (!client) return report(client.error());
  return arguments.json ? print_events(**client, arguments.id) : watch_job(**client, arguments.id);
}

std::string file_path(const JobArguments& arguments, const char* what) {
  return fmt::format("/v1/jobs/{}/files/{}/{}", escape_query(arguments.id), arguments.file, what);
}

int verdict(const JobArguments& arguments, AgentAccess& agent) {
  return ask(agent, arguments.json, "POST", file_path(arguments, "verdict"),
             verdict_body(arguments.valid, arguments.reason), one_line);
}

int retarget(const JobArguments& arguments, AgentAccess& agent) {
  return ask(agent, arguments.json, "POST", file_path(arguments, "retarget"),
             retarget_body(std::string(trim_given(arguments.url))), one_line);
}

template <const char* kWhat>
int write_out(const JobArguments& arguments, AgentAccess& agent) {
  auto client = agent.client();
  if (!client) return report(client.error());
  auto stream = (*client)->stream(file_path(arguments, kWhat));
  if (!stream) return report(stream.error());
  int failure = 0;  // errno of the first failed write
  for (bool more = true; more && failure == 0;) {
    const auto got = (*stream)->read([&](std::string_view bytes) {
      if (failure == 0 && std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size()) failure = errno;
    });
    if (!got) return report(got.error());
    more = *got;
  }
  if (failure == 0 && std::fflush(stdout) != 0) failure = errno;
  if (failure == EPIPE) return kReaderGone;  // such as `| head`
  if (failure == 0) return 0;
  return report(Error{ErrorCode::disk_error, "write to standard output", std::strerror(failure)});
}

constexpr char kContent[] = "content", kReply[] = "reply";

int set(const JobArguments& arguments, AgentAccess& agent) {
  JobChangeRequest change;
  const auto given = [](const std::string& text) {
    return text.empty() ? std::nullopt : std::optional<std::string>(text);
  };
  change.name = given(arguments.name);
  change.priority = given(arguments.priority);
  change.notify = given(arguments.notify);
  if (!arguments.rate.empty()) {
    const auto rate = parse_rate(arguments.rate);
    if (!rate) return report(rate.error());
    change.max_rate = *rate;
  }
  const std::pair<const std::string*, std::optional<Duration>*> durations[] = {
      {&arguments.retry_for, &change.no_progress_timeout},
      {&arguments.retry_delay, &change.retry_delay},
      {&arguments.maximum_time, &change.maximum_time}};
  for (const auto& [text, into] : durations) {
    if (text->empty()) continue;
    const auto duration = parse_duration(*text);
    if (!duration) return report(duration.error());
    *into = *duration;
  }
  return ask(agent, arguments.json, "PATCH", "/v1/jobs/" + escape_query(arguments.id), change_body(change), one_line);
}

CLI::App* add_command(CLI::App& group, Program& program, const char* name, const char* help, const Arguments& arguments,
                      Handler handler, bool takes_id = true) {
  auto* command = group.add_subcommand(name, help);
  if (takes_id) command->add_option("ID", arguments->id, "The job")->required();
  command->add_flag("--json", arguments->json, "JSON on standard output");
  command->callback([arguments, handler, &program] {
    program.action = [arguments, handler](AgentAccess& agent) { return handler(*arguments, agent); };
  });
  return command;
}

void add_file_option(CLI::App* command, const Arguments& arguments) {
  command->add_option("FILE", arguments->file, "Number of the file in the job, from 0")->required();
}

constexpr const char* kHelp = R"(Jobs: downloads and uploads that the agent carries on with by itself.

Examples:
  larder job create https://example.org/x.iso --name nightly
  larder job list
  larder job watch 1f2e3d4c5b6a7980
  larder job content 1f2e3d4c5b6a7980 0 > x.iso
  larder job complete 1f2e3d4c5b6a7980
)";

}  // namespace

void add_job_commands(CLI::App& app, Program& program) {
  auto* group = app.add_subcommand("job", kHelp);
  group->require_subcommand(1);
  const auto arguments = std::make_shared<JobArguments>();
  auto* made = add_command(*group, program, "create", "Makes a job and starts it", arguments, create, false);
  add_request_options(*made, arguments->request);
  made->add_option("--name", arguments->request.name, "A name for people")->type_name("TEXT");
  made->add_flag("--suspended", arguments->request.suspended, "Do not start it yet");
  made->add_flag("--app-verdict", arguments->request.app_verdict, "Wait for `larder job verdict` on each file");
  auto* added = add_command(*group, program, "add", "Adds files to a job", arguments, add);
  added->add_option("URL", arguments->request.urls, "What to get");
  added->add_option("--from", arguments->request.list_file, "A list: URL [sha256] [name]")->type_name("FILE");
  added->add_option("--sha256", arguments->request.sha256, "The SHA-256 of the one file")->type_name("HEX");
  add_command(*group, program, "start", "Starts or goes on with a job, also after an error", arguments, act<kResume>)
      ->alias("resume");
  add_command(*group, program, "suspend", "Pauses a job", arguments, act<kSuspend>);
  add_command(*group, program, "cancel", "Ends a job and drops what it fetched, or what the server has of an upload",
              arguments, act<kCancel>);
  add_command(*group, program, "complete", "Acknowledges a job: its content has been taken, or its upload seen",
              arguments, act<kComplete>);
  auto* listed = add_command(*group, program, "list", "Your jobs", arguments, list, false);
  listed->add_option("--state", arguments->state, "Only those in this state");
  listed->add_flag("--all", arguments->all, "Of all users (admins)");
  add_command(*group, program, "show", "A job with its files", arguments, show);
  add_command(*group, program, "watch", "Follows a job until it ends; --json: its events, one a line", arguments,
              watch);
  auto* judged = add_command(*group, program, "verdict", "Says whether a file's content is valid", arguments, verdict);
  add_file_option(judged, arguments);
  auto* choice = judged->add_option_group("verdict");
  choice->add_flag("--valid", arguments->valid, "It is");
  choice->add_flag("--not-valid", arguments->not_valid, "It is not");
  choice->require_option(1);
  judged->add_option("--reason", arguments->reason, "Why")->type_name("TEXT");
  auto* moved = add_command(*group, program, "retarget", "A new URL for a file", arguments, retarget);
  add_file_option(moved, arguments);
  moved->add_option("URL", arguments->url, "The new URL")->required();
  auto* taken = add_command(*group, program, "content", "Writes a file's content to standard output", arguments,
                            write_out<kContent>);
  add_file_option(taken, arguments);
  auto* replied = add_command(*group, program, "reply", "Writes the reply to an uploaded file to standard output",
                              arguments, write_out<kReply>);
  add_file_option(replied, arguments);
  auto* changed = add_command(*group, program, "set", "Changes a job", arguments, set);
  changed->add_option("--name", arguments->name, "A name for people");
  changed->add_option("--priority", arguments->priority, "foreground, high, normal or low");
  changed->add_option("--rate", arguments->rate, "At most so fast; 0: unlimited");
  changed->add_option("--retry-for", arguments->retry_for, "Give up after so long without progress");
  changed->add_option("--retry-delay", arguments->retry_delay, "The first pause before a retry");
  changed->add_option("--max-time", arguments->maximum_time, "Give up after so long in all");
  changed->add_option("--notify", arguments->notify, "A notify command from the agent's configuration");
}

}  // namespace larder::agent
