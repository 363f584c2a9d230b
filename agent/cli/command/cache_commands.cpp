#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "agent/cli/command/commands.h"
#include "agent/cli/show/progress.h"
#include "agent/cli/show/terminal.h"
#include "base/text/units.h"
#include "client/agent_access.h"
#include "client/requests.h"

namespace larder::agent {
namespace {

struct CacheArguments {
  std::string id, url;
  std::uint64_t limit = 100;
  bool json = false, all = false;
};
using Arguments = std::shared_ptr<CacheArguments>;
using Handler = int (*)(const CacheArguments&, AgentAccess&);

bool is_url(const std::string& text) {
  return text.find("://") != std::string::npos;
}

std::string record_line(const RecordView& record) {
  std::string marks = record.state;
  if (record.pinned) marks += " pinned";
  if (record.validated) marks += " validated";
  const std::string url = record.versions.empty() ? "" : record.versions.front().url;
  return fmt::format("{:<32}  {:>10}  {:<28}  {:>4}  {}\n", record.id, format_bytes(record.bytes_held), marks,
                     record.uses ? std::to_string(*record.uses) : "", printable(url));
}

std::string record_page(const RecordView& record) {
  std::string page;
  const auto add = [&page](const char* label, const std::string& value) {
    if (!value.empty()) page += fmt::format("{:<14}{}\n", label, printable(value));
  };
  add("record", record.id);
  add("state", record.state);
  add("size", record.size ? format_bytes(*record.size) : "not known yet");
  add("held", format_bytes(record.bytes_held));
  add("root", record.root);
  add("SHA-256", record.sha256);
  add("validated", record.validated ? "yes" : "no");
  add("pinned", record.pinned ? "yes" : "no");
  add("shareable", record.shareable ? "yes" : "no");
  add("created", record.created);
  if (record.uses) add("last used", fmt::format("{} ({} uses)", record.last_used, *record.uses));
  if (record.state == "set_aside") {
    add("note",
        "it is not what its URL publishes: given to nobody any more, kept for the jobs that hold it or its pin");
  }
  for (const RecordView::Version& version : record.versions) {
    add("version", version.url);
    add("  ETag", version.etag);
    add("  modified", version.last_modified);
  }
  return page;
}

int list(const CacheArguments& arguments, AgentAccess& agent) {
  auto client = agent.client();
  if (!client) return report(client.error());
  std::string after, text;
  std::uint64_t shown = 0;
  for (bool first = true; first || !after.empty(); first = false) {
    std::string target = fmt::format("/v1/cache?limit={}", arguments.all ? 1000 : arguments.limit);
    if (!arguments.url.empty()) target += "&url=" + escape_query(arguments.url);
    if (!after.empty()) target += "&after=" + after;
    auto answer = (*client)->call("GET", target);
    if (!answer) return report(answer.error());
    const auto page = parse_records(answer->body);
    if (!page) return report(page.error());
    if (arguments.json) {  // one page a line
      if (const int status = print(answer->body); status != 0) return status;
    } else {
      for (const RecordView& record : page->records) text += record_line(record);
    }
    shown += page->records.size();
    after = page->next;
    if (!arguments.all) break;
  }
  if (arguments.json) return 0;
  if (shown == 0) return print("no records");
  if (!after.empty()) text += fmt::format("… and more: --all shows them, --url TEXT narrows\n");
  return print(fmt::format("{:<32}  {:>10}  {:<28}  {:>4}  {}\n", "ID", "BYTES", "STATE", "USES", "URL") + text);
}

int show_answer(const CacheArguments& arguments, AgentAccess& agent, const char* method, const std::string& target,
                const std::string& body) {
  auto client = agent.client();
  if (!client) return report(client.error());
  auto answer = (*client)->call(method, target, body);
  if (!answer) return report(answer.error());
  if (arguments.json) return print(answer->body);
  const auto record = parse_record(answer->body);
  return record ? print(record_page(*record)) : report(record.error());
}

int show(const CacheArguments& arguments, AgentAccess& agent) {
  return show_answer(arguments, agent, "GET", "/v1/cache/" + escape_query(arguments.id), "");
}
int pin(const CacheArguments& arguments, AgentAccess& agent) {
  return show_answer(arguments, agent, "POST", "/v1/cache/" + escape_query(arguments.id) + "/pin", pin_body(true));
}
int unpin(const CacheArguments& arguments, AgentAccess& agent) {
  return show_answer(arguments, agent, "POST", "/v1/cache/" + escape_query(arguments.id) + "/pin", pin_body(false));
}

int remove_records(const CacheArguments& arguments, AgentAccess& agent, const std::string& target) {
  auto client = agent.client();
  if (!client) return report(client.error());
  auto answer = (*client)->call("DELETE", target);
  if (!answer) return report(answer.error());
  std::uint64_t removed = 1;  // 204: the record that was named
  if (answer->status != 204) {
    const auto count = parse_removed(answer->body);
    if (!count) return report(count.error());
    removed = *count;
  }
  if (arguments.json) return print(fmt::format(R"({{"removed":{}}})", removed));
  return print(fmt::format("{} removed", removed == 1 ? "1 record" : fmt::format("{} records", removed)));
}

int remove(const CacheArguments& arguments, AgentAccess& agent) {
  return remove_records(
      arguments, agent,
      is_url(arguments.id) ? "/v1/cache?url=" + escape_query(arguments.id) : "/v1/cache/" + escape_query(arguments.id));
}

int clear(const CacheArguments& arguments, AgentAccess& agent) {
  return remove_records(arguments, agent, "/v1/cache");
}

CLI::App* add_command(CLI::App& group, Program& program, const char* name, const char* help, const Arguments& arguments,
                      Handler handler) {
  auto* command = group.add_subcommand(name, help);
  command->add_flag("--json", arguments->json, "JSON on standard output");
  command->callback([arguments, handler, &program] {
    program.action = [arguments, handler](AgentAccess& agent) { return handler(*arguments, agent); };
  });
  return command;
}

constexpr const char* kHelp = R"(The cache: what the agent keeps and answers repeated requests from.

Examples:
  larder cache list --url example.org
  larder cache pin 5d41402abc4b2a76b9719d911017c592
  larder cache remove https://example.org/x.iso
)";

}  // namespace

void add_cache_commands(CLI::App& app, Program& program) {
  auto* group = app.add_subcommand("cache", kHelp);
  group->require_subcommand(1);
  const auto arguments = std::make_shared<CacheArguments>();
  auto* listed = add_command(*group, program, "list", "What is kept", arguments, list);
  listed->add_option("--url", arguments->url, "Only records with this in a URL")->type_name("TEXT");
  listed->add_option("--limit", arguments->limit, "At most so many")->check(CLI::Range(1, 1000));
  listed->add_flag("--all", arguments->all, "All of them");
  const auto with_id = [&](const char* name, const char* help, Handler handler, const char* what) {
    add_command(*group, program, name, help, arguments, handler)->add_option("ID", arguments->id, what)->required();
  };
  with_id("show", "One record", show, "The record");
  with_id("pin", "Never evict it (admins)", pin, "The record");
  with_id("unpin", "Evict it like others again (admins)", unpin, "The record");
  with_id("remove", "Drops a record, or all of a URL (admins)", remove, "The record, or a URL");
  add_command(*group, program, "clear", "Drops all that is neither pinned nor in use (admins)", arguments, clear);
}

}  // namespace larder::agent
