// A group as one of its agents knows it, and the group's signed state. Plain values; any thread.
//
// The authority, whose key is held by the agent that made the group, signs the state: a version that counts up, the
// group key's epoch and check, the agent that holds the authority's key, and the revoked agents. An agent takes a state
// only with a valid signature and a higher version. It keeps the newest one, and gives it to members that have an older
// one (Hello carries the version).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/runtime/clock.h"
#include "peer/group/keys.h"

namespace larder::peer {

struct Revocation {
  AgentId agent{};
  WallTime at{};
  friend bool operator==(const Revocation&, const Revocation&) = default;
};

struct GroupState {
  std::uint32_t version = 1;
  std::uint32_t key_epoch = 1;
  std::vector<Revocation> revoked;  // ascending by agent; at most kMaxRevoked
  AgentId holder{};                 // the agent that holds the authority's key: it admits, renews and revokes
  Digest key_check{};               // of the group key, so that a member cannot pass on another key with this state
  Signature signature{};            // of the authority over state_bytes()
  [[nodiscard]] bool is_revoked(const AgentId& agent) const;
  friend bool operator==(const GroupState&, const GroupState&) = default;
};

inline constexpr std::size_t kMaxRevoked = 4096;
inline constexpr std::size_t kMaxStateBytes =
    4 + 4 + 32 + 32 + 4 + kMaxRevoked * 40 + 64;  // as encode_state() makes it

// Returns a digest that identifies a group key without revealing it.
[[nodiscard]] Digest key_check(const GroupKey& key);

[[nodiscard]] std::vector<std::byte> state_bytes(const GroupState& state, const std::string& authority_pem);
void sign_state(GroupState& state, const AgentKey& authority, const std::string& authority_pem);
[[nodiscard]] std::vector<std::byte> encode_state(const GroupState& state);
[[nodiscard]] Result<GroupState> decode_state(Bytes bytes);
// Checks that `offered` may replace `known`: the authority signed it, and its version is higher. Errors:
// certificate_rejected; invalid_state where it is not newer.
[[nodiscard]] Status check_newer_state(const GroupState& known, const GroupState& offered,
                                       const std::string& authority_pem);
// Returns `known` with one more agent revoked and the next version, signed. `next_key` has the next key epoch.
[[nodiscard]] Result<GroupState> revoke(const GroupState& known, const AgentId& agent, WallTime now,
                                        const GroupKey& next_key, const AgentKey& authority,
                                        const std::string& authority_pem);

// An agent's record of its group, kept under <state>/identity.
struct Group {
  std::string name;
  std::string authority_pem;
  std::string certificate_pem;  // this agent's leaf
  GroupKey key;                 // of state.key_epoch
  GroupState state;
  std::optional<AgentKey> authority;  // only where the group was made

  // Returns a tag by which packets of other groups are recognised without decryption; not secret.
  [[nodiscard]] std::uint32_t tag() const;
};

[[nodiscard]] Status check_group_name(const std::string& name);  // 1 to 64 of letters, digits, space . _ -

}  // namespace larder::peer
