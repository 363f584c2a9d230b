// The group in the API: parsing and writing of its JSON (docs/api.yaml).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/runtime/clock.h"

namespace larder::agent {

struct GroupView {
  std::string name;  // empty: no group
  std::string id, role, holder, certificate_expires, problem;
  bool active = false, revoked = false;
  std::uint64_t state_version = 0, key_epoch = 0;
  struct Member {
    std::string id, name, address, certified_until;
  };
  std::vector<Member> members;
  struct Revoked {
    std::string id, at;
  };
  std::vector<Revoked> revoked_agents;
  struct Invitation {
    std::string expires;
    std::uint64_t uses_left = 0;
  };
  std::vector<Invitation> invitations;
};

struct InvitedView {
  std::string line, expires;  // the line is a secret
  std::uint64_t uses = 0;
};

struct RevokedView {
  std::string id;
  std::uint64_t invitations_closed = 0;
};

[[nodiscard]] Result<GroupView> parse_group(std::string_view json);
[[nodiscard]] Result<InvitedView> parse_invited(std::string_view json);
[[nodiscard]] Result<RevokedView> parse_revoked(std::string_view json);

[[nodiscard]] std::string create_group_body(const std::string& name);
[[nodiscard]] std::string invite_body(std::uint64_t uses, Duration lifetime);
[[nodiscard]] std::string join_body(const std::string& invitation);
[[nodiscard]] std::string leave_body(bool give_up_authority);
[[nodiscard]] std::string revoke_body(const std::string& agent);

// Text for people; names from others go through `printable`.
[[nodiscard]] std::string group_page(const GroupView& group);

}  // namespace larder::agent
