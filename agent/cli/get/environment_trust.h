// SSL_CERT_FILE and its kin for a job of the caller's own agent: docs/getting.md has the rule.
#pragma once

#include "client/agent_access.h"
#include "client/requests.h"

namespace larder::agent {

// Where the caller's environment names authorities and the agent is the caller's own: nothing, if the agent trusts just
// these, as one does that was started from such an environment; else their text goes with the job, which is private
// then, and the notes say so. The agent's own configuration (origin.ca_file) and --ca-file come first; jobs without
// https and agents of others are left alone. Errors: what the environment names cannot be read.
[[nodiscard]] Status add_environment_authorities(JobRequest& request, AgentAccess& agent);
// What to say of a certificate that was rejected, where the environment names authorities that this agent does not
// read; empty: nothing.
[[nodiscard]] std::string environment_advice(const AgentAccess& agent);

}  // namespace larder::agent
