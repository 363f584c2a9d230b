#include "peer/membership/membership_rules.h"

#include <algorithm>

#include "base/text/units.h"
#include "peer/group/certificate.h"

namespace larder::peer {
namespace {

constexpr std::size_t kMaxMachineName = 64;

tl::unexpected<Error> pass(const Error& error) {
  return tl::unexpected<Error>(error);
}

tl::unexpected<Error> no_group(std::string doing) {
  return fail(ErrorCode::invalid_state, std::move(doing),
              "this agent is in no group; make one with \"larder group create\" or join one");
}

Status check_no_group(const Stored& stored, std::string doing) {
  if (!stored.identity) return {};
  return fail(ErrorCode::already_exists, std::move(doing),
              "this agent is in group " + stored.identity->group.name + "; leave that one first");
}

// Checks that this agent holds the authority; the error names the agent that does.
Status check_authority(const Stored& stored, const std::string& doing) {
  if (!stored.identity) return no_group(doing);
  if (stored.identity->is_authority()) return {};
  return fail(ErrorCode::invalid_state, doing,
              "only the agent that made the group can do that: " + agent_name(stored.identity->group.state.holder));
}

IdentityChange book_change(const Stored& stored, GroupBook book) {
  IdentityChange change;
  change.book = std::move(book);
  change.authority_pem = stored.identity->group.authority_pem;
  return change;
}

// Enters an agent into the book. Agents whose certificates have expired are no longer members and make room.
Status enter(GroupBook& book, const Enrolled& enrolled, WallTime now) {
  std::erase_if(book.enrolled,
                [&](const Enrolled& one) { return one.agent == enrolled.agent || one.certified_until <= now; });
  if (book.enrolled.size() >= GroupBook::kMaxEnrolled)
    return fail(ErrorCode::limit_exceeded, "admit a machine", "the group has as many agents as it can");
  const auto place = std::lower_bound(book.enrolled.begin(), book.enrolled.end(), enrolled.agent,
                                      [](const Enrolled& one, const AgentId& id) { return one.agent < id; });
  book.enrolled.insert(place, enrolled);
  return {};
}

Result<EnrolAnswer> certify(const Group& group, const AgentId& agent, WallTime now) {
  auto leaf = issue_leaf(*group.authority, group.authority_pem, agent, now, kCertificateLifetime);
  if (!leaf) return pass(leaf.error());
  EnrolAnswer answer;
  answer.certificate_pem = std::move(*leaf);
  answer.state = group.state;
  answer.key_epoch = group.key.epoch();
  answer.key_secret = group.key.secret();
  return answer;
}

Status check_key(const GroupState& state, const GroupKey& key, const std::string& doing) {
  if (key.epoch() == state.key_epoch && key_check(key) == state.key_check) return {};
  return fail(ErrorCode::certificate_rejected, doing, "the group key is not the one that the group's state speaks of");
}

void take_state(Identity& identity, const GroupState& state, const GroupKey& key) {
  if (key.epoch() != identity.group.key.epoch()) {
    identity.old_keys.insert(identity.old_keys.begin(), identity.group.key);
    if (identity.old_keys.size() > kMaxOldKeys) identity.old_keys.resize(kMaxOldKeys);
  }
  identity.group.state = state;
  identity.group.key = key;
}

}  // namespace

std::string machine_name(const std::string& name, const AgentId& agent) {
  std::string clean;
  for (const char letter : name) {
    const bool printable = letter > ' ' && letter < 0x7f;
    if (clean.size() < kMaxMachineName) clean += printable ? letter : '-';
  }
  return clean.empty() ? agent_name(agent) : clean;
}

Result<IdentityChange> decide_create(const Stored& stored, const std::string& name, WallTime now) {
  if (auto good = check_group_name(name); !good) return pass(good.error());
  if (auto free = check_no_group(stored, "make group " + name); !free) return pass(free.error());
  const AgentKey authority = AgentKey::generate();
  auto pem = make_authority(authority, name, now, kAuthorityLifetime);
  if (!pem) return pass(pem.error());
  Identity identity{AgentKey::generate(), {}, {}};
  Group& group = identity.group;
  group.name = name;
  group.authority_pem = std::move(*pem);
  group.authority = authority;
  group.key = GroupKey::generate(1);
  group.state.holder = identity.id();
  group.state.key_epoch = group.key.epoch();
  group.state.key_check = key_check(group.key);
  sign_state(group.state, authority, group.authority_pem);
  auto answer = certify(group, identity.id(), now);
  if (!answer) return pass(answer.error());
  group.certificate_pem = std::move(answer->certificate_pem);
  IdentityChange change;
  change.book = GroupBook{};
  change.authority_pem = group.authority_pem;
  change.identity = std::move(identity);
  change.drop_next_key = stored.next_key.has_value();
  return change;
}

Result<InviteDecision> decide_invite(const Stored& stored, Duration lifetime, std::uint32_t uses,
                                     std::vector<std::string> addresses, WallTime now) {
  const std::string doing = "invite a machine";
  if (auto may = check_authority(stored, doing); !may) return pass(may.error());
  if (lifetime > kMaxInvitationLifetime)
    return fail(ErrorCode::invalid_argument, doing, "an invitation lasts at most a year");
  if (addresses.empty()) {
    return fail(ErrorCode::invalid_state, doing,
                "this agent has no address that others could reach; connect it to a network, or see peer.listen");
  }
  if (addresses.size() > kMaxEnrolPeers) addresses.resize(kMaxEnrolPeers);
  InviteDecision decision;
  const Group& group = stored.identity->group;
  decision.invitation = {group.name, group.authority_pem, random_id(), std::move(addresses), now + lifetime};
  InvitationBook book(stored.book.tokens);
  if (auto issued = book.issue(decision.invitation.token, decision.invitation.expires, uses, now); !issued)
    return pass(issued.error());
  GroupBook next = stored.book;
  next.tokens = book.tokens();
  decision.change = book_change(stored, std::move(next));
  return decision;
}

Result<Invitation> check_invitation(const std::string& line, WallTime now) {
  auto invitation = decode_invitation(line);
  if (!invitation) return invitation;
  const std::string doing = "join the group";
  if (!check_group_name(invitation->group_name) || !authority_id(invitation->authority_pem))
    return fail(ErrorCode::invalid_argument, doing, "the invitation does not name a group; ask for a new one");
  if (invitation->expires <= now) {
    return fail(ErrorCode::permission_denied, doing,
                "the invitation expired at " + format_time(invitation->expires) + ", and here it is " +
                    format_time(now) + "; ask for a new one, or set this machine's clock");
  }
  return invitation;
}

Result<IdentityChange> decide_ask(const Stored& stored) {
  if (auto free = check_no_group(stored, "join the group"); !free) return pass(free.error());
  IdentityChange change;
  if (!stored.next_key) change.next_key = AgentKey::generate();
  return change;
}

Result<IdentityChange> decide_join(const Stored& stored, const Invitation& invitation, const AgentKey& key,
                                   const EnrolAnswer& answer, WallTime now) {
  const std::string doing = "join group " + invitation.group_name;
  if (auto free = check_no_group(stored, doing); !free) return pass(free.error());
  const auto leaf = check_leaf(answer.certificate_pem, invitation.authority_pem, now);
  if (!leaf) return fail(leaf.error().code, doing, "the certificate that it issued: " + leaf.error().detail);
  if (leaf->id != key.id())
    return fail(ErrorCode::certificate_rejected, doing, "the certificate that it issued is another agent's");
  GroupState nothing;
  nothing.version = 0;
  if (auto good = check_newer_state(nothing, answer.state, invitation.authority_pem); !good)
    return fail(good.error().code, doing, "its state: " + good.error().detail);
  const GroupKey group_key = GroupKey::from_secret(answer.key_epoch, answer.key_secret);
  if (auto good = check_key(answer.state, group_key, doing); !good) return pass(good.error());
  if (answer.state.is_revoked(key.id())) {
    return fail(ErrorCode::permission_denied, doing,
                "this agent was revoked meanwhile; ask for a new invitation and join again");
  }
  Identity identity{key, {}, {}};
  identity.group.name = invitation.group_name;
  identity.group.authority_pem = invitation.authority_pem;
  identity.group.certificate_pem = answer.certificate_pem;
  identity.group.state = answer.state;
  identity.group.key = group_key;
  IdentityChange change;
  change.identity = std::move(identity);
  change.drop_next_key = true;
  return change;
}

Result<IdentityChange> decide_leave(const Stored& stored, bool give_up_authority) {
  const std::string doing = "leave the group";
  if (!stored.identity) return no_group(doing);
  if (stored.identity->is_authority() && !give_up_authority) {
    return fail(ErrorCode::invalid_state, doing,
                "this agent holds the only key that can invite, renew and revoke in group " +
                    stored.identity->group.name +
                    ": without it the group ends when its certificates expire, within a "
                    "year. Say that it is given up (\"larder group leave --yes\") if that is meant");
  }
  IdentityChange change;
  change.leave = true;
  return change;
}

Result<RevokeDecision> decide_revoke(const Stored& stored, const AgentId& agent, WallTime now) {
  const std::string doing = "revoke agent " + agent_name(agent);
  if (auto may = check_authority(stored, doing); !may) return pass(may.error());
  Identity identity = *stored.identity;
  Group& group = identity.group;
  if (agent == identity.id())
    return fail(ErrorCode::invalid_argument, doing, "that is this agent itself; \"larder group leave\" ends its part");
  const GroupKey next_key = GroupKey::generate(group.state.key_epoch + 1);
  const auto state = revoke(group.state, agent, now, next_key, *group.authority, group.authority_pem);
  if (!state) return pass(state.error());
  take_state(identity, *state, next_key);
  RevokeDecision decision;
  InvitationBook invitations(stored.book.tokens);
  decision.invitations_closed = invitations.close_all(now);
  GroupBook book = stored.book;
  book.tokens.clear();
  std::erase_if(book.enrolled, [&](const Enrolled& one) { return one.agent == agent; });
  decision.change = book_change(stored, std::move(book));
  decision.change.identity = std::move(identity);
  return decision;
}

Result<IdentityChange> decide_newer(const Stored& stored, const GroupState& state, const GroupKey& key) {
  const std::string doing = "take over the state of the group";
  if (!stored.identity) return no_group(doing);
  const Group& group = stored.identity->group;
  if (auto newer = check_newer_state(group.state, state, group.authority_pem); !newer) return pass(newer.error());
  if (state.key_epoch < group.state.key_epoch)
    return fail(ErrorCode::certificate_rejected, doing, "it goes back to an older group key");
  if (auto good = check_key(state, key, doing); !good) return pass(good.error());
  IdentityChange change;
  change.identity = *stored.identity;
  take_state(*change.identity, state, key);
  return change;
}

Result<AdmitDecision> decide_admit(const Stored& stored, const EnrolRequest& request, WallTime now) {
  const std::string doing = "admit a machine";
  if (auto may = check_authority(stored, doing); !may) return pass(may.error());
  const Identity& identity = *stored.identity;
  if (!check(request)) return fail(ErrorCode::invalid_argument, doing, "its signature does not hold");
  InvitationBook invitations(stored.book.tokens);
  // The token first: a machine without one must not learn which agents are revoked.
  if (auto redeemed = invitations.redeem(request.token, request.agent, now); !redeemed) return pass(redeemed.error());
  const auto authority = authority_id(identity.group.authority_pem);
  if (identity.group.state.is_revoked(request.agent) || request.agent == identity.id() ||
      (authority && request.agent == *authority)) {
    return fail(ErrorCode::permission_denied, doing, "agent " + agent_name(request.agent) + " is not to be admitted");
  }
  const std::string name = machine_name(request.name, request.agent);
  auto answer = certify(identity.group, request.agent, now);
  if (!answer) return pass(answer.error());
  AdmitDecision decision{{}, std::move(*answer)};
  GroupBook book = stored.book;
  book.tokens = invitations.tokens();
  if (book.tokens == stored.book.tokens && book.find_enrolled(request.agent) != nullptr)
    return decision;  // the agent asks again: its answer was lost
  if (auto entered = enter(book, {request.agent, name, now + kCertificateLifetime}, now); !entered)
    return pass(entered.error());
  decision.change = book_change(stored, std::move(book));
  return decision;
}

Result<AdmitDecision> decide_renewal(const Stored& stored, const AgentId& member, WallTime now) {
  const std::string doing = "renew the certificate of agent " + agent_name(member);
  if (auto may = check_authority(stored, doing); !may) return pass(may.error());
  const Group& group = stored.identity->group;
  if (group.state.is_revoked(member)) return fail(ErrorCode::permission_denied, doing, "it is revoked");
  const Enrolled* known = stored.book.find_enrolled(member);
  if (known != nullptr && known->certified_until > now + kCertificateLifetime - kRenewedAtMostEvery)
    return fail(ErrorCode::busy, doing, "it was renewed a moment ago");
  const std::string name = known != nullptr ? known->name : agent_name(member);
  auto answer = certify(group, member, now);
  if (!answer) return pass(answer.error());
  AdmitDecision decision{{}, std::move(*answer)};
  GroupBook book = stored.book;
  if (auto entered = enter(book, {member, name, now + kCertificateLifetime}, now); !entered)
    return pass(entered.error());
  decision.change = book_change(stored, std::move(book));
  return decision;
}

bool renewal_due(const Identity& identity, WallTime now) {
  const auto leaf = read_leaf(identity.group.certificate_pem);
  return leaf && leaf->not_after - now < kRenewWithin;
}

Result<IdentityChange> decide_renewed(const Stored& stored, const EnrolAnswer& answer, WallTime now) {
  const std::string doing = "renew this agent's certificate";
  if (!stored.identity) return no_group(doing);
  Identity identity = *stored.identity;
  const auto leaf = check_leaf(answer.certificate_pem, identity.group.authority_pem, now);
  if (!leaf) return pass(leaf.error());
  const auto old = read_leaf(identity.group.certificate_pem);
  if (leaf->id != identity.id() || (old && leaf->not_after <= old->not_after))
    return fail(ErrorCode::certificate_rejected, doing, "what came is not a newer certificate of this agent");
  identity.group.certificate_pem = answer.certificate_pem;
  IdentityChange change;
  change.identity = std::move(identity);
  const GroupKey key = GroupKey::from_secret(answer.key_epoch, answer.key_secret);
  if (answer.state.version > change.identity->group.state.version) {
    auto newer = decide_newer(stored, answer.state, key);
    if (!newer) return newer;
    take_state(*change.identity, answer.state, key);
  }
  return change;
}

Result<IdentityChange> decide_own_renewal(const Stored& stored, WallTime now) {
  const std::string doing = "renew this agent's certificate";
  if (auto may = check_authority(stored, doing); !may) return pass(may.error());
  Identity identity = *stored.identity;
  auto answer = certify(identity.group, identity.id(), now);
  if (!answer) return pass(answer.error());
  identity.group.certificate_pem = std::move(answer->certificate_pem);
  IdentityChange change;
  change.identity = std::move(identity);
  return change;
}

}  // namespace larder::peer
