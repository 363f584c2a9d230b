#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "agent/cli/command/doctor.h"
#include "agent/config/config.h"
#include "base/version.h"
#include "client/agent_access.h"
#include "client/agent_starter.h"

namespace larder::agent {
namespace {

constexpr const char* kSystemConfig = "/etc/larder/larder.toml";

std::string place_of(const Located& located) {
  switch (located.kind) {
    case AgentKind::system:
      return "the system's agent at " + located.socket;
    case AgentKind::user:
      return "your own agent at " + located.socket;
    case AgentKind::named:
      break;
  }
  return "the agent at " + located.socket;
}

void ask_agent(AgentAccess& agent, DoctorFacts& facts) {
  auto client = agent.client(false);
  if (!client) {
    facts.unreachable = client.error();
    return;
  }
  facts.agent_place = place_of(*agent.located());
  auto answer = (*client)->call("GET", "/v1/status");
  auto status = answer ? parse_status(answer->body) : tl::unexpected(answer.error());
  if (!status) {
    facts.unreachable = status.error();
    return;
  }
  facts.status = *status;
  if (auto jobs = (*client)->call("GET", "/v1/jobs"))
    if (auto list = parse_jobs(jobs->body)) facts.jobs = std::move(*list);
  if (auto answer_of_peers = (*client)->call("GET", "/v1/peers"))
    if (auto peers = parse_peers(answer_of_peers->body)) facts.peers = std::move(*peers);
}

void look_at_state(DoctorFacts& facts) {
  const std::string& directory = facts.status->state_directory;
  struct stat info {};
  struct statvfs space {};
  if (directory.empty()) return;
  if (::stat(directory.c_str(), &info) != 0) {
    if (errno != EACCES) facts.state_trouble = std::strerror(errno);
    return;
  }
  if (info.st_uid != facts.status->user)
    facts.state_trouble = "it does not belong to the agent's user";
  else if ((info.st_mode & 022) != 0)
    facts.state_trouble = "others may write there";
  if (::statvfs(directory.c_str(), &space) != 0) return;
  facts.state_free = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
  facts.state_total = static_cast<std::uint64_t>(space.f_blocks) * space.f_frsize;
}

void look_at_config(const AgentAccess& agent, DoctorFacts& facts) {
  std::string path = kSystemConfig;
  if (agent.located() && agent.located()->kind == AgentKind::user) {
    const auto paths = user_paths(agent.environment());
    path = paths ? paths->config_file : "";
  }
  if (path.empty() || ::access(path.c_str(), F_OK) != 0) return;
  facts.config_file = path;
  if (::access(path.c_str(), R_OK) != 0) return;  // only the admin can read it
  if (auto config = load_config(path); !config) facts.config_error = config.error();
}

void look_at_environment(DoctorFacts& facts) {
  for (const char* name : {"http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    std::string text = value;
    const auto at = text.rfind('@');
    if (at != std::string::npos) text = "…" + text.substr(at);  // user info is a secret
    facts.proxy_variables.push_back(fmt::format("{}={}", name, text));
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) facts.open_files_limit = limit.rlim_cur;
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  facts.clock_year = parts.tm_year + 1900;
  timex state{};
  const int answer = ::adjtimex(&state);
  facts.clock_synchronised = answer < 0 || (state.status & STA_UNSYNC) == 0;
}

}  // namespace

DoctorFacts gather_facts(AgentAccess& agent) {
  DoctorFacts facts;
  facts.own_version = kVersion;
  facts.larderd = find_larderd();
  ask_agent(agent, facts);
  if (facts.status) look_at_state(facts);
  look_at_config(agent, facts);
  look_at_environment(facts);
  return facts;
}

}  // namespace larder::agent
