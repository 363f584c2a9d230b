#include "agent/lan/membership_group.h"

#include <map>

#include "base/hash/digest.h"
#include "base/text/text.h"

namespace larder::agent {
namespace {

constexpr std::size_t kLeastDigits = 4;

}  // namespace

peer::MembershipNetwork membership_network(Runtime runtime, std::function<peer::CatalogueLink*()> link,
                                           std::function<std::vector<SeenMember>()> seen) {
  peer::MembershipNetwork use;
  use.enrol = [runtime](const std::string& authority_pem, peer::CatalogueCall call,
                        peer::MembershipNetwork::Answered done) {
    peer::enrol_call(authority_pem, std::move(call), runtime, std::move(done));
  };
  use.call = [runtime, link = std::move(link)](peer::CatalogueCall call, peer::MembershipNetwork::Answered done) {
    if (peer::CatalogueLink* up = link()) {
      up->call(std::move(call), std::move(done));
      return;
    }
    runtime.executor.post([done = std::move(done)]() mutable {
      done(fail(ErrorCode::invalid_state, "ask a member of the group", "sharing is not up on this machine"));
    });
  };
  use.peers = [seen = std::move(seen)] {
    std::vector<peer::CataloguePeer> out;
    for (const SeenMember& member : seen()) out.push_back({member.id, member.catalogue});
    return out;
  };
  return use;
}

MembershipGroup::MembershipGroup(peer::Membership& membership, std::function<std::vector<std::string>()> addresses,
                                 std::function<std::vector<SeenMember>()> seen)
    : membership_(membership), addresses_(std::move(addresses)), seen_(std::move(seen)) {}

std::vector<GroupMemberFacts> MembershipGroup::members() const {
  std::map<peer::AgentId, GroupMemberFacts> all;
  for (const peer::Enrolled& one : membership_.enrolled())
    all[one.agent] = {to_hex(one.agent), one.name, "", one.certified_until};
  for (const SeenMember& one : seen_()) {
    GroupMemberFacts& member = all[one.id];
    member.id = to_hex(one.id);
    if (!one.name.empty()) member.name = one.name;
    member.address = one.catalogue.text();
  }
  std::vector<GroupMemberFacts> list;
  for (auto& [id, member] : all) {
    if (!membership_.refused(id) && id != membership_.identity()->id()) list.push_back(std::move(member));
  }
  return list;
}

GroupFacts MembershipGroup::facts() const {
  GroupFacts facts;
  facts.problem = membership_.problem();
  const peer::Identity* self = membership_.identity();
  if (self == nullptr) return facts;
  const peer::Group& group = self->group;
  facts.name = group.name;
  facts.id = to_hex(self->id());
  facts.role = self->is_authority() ? GroupRole::authority : GroupRole::member;
  facts.active = membership_.active();
  facts.revoked = self->is_revoked();
  facts.holder = to_hex(group.state.holder);
  facts.state_version = group.state.version;
  facts.key_epoch = group.state.key_epoch;
  facts.certificate_expires = membership_.certificate_expires();
  facts.members = members();
  for (const peer::Revocation& one : group.state.revoked) facts.revoked_agents.push_back({to_hex(one.agent), one.at});
  for (const peer::IssuedToken& one : membership_.open_invitations())
    facts.invitations.push_back({one.expires, one.uses_left});
  return facts;
}

void MembershipGroup::create(std::string name, Done<void> done) {
  membership_.create(std::move(name), std::move(done));
}

void MembershipGroup::invite(InviteRequest request, Done<InviteAnswer> done) {
  membership_.invite({request.lifetime, request.uses, addresses_()},
                     [uses = request.uses, done = std::move(done)](Result<peer::Invited> invited) mutable {
                       if (!invited) return done(tl::unexpected<Error>(invited.error()));
                       done(InviteAnswer{std::move(invited->line), invited->expires, uses});
                     });
}

void MembershipGroup::join(std::string invitation, Done<void> done) {
  membership_.join(invitation, std::move(done));
}

void MembershipGroup::leave(bool give_up_authority, Done<void> done) {
  membership_.leave(give_up_authority, std::move(done));
}

void MembershipGroup::revoke(std::string agent, Done<RevokeAnswer> done) {
  const auto id = resolve(agent);
  if (!id) return done(tl::unexpected<Error>(id.error()));
  membership_.revoke(*id, [id = *id, done = std::move(done)](Result<std::size_t> closed) mutable {
    if (!closed) return done(tl::unexpected<Error>(closed.error()));
    done(RevokeAnswer{to_hex(id), *closed});
  });
}

Result<peer::AgentId> MembershipGroup::resolve(const std::string& agent) const {
  // A full id may be unknown: its machine may have been off for long.
  if (const auto id = digest_from_hex(agent)) return *id;
  const std::string doing = "revoke agent " + agent;
  if (membership_.identity() == nullptr) return fail(ErrorCode::invalid_state, doing, "this agent is in no group");
  std::vector<std::string> found;
  for (const GroupMemberFacts& member : members()) {
    const bool by_id = agent.size() >= kLeastDigits && member.id.starts_with(lower_case(agent));
    if (by_id || (!agent.empty() && member.name == agent)) found.push_back(member.id);
  }
  if (found.size() == 1) return *digest_from_hex(found.front());
  if (found.empty()) {
    return fail(ErrorCode::not_found, doing,
                "no member of the group has that id or name; \"larder group show\" lists them");
  }
  std::string all;
  for (const std::string& id : found) all += (all.empty() ? "" : ", ") + id.substr(0, 16);
  return fail(ErrorCode::invalid_argument, doing, "that is more than one agent; name one by its id: " + all);
}

}  // namespace larder::agent
