// What an agent is in its group, and what it keeps of others where it holds the authority. Plain values and their bytes
// (docs/formats/identity.md). Pure; any thread.
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

// One membership: made when a group is created or joined, gone when it is left. The key belongs to the membership, so
// that a machine which comes back after leaving is a new agent.
struct Identity {
  AgentKey key;
  Group group;
  // Of earlier epochs, newest first: a machine that slept through a revocation still speaks under one of them.
  std::vector<GroupKey> old_keys;

  [[nodiscard]] const AgentId& id() const { return key.id(); }
  [[nodiscard]] bool is_authority() const { return group.authority.has_value(); }
  [[nodiscard]] bool is_revoked() const { return group.state.is_revoked(key.id()); }
};

// Whom this authority has given a certificate.
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
  [[nodiscard]] const Enrolled* find(const AgentId& agent) const;
  friend bool operator==(const GroupBook&, const GroupBook&) = default;
};

// Everything of the identity that is on disk.
struct Stored {
  std::optional<Identity> identity;
  GroupBook book;
  std::optional<AgentKey> next_key;  // made before a group is asked for admission, so that asking again is the same
};

[[nodiscard]] std::vector<std::byte> encode_identity(const Identity& identity);
// Also holds the parts against each other: the certificate is of this key and authority, the state is signed, the group
// key is the one that the state speaks of. Not whether the certificate has expired. content_damaged with the reason.
[[nodiscard]] Result<Identity> decode_identity(Bytes bytes);
// A book belongs to one authority: of another group's it is not read (nothing is returned), as after a crash in between
// leaving one and making another.
[[nodiscard]] std::vector<std::byte> encode_book(const GroupBook& book, const std::string& authority_pem);
[[nodiscard]] Result<std::optional<GroupBook>> decode_book(Bytes bytes, const std::string& authority_pem);
[[nodiscard]] std::vector<std::byte> encode_next_key(const AgentKey& key);
[[nodiscard]] Result<AgentKey> decode_next_key(Bytes bytes);
[[nodiscard]] std::vector<std::byte> encode_start_epoch(std::uint64_t epoch);
[[nodiscard]] Result<std::uint64_t> decode_start_epoch(Bytes bytes);

}  // namespace larder::peer
