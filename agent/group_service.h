// The group as the API sees it. Implemented over peer::Membership (agent/lan/membership_group.h); tests use another
// implementation. Loop thread only. Callbacks come on the loop thread, from within the call where a request is refused
// at once (revoke() of an unknown agent).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/runtime/clock.h"

namespace larder::agent {

enum class GroupRole { none, member, authority };

struct GroupMemberFacts {
  std::string id;                           // hex
  std::string name;                         // of the machine; may be empty
  std::string address;                      // of its catalogue; empty: not reachable now
  std::optional<WallTime> certified_until;  // known to the authority's holder
};

struct GroupFacts {
  std::string name;  // empty: no group
  std::string id;    // of this agent, hex; empty without a group
  GroupRole role = GroupRole::none;
  bool active = false;  // false: revoked, or outside the certificate's validity
  bool revoked = false;
  std::string holder;  // the agent that holds the authority's key, hex
  std::uint32_t state_version = 0;
  std::uint32_t key_epoch = 0;
  std::optional<WallTime> certificate_expires;
  std::vector<GroupMemberFacts> members;  // without this agent; without revoked ones
  struct Revoked {
    std::string id;
    WallTime at{};
  };
  std::vector<Revoked> revoked_agents;
  struct Invitation {
    WallTime expires{};
    std::uint32_t uses_left = 0;
  };
  std::vector<Invitation> invitations;  // open ones of this agent
  std::optional<Error> problem;         // why the identity could not be read
};

struct InviteRequest {
  Duration lifetime = std::chrono::hours(24);
  std::uint32_t uses = 1;
};
struct InviteAnswer {
  std::string line;  // secret
  WallTime expires{};
  std::uint32_t uses = 1;
};
struct RevokeAnswer {
  std::string id;  // of the revoked agent
  std::size_t invitations_closed = 0;
};

class GroupService {
 public:
  template <class T>
  using Done = UniqueFunction<void(Result<T>)>;

  virtual ~GroupService() = default;
  [[nodiscard]] virtual GroupFacts facts() const = 0;
  virtual void create(std::string name, Done<void> done) = 0;
  virtual void invite(InviteRequest request, Done<InviteAnswer> done) = 0;
  virtual void join(std::string invitation, Done<void> done) = 0;
  virtual void leave(bool give_up_authority, Done<void> done) = 0;
  // Revokes an agent. `agent`: its id, a beginning of it (at least 4 digits), or the name of its machine; it must
  // denote one agent only.
  virtual void revoke(std::string agent, Done<RevokeAnswer> done) = 0;
};

}  // namespace larder::agent
