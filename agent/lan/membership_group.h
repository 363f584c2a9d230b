// GroupService of the API over peer::Membership. Loop thread only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/group_service.h"
#include "peer/catalogue/catalogue_link.h"
#include "peer/membership/membership.h"

namespace larder::agent {

struct SeenMember {  // a member that discovery sees now
  peer::AgentId id{};
  std::string name;
  peer::Endpoint catalogue;
};

// Returns the way to members for peer::Membership. `link`: this agent's catalogue, null while sharing is not up. Both
// functions are called on the loop thread at each use.
[[nodiscard]] peer::MembershipNetwork membership_network(Runtime runtime, std::function<peer::CatalogueLink*()> link,
                                                         std::function<std::vector<SeenMember>()> seen);

class MembershipGroup final : public GroupService {
 public:
  // `addresses`: of this agent's catalogue, "host:port", the best first, for invitations; `seen`: members that
  // discovery sees.
  MembershipGroup(peer::Membership& membership, std::function<std::vector<std::string>()> addresses,
                  std::function<std::vector<SeenMember>()> seen);

  [[nodiscard]] GroupFacts facts() const override;
  void create(std::string name, Done<void> done) override;
  void invite(InviteRequest request, Done<InviteAnswer> done) override;
  void join(std::string invitation, Done<void> done) override;
  void leave(bool give_up_authority, Done<void> done) override;
  void revoke(std::string agent, Done<RevokeAnswer> done) override;

 private:
  [[nodiscard]] std::vector<GroupMemberFacts> members() const;
  [[nodiscard]] Result<peer::AgentId> resolve(const std::string& agent) const;

  peer::Membership& membership_;
  std::function<std::vector<std::string>()> addresses_;
  std::function<std::vector<SeenMember>()> seen_;
};

}  // namespace larder::agent
