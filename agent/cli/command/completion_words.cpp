#include "agent/cli/command/completion_words.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "agent/cli/show/progress.h"
#include "agent/cli/show/terminal.h"
#include "base/error_table.h"
#include "client/agent_access.h"

namespace larder::agent {
namespace {

using nlohmann::json;

struct Kind {
  std::string_view name, target;
  std::string_view list;  // name of the list in the answer
  std::string_view word;  // name of the word in each entry; "": the entry itself
  std::string (*about)(const json& entry);
};

std::string text_of(const json& from, const char* name) {
  const auto found = from.find(name);
  return found != from.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string about_job(const json& job) {
  const std::string name = text_of(job, "name");
  return text_of(job, "state") + (name.empty() ? "" : " " + name);
}

std::string about_record(const json& record) {
  const auto versions = record.find("versions");
  if (versions == record.end() || !versions->is_array() || versions->empty()) return text_of(record, "state");
  return text_of(versions->front(), "url");
}

std::string about_agent(const json& agent) {
  return text_of(agent, "name");
}

std::string about_nothing(const json&) {
  return {};
}

constexpr std::array<Kind, 5> kKinds = {{
    {"jobs", "/v1/jobs", "jobs", "id", about_job},
    {"records", "/v1/cache?limit=1000", "records", "id", about_record},
    {"agents", "/v1/peers", "peers", "id", about_agent},
    {"hooks", "/v1/status", "hooks", "", about_nothing},
    {"notify", "/v1/status", "notify_commands", "", about_nothing},
}};

const Kind* find_kind(std::string_view name) {
  for (const Kind& kind : kKinds) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

}  // namespace

std::string completion_target(std::string_view kind) {
  const Kind* found = find_kind(kind);
  return found == nullptr ? std::string() : std::string(found->target);
}

Result<std::string> completion_words(std::string_view kind, const std::string& answer) {
  const Kind* wanted = find_kind(kind);
  if (wanted == nullptr) return fail(ErrorCode::invalid_argument, "complete", fmt::format("no kind \"{}\"", kind));
  const json parsed = json::parse(answer, nullptr, false);
  if (!parsed.is_object()) return fail(ErrorCode::agent_answer_invalid, "complete", "the answer is no JSON object");
  const auto list = parsed.find(wanted->list);
  std::string lines;
  if (list == parsed.end() || !list->is_array()) return lines;
  for (const json& entry : *list) {
    const bool plain = wanted->word.empty();
    if (plain ? !entry.is_string() : !entry.is_object()) continue;
    const std::string word = printable(plain ? entry.get<std::string>() : text_of(entry, wanted->word.data()));
    const std::string about = printable(wanted->about(entry));
    if (word.empty()) continue;
    lines += word;
    if (!about.empty()) lines.append("\t").append(about);
    lines += '\n';
  }
  return lines;
}

int print_completions(const std::string& kind, AgentAccess& agent) {
  const std::string target = completion_target(kind);
  const auto client = target.empty() ? Result<Client*>(fail(ErrorCode::invalid_argument, "complete", "no such kind"))
                                     : agent.client(false);
  if (!client) return error_info(client.error().code).exit_status;
  const auto answer = (*client)->call("GET", target);
  if (!answer) return error_info(answer.error().code).exit_status;
  const auto words = completion_words(kind, answer->body);
  if (!words) return error_info(words.error().code).exit_status;
  return words->empty() ? 0 : print(words->substr(0, words->size() - 1));
}

}  // namespace larder::agent
