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
  WallTime not_after;  // expired certificates are refused everywhere
};

// Certificates contain no name of a group or machine: TLS shows a leaf to a stranger before it has proven anything.
// Names are sent encrypted, in HELLOs. Certificates of earlier versions that have names are still valid.

// Makes a self-signed certificate. Its PEM text is part of every torrent's info dictionary, so it never changes for the
// life of a group.
[[nodiscard]] Result<std::string> make_authority(const AgentKey& authority, const std::string& group_name, WallTime now,
                                                 Duration lifetime);
// Signs the agent's public key; the private key never leaves the agent.
[[nodiscard]] Result<std::string> issue_leaf(const AgentKey& authority, const std::string& authority_pem,
                                             const AgentId& agent, WallTime now, Duration lifetime);
// Returns the facts of a leaf that this authority signed and that is valid at `now`; error: certificate_rejected.
[[nodiscard]] Result<LeafFacts> check_leaf(const std::string& leaf_pem, const std::string& authority_pem, WallTime now);
// Returns the facts of a leaf unchecked: for the agent's own, which may have expired.
[[nodiscard]] Result<LeafFacts> read_leaf(const std::string& leaf_pem);
// Convert a PEM text to its binary form (DER), which is shorter, for datagrams, and back (RFC 7468). Only the form is
// checked, not the content.
[[nodiscard]] Result<std::vector<std::byte>> certificate_der(const std::string& pem);
[[nodiscard]] std::string certificate_pem(Bytes der);
// Returns the public key of the authority.
[[nodiscard]] Result<AgentId> authority_id(const std::string& authority_pem);
// Returns the key as PKCS#8 PEM, for TLS libraries.
[[nodiscard]] Result<std::string> private_key_pem(const AgentKey& key);

}  // namespace larder::peer
