// An agent's identity in its group, and the book of other agents that the authority's holder keeps. Plain values and
// their bytes (docs/formats/identity.md). Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/hash/digest.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "peer/group/group.h"
#include "peer/group/invitation.h"
#include "peer/group/keys.h"

namespace larder::peer {

inline constexpr std::size_t kMaxOldKeys = 8;

// One membership: made when a group is created or joined, deleted when it is left. The key belongs to the membership: a
// machine that joins again after leaving is a new agent.
struct Identity {
  AgentKey key;
  Group group;
  // Keys of earlier epochs, newest first: a machine that slept through a revocation still sends under one of them.
  std::vector<GroupKey> old_keys;

  [[nodiscard]] const AgentId& id() const { return key.id(); }
  [[nodiscard]] bool is_authority() const { return group.authority.has_value(); }
  [[nodiscard]] bool is_revoked() const { return group.state.is_revoked(key.id()); }
};

// An agent that this authority has given a certificate.
struct Enrolled {
  AgentId agent{};
  std::string name;
  WallTime certified_until{};
  friend bool operator==(const Enrolled&, const Enrolled&) = default;
};

// Kept by the authority's holder alone.
struct GroupBook {
  static constexpr std::size_t kMaxEnrolled = 8192;

  std::vector<IssuedToken> tokens;
  std::vector<Enrolled> enrolled;  // ascending by agent
  [[nodiscard]] const Enrolled* find_enrolled(const AgentId& agent) const;
  friend bool operator==(const GroupBook&, const GroupBook&) = default;
};

// The identity as it is on disk.
struct Stored {
  std::optional<Identity> identity;
  GroupBook book;
  std::optional<AgentKey> next_key;  // made before the first request for admission, so that retries use the same key
};

[[nodiscard]] std::vector<std::byte> encode_identity(const Identity& identity);
// Also checks that the parts match: the certificate is of this key and authority, the state is signed, and the group
// key is the state's. An expired certificate is accepted. Error: content_damaged with the reason.
[[nodiscard]] Result<Identity> decode_identity(Bytes bytes);
// A book belongs to one authority. decode_book() returns nullopt for another group's book, which a crash between
// leaving one group and making another can leave behind.
[[nodiscard]] std::vector<std::byte> encode_book(const GroupBook& book, const std::string& authority_pem);
[[nodiscard]] Result<std::optional<GroupBook>> decode_book(Bytes bytes, const std::string& authority_pem);
[[nodiscard]] std::vector<std::byte> encode_next_key(const AgentKey& key);
[[nodiscard]] Result<AgentKey> decode_next_key(Bytes bytes);
[[nodiscard]] std::vector<std::byte> encode_start_epoch(std::uint64_t epoch);
[[nodiscard]] Result<std::uint64_t> decode_start_epoch(Bytes bytes);

}  // namespace larder::peer
