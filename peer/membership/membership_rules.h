// What each change of a membership takes and makes (docs/groups.md). Pure: what is stored, what was asked and the time
// go in, what to write and to answer comes out, or why not. membership.h does it. Any thread.
//
// Certificates last a year and are renewed from half of that on, by a member itself, when it is in contact with the
// authority's holder; who was away for longer needs a new invitation. The authority's own certificate, which is in
// every torrent, lasts as long as a group may.
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
inline constexpr Duration kRenewWithin = kCertificateLifetime / 2;  // of the end
inline constexpr Duration kRenewedAtMostEvery = std::chrono::hours(1);
inline constexpr Duration kMaxInvitationLifetime = std::chrono::hours(24 * 365);

// Printable and at most 64 bytes, as a certificate and a HELLO take it; never empty.
[[nodiscard]] std::string machine_name(const std::string& name, const AgentId& agent);

[[nodiscard]] Result<IdentityChange> decide_create(const Stored& stored, const std::string& name, WallTime now);

struct InviteDecision {
  IdentityChange change;
  Invitation invitation;
};
[[nodiscard]] Result<InviteDecision> decide_invite(const Stored& stored, Duration lifetime, std::uint32_t uses,
                                                   std::vector<std::string> addresses, WallTime now);

// The line as it was pasted: readable, with a group's certificate, not expired.
[[nodiscard]] Result<Invitation> check_invitation(const std::string& line, WallTime now);
// Not in a group; and a key to ask with, the same as the last time when the answer was lost.
[[nodiscard]] Result<IdentityChange> decide_ask(const Stored& stored);
// What the group answered, held against the invitation: everything in it is the authority's work.
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
// A machine shows a token. invalid_state: this agent does not hold the authority.
[[nodiscard]] Result<AdmitDecision> decide_admit(const Stored& stored, const EnrolRequest& request, WallTime now);
// A member wants its certificate renewed. busy: that was done a moment ago.
[[nodiscard]] Result<AdmitDecision> decide_renewal(const Stored& stored, const AgentId& member, WallTime now);

[[nodiscard]] bool renewal_due(const Identity& identity, WallTime now);
// The holder's answer, at the member; with a newer state where there is one.
[[nodiscard]] Result<IdentityChange> decide_renewed(const Stored& stored, const EnrolAnswer& answer, WallTime now);
// The holder's own.
[[nodiscard]] Result<IdentityChange> decide_own_renewal(const Stored& stored, WallTime now);

}  // namespace larder::peer
