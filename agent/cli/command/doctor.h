// `larder doctor`: what prevents larder from working well here, and the remedy. doctor_facts.cpp gathers the facts; the
// diagnosis is pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/cli/show/peer_views.h"
#include "base/result.h"
#include "client/views.h"

namespace larder::agent {

class AgentAccess;

enum class Grade { ok, warn, bad };
[[nodiscard]] std::string grade_name(Grade grade);

struct DoctorLine {
  std::string check;
  Grade grade = Grade::ok;
  std::string finding;
  std::string advice;  // with warn and bad
};

struct DoctorFacts {
  std::string own_version;
  std::string agent_place;           // "the system's agent at /run/larder/api.sock"
  std::optional<Error> unreachable;  // set if no agent answers
  std::optional<StatusView> status;
  std::vector<JobView> jobs;
  std::optional<PeersView> peers;  // none: the agent does not report it
  std::string config_file;         // empty: none is used
  std::optional<Error> config_error;
  // Of the state directory's file system, as this process sees it.
  std::optional<std::uint64_t> state_free, state_total;
  std::string state_trouble;  // its permissions, as this process sees them
  std::uint64_t open_files_limit = 0;
  std::int64_t clock_year = 0;
  bool clock_synchronised = true;
  std::vector<std::string> proxy_variables;  // "http_proxy=http://proxy:3128", without user info
  std::string larderd;                       // path of larderd
};

[[nodiscard]] DoctorFacts gather_facts(AgentAccess& agent);
[[nodiscard]] std::vector<DoctorLine> diagnose(const DoctorFacts& facts);
// Appends the lines on sharing.
void diagnose_peers(const PeersView& peers, std::vector<DoctorLine>& lines);
[[nodiscard]] std::string doctor_text(const std::vector<DoctorLine>& lines);

}  // namespace larder::agent
