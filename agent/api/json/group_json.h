// The group in the API's JSON: the schemas Group, Invited and Revoked of docs/api.yaml, and the request bodies. Strict
// as job_json.h. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "agent/group_service.h"
#include "base/result.h"

namespace larder::agent {

[[nodiscard]] Result<std::string> parse_group_create(std::string_view body);  // the name
[[nodiscard]] Result<InviteRequest> parse_group_invite(std::string_view body);
[[nodiscard]] Result<std::string> parse_group_join(std::string_view body);    // the invitation: a secret
[[nodiscard]] Result<bool> parse_group_leave(std::string_view body);          // true: give up the authority
[[nodiscard]] Result<std::string> parse_group_revoke(std::string_view body);  // the agent

// Only admins see open invitations.
[[nodiscard]] std::string group_view(const GroupFacts& facts, bool admin);
[[nodiscard]] std::string invited_view(const InviteAnswer& answer);
[[nodiscard]] std::string revoked_view(const RevokeAnswer& answer);

}  // namespace larder::agent
