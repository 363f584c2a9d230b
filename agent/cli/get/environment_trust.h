// Certificate authorities of the environment (SSL_CERT_FILE and others) for a job of the caller's own agent;
// docs/getting.md has the rule.
#pragma once

#include "client/agent_access.h"
#include "client/requests.h"

namespace larder::agent {

// Does something only if the caller's environment names authorities and the agent is the caller's own. An agent that
// trusts just these, as one started from such an environment does, needs nothing. Otherwise their text goes with the
// job, which is private then, and the notes say so. The agent's origin.ca_file and --ca-file come first; jobs without
// https and agents of others are left alone. Errors: the files that the environment names cannot be read.
[[nodiscard]] Status add_environment_authorities(JobRequest& request, AgentAccess& agent);
// Returns the advice for a rejected certificate, if the environment names authorities that this agent does not read;
// empty: no advice.
[[nodiscard]] std::string environment_advice(const AgentAccess& agent);

}  // namespace larder::agent
