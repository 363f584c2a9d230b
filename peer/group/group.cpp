#include "peer/group/group.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "base/text/units.h"
#include "peer/common/wire.h"
#include "peer/group/certificate.h"

namespace larder::peer {
namespace {

constexpr std::size_t kMaxGroupName = 64;

void write_state(WireWriter& out, const GroupState& state) {
  out.number(state.version);
  out.number(state.key_epoch);
  out.bytes(state.holder);
  out.bytes(state.key_check);
  out.number(static_cast<std::uint32_t>(state.revoked.size()));
  for (const Revocation& revocation : state.revoked) {
    out.bytes(revocation.agent);
    out.number(static_cast<std::uint64_t>(to_unix_ns(revocation.at)));
  }
}

}  // namespace

bool GroupState::is_revoked(const AgentId& agent) const {
  const auto found = std::lower_bound(revoked.begin(), revoked.end(), agent,
                                      [](const Revocation& one, const AgentId& id) { return one.agent < id; });
  return found != revoked.end() && found->agent == agent;
}

std::vector<std::byte> state_bytes(const GroupState& state, const std::string& authority_pem) {
  WireWriter out;
  out.bytes(as_bytes("larder group state v1"));
  out.bytes(blake2b256(as_bytes(authority_pem)));
  write_state(out, state);
  return out.take();
}

void sign_state(GroupState& state, const AgentKey& authority, const std::string& authority_pem) {
  state.signature = authority.sign(state_bytes(state, authority_pem));
}

std::vector<std::byte> encode_state(const GroupState& state) {
  WireWriter out;
  write_state(out, state);
  out.bytes(state.signature);
  return out.take();
}

Result<GroupState> decode_state(Bytes bytes) {
  constexpr std::string_view kDoing = "read the state of the group";
  WireReader in(bytes);
  GroupState state;
  state.version = in.number<std::uint32_t>();
  state.key_epoch = in.number<std::uint32_t>();
  state.holder = in.array<32>();
  state.key_check = in.array<32>();
  const std::uint32_t count = in.number<std::uint32_t>();
  if (count > kMaxRevoked) return fail(ErrorCode::bad_response, std::string(kDoing), "it revokes too many agents");
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    Revocation revocation;
    revocation.agent = in.array<32>();
    revocation.at = from_unix_ns(static_cast<std::int64_t>(in.number<std::uint64_t>()));
    const bool ascending = state.revoked.empty() || state.revoked.back().agent < revocation.agent;
    if (!ascending) return fail(ErrorCode::bad_response, std::string(kDoing), "its revocations are out of order");
    state.revoked.push_back(revocation);
  }
  state.signature = in.array<64>();
  if (!in.ok() || !in.at_end()) return fail(ErrorCode::bad_response, std::string(kDoing), "it is cut or too long");
  return state;
}

Status check_newer_state(const GroupState& known, const GroupState& offered, const std::string& authority_pem) {
  const std::string doing = "take over the state of the group";
  if (offered.version <= known.version)
    return fail(ErrorCode::invalid_state, doing, "it is not newer than what is known");
  const auto authority = authority_id(authority_pem);
  if (!authority) return tl::unexpected<Error>(authority.error());
  if (!verify(*authority, state_bytes(offered, authority_pem), offered.signature)) {
    return fail(ErrorCode::certificate_rejected, doing, "the group's authority did not sign it");
  }
  return {};
}

Digest key_check(const GroupKey& key) {
  WireWriter out;
  out.bytes(as_bytes("larder group key check v1"));
  out.number(key.epoch());
  return blake2b256(out.take(), key.secret());
}

Result<GroupState> revoke(const GroupState& known, const AgentId& agent, WallTime now, const GroupKey& next_key,
                          const AgentKey& authority, const std::string& authority_pem) {
  const std::string doing = "revoke agent " + agent_name(agent);
  if (known.is_revoked(agent)) return fail(ErrorCode::already_exists, doing, "it is revoked already");
  if (known.revoked.size() >= kMaxRevoked) {
    return fail(ErrorCode::limit_exceeded, doing, "the list of revoked agents is full; make a new group");
  }
  if (next_key.epoch() <= known.key_epoch) return fail(ErrorCode::internal, doing, "the group key is not a new one");
  GroupState next = known;
  ++next.version;
  next.key_epoch = next_key.epoch();
  next.key_check = key_check(next_key);
  const auto place = std::lower_bound(next.revoked.begin(), next.revoked.end(), agent,
                                      [](const Revocation& one, const AgentId& id) { return one.agent < id; });
  next.revoked.insert(place, Revocation{agent, now});
  sign_state(next, authority, authority_pem);
  return next;
}

std::uint32_t Group::tag() const {
  const Digest digest = blake2b256(as_bytes("larder group tag " + authority_pem));
  WireReader in(digest);
  return in.number<std::uint32_t>();
}

Status check_group_name(const std::string& name) {
  const bool good =
      !name.empty() && name.size() <= kMaxGroupName && std::all_of(name.begin(), name.end(), [](unsigned char letter) {
        return std::isalnum(letter) != 0 || letter == ' ' || letter == '.' || letter == '_' || letter == '-';
      });
  if (!good) {
    return fail(ErrorCode::invalid_argument, "make the group",
                "a group's name has 1 to 64 letters, digits, spaces, dots, dashes or underscores");
  }
  return {};
}

}  // namespace larder::peer
