// The rules of each change of a membership (docs/groups.md). Pure: the stored state, the request and the time go in;
// the change to write and the answer come out, or an error. membership.h carries the change out. Any thread.
//
// Certificates last a year. From half of that on a member renews its own when it is in contact with the authority's
// holder; a member that was away for longer needs a new invitation. The authority's own certificate, which is in every
// torrent, lasts as long as a group may.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "base/runtime/clock.h"
#include "peer/group/identity.h"
#include "peer/group/identity_store.h"
#include "peer/group/invitation.h"
#include "peer/messages/catalogue_wire.h"

namespace larder::peer {

inline constexpr Duration kAuthorityLifetime = std::chrono::hours(24 * 365 * 30);
inline constexpr Duration kCertificateLifetime = std::chrono::hours(24 * 365);
inline constexpr Duration kRenewWithin = kCertificateLifetime / 2;  // before the end
inline constexpr Duration kRenewedAtMostEvery = std::chrono::hours(1);
inline constexpr Duration kMaxInvitationLifetime = std::chrono::hours(24 * 365);

// Returns the name as a HELLO takes it: printable, at most 64 bytes; the agent's name in place of an empty one.
[[nodiscard]] std::string machine_name(const std::string& name, const AgentId& agent);

[[nodiscard]] Result<IdentityChange> decide_create(const Stored& stored, const std::string& name, WallTime now);

struct InviteDecision {
  IdentityChange change;
  Invitation invitation;
};
[[nodiscard]] Result<InviteDecision> decide_invite(const Stored& stored, Duration lifetime, std::uint32_t uses,
                                                   std::vector<std::string> addresses, WallTime now);

// Checks a pasted line: it is readable, names a group with its certificate, and has not expired.
[[nodiscard]] Result<Invitation> check_invitation(const std::string& line, WallTime now);
// Decides to ask for admission: this agent is in no group, and uses the key of an earlier attempt, or a new one.
[[nodiscard]] Result<IdentityChange> decide_ask(const Stored& stored);
// Checks the group's answer against the invitation: the authority signed the certificate and the state.
[[nodiscard]] Result<IdentityChange> decide_join(const Stored& stored, const Invitation& invitation,
                                                 const AgentKey& key, const EnrolAnswer& answer, WallTime now);
[[nodiscard]] Result<IdentityChange> decide_leave(const Stored& stored, bool give_up_authority);

struct RevokeDecision {
  IdentityChange change;
  std::size_t invitations_closed = 0;
};
[[nodiscard]] Result<RevokeDecision> decide_revoke(const Stored& stored, const AgentId& agent, WallTime now);
[[nodiscard]] Result<IdentityChange> decide_newer(const Stored& stored, const GroupState& state, const GroupKey& key);

struct AdmitDecision {
  IdentityChange change;
  EnrolAnswer answer;  // without peers
};
// Decides whether to admit a machine by its token. Error: invalid_state where this agent does not hold the authority.
[[nodiscard]] Result<AdmitDecision> decide_admit(const Stored& stored, const EnrolRequest& request, WallTime now);
// Decides whether to renew a member's certificate. Error: busy where it was renewed within kRenewedAtMostEvery.
[[nodiscard]] Result<AdmitDecision> decide_renewal(const Stored& stored, const AgentId& member, WallTime now);

[[nodiscard]] bool renewal_due(const Identity& identity, WallTime now);
// Takes the holder's answer at the member: its new certificate, and a newer state where there is one.
[[nodiscard]] Result<IdentityChange> decide_renewed(const Stored& stored, const EnrolAnswer& answer, WallTime now);
// Renews the holder's own certificate.
[[nodiscard]] Result<IdentityChange> decide_own_renewal(const Stored& stored, WallTime now);

}  // namespace larder::peer
