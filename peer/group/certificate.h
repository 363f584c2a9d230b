// X.509 certificates of a group (docs/design.md, Trust): one Ed25519 certificate authority per group, one leaf per
// agent over the agent's own key, SAN `DNS:*` so that libtorrent's SSL torrents accept it for every torrent name.
// OpenSSL is hidden in the .cpp. Any thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/runtime/clock.h"
#include "peer/group/keys.h"

namespace larder::peer {

struct LeafFacts {
  AgentId id{};
  WallTime not_after;  // expired certificates are refused by every part
};

// No name of a group or a machine is in them: a stranger that opens a connection is shown a leaf before it has proven
// anything. Names travel sealed, in HELLOs. Certificates of earlier versions that have them are as good.

// Self-signed; its PEM text is part of every torrent's info dictionary, so it never changes for the life of a group.
[[nodiscard]] Result<std::string> make_authority(const AgentKey& authority, const std::string& group_name, WallTime now,
                                                 Duration lifetime);
// Signs the agent's public key; the private one never leaves the agent.
[[nodiscard]] Result<std::string> issue_leaf(const AgentKey& authority, const std::string& authority_pem,
                                             const AgentId& agent, WallTime now, Duration lifetime);
// Facts of a leaf that this authority signed and that is valid at `now`; certificate_rejected otherwise.
[[nodiscard]] Result<LeafFacts> check_leaf(const std::string& leaf_pem, const std::string& authority_pem, WallTime now);
// Facts of a leaf as it stands there, unchecked: for one's own, which may have expired.
[[nodiscard]] Result<LeafFacts> read_leaf(const std::string& leaf_pem);
// The binary form (DER) of a PEM text and back (RFC 7468): without the overhead, for datagrams. Only the form is looked
// at, not what is in it.
[[nodiscard]] Result<std::vector<std::byte>> certificate_der(const std::string& pem);
[[nodiscard]] std::string certificate_pem(Bytes der);
// The key that this authority signs with.
[[nodiscard]] Result<AgentId> authority_id(const std::string& authority_pem);
// PKCS#8 PEM of the key, for TLS libraries.
[[nodiscard]] Result<std::string> private_key_pem(const AgentKey& key);

}  // namespace larder::peer
