// The bodies of catalogue requests and answers (docs/design.md, The LAN): plain values and their bytes. Format byte by
// byte: docs/formats/catalogue.md. Pure; any thread.
//
// Decoded bytes come from members that may be broken, and an EnrolRequest from strangers. Every length has a bound, and
// memory for a count is allocated only if as many bytes are there. Errors of decoding are bad_response with the reason.
// Encoded values must keep the bounds below.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/hash/digest.h"
#include "base/result.h"
#include "base/text/units.h"
#include "peer/common/endpoint.h"
#include "peer/group/group.h"
#include "peer/group/keys.h"
#include "peer/messages/attestation.h"

namespace larder::peer {

inline constexpr std::size_t kMaxWireText = 1024;             // bytes of a name, token or validator
inline constexpr std::size_t kMaxWireCertificate = 8 * 1024;  // bytes of PEM
inline constexpr std::size_t kMaxManifestSegments = 65536;
inline constexpr std::size_t kMaxManifestCertificates = 64;
inline constexpr std::size_t kMaxManifestCertificate = 900;  // bytes of DER, as in a HELLO
inline constexpr std::size_t kMaxHolders = 16;
inline constexpr std::size_t kMaxEnrolPeers = 16;
inline constexpr std::size_t kMaxKnownPeers = 64;
inline constexpr std::size_t kMaxInline = 1 * kMiB;
inline constexpr std::size_t kMaxLeaves = 4 * kGiB / (16 * kKiB);  // of a content of 4 GiB

// POST /v1/enrol: a machine without a certificate shows a token and that it holds the key it wants certified.
struct EnrolRequest {
  std::string token;
  AgentId agent{};
  std::string name;       // of the machine, for people
  Signature signature{};  // by `agent` over token and id
  friend bool operator==(const EnrolRequest&, const EnrolRequest&) = default;
};
void sign(EnrolRequest& request, const AgentKey& key);  // fills in agent and signature
[[nodiscard]] bool check(const EnrolRequest& request);
[[nodiscard]] std::vector<std::byte> encode(const EnrolRequest& request);
[[nodiscard]] Result<EnrolRequest> decode_enrol_request(Bytes body);

struct EnrolAnswer {
  std::string certificate_pem;
  GroupState state;
  std::uint32_t key_epoch = 0;
  Digest key_secret{};          // never logged
  std::vector<Endpoint> peers;  // first catalogues to ask; scopes are not sent
  friend bool operator==(const EnrolAnswer&, const EnrolAnswer&) = default;
};
[[nodiscard]] std::vector<std::byte> encode(const EnrolAnswer& answer);
[[nodiscard]] Result<EnrolAnswer> decode_enrol_answer(Bytes body);

// GET /v1/group, members only.
struct GroupAnswer {
  GroupState state;
  std::uint32_t key_epoch = 0;
  Digest key_secret{};  // never logged
  friend bool operator==(const GroupAnswer&, const GroupAnswer&) = default;
};
[[nodiscard]] std::vector<std::byte> encode(const GroupAnswer& answer);
[[nodiscard]] Result<GroupAnswer> decode_group_answer(Bytes body);

// Another agent that has or downloads the version.
struct CatalogueHolder {
  AgentId agent{};
  Endpoint catalogue;
  Endpoint swarm;
  friend bool operator==(const CatalogueHolder&, const CatalogueHolder&) = default;
};
// The body of a busy holder's 503.
[[nodiscard]] std::vector<std::byte> encode(const std::vector<CatalogueHolder>& others);
[[nodiscard]] Result<std::vector<CatalogueHolder>> decode_holders(Bytes body);

struct ManifestSegment {
  std::uint64_t index = 0;
  Digest root{};
  // As encode_attestations() makes them; at most kMaxAttestations. Not decoded here.
  std::vector<std::byte> attestations;
  friend bool operator==(const ManifestSegment&, const ManifestSegment&) = default;
};

// The certificate of an attester, which proves its membership to agents that never heard it.
struct AttesterCertificate {
  AgentId agent{};
  std::vector<std::byte> certificate;  // DER; 1 to kMaxManifestCertificate bytes
  friend bool operator==(const AttesterCertificate&, const AttesterCertificate&) = default;
};

// GET /v1/versions/<key>: the parts of a version that this agent has.
struct Manifest {
  std::uint64_t size = 0;  // of the whole content, bytes
  std::string etag;
  std::string last_modified;
  bool complete = false;
  std::optional<Digest> root;             // of the whole; exactly when complete
  std::vector<ManifestSegment> segments;  // ascending by index
  std::vector<CatalogueHolder> others;
  std::vector<AttesterCertificate> certificates;  // of the segments' attesters, as far as known
  std::optional<std::vector<std::byte>> bytes;    // the whole content, if it is small and was asked for
  friend bool operator==(const Manifest&, const Manifest&) = default;
};
[[nodiscard]] std::vector<std::byte> encode(const Manifest& manifest);
[[nodiscard]] Result<Manifest> decode_manifest(Bytes body);

// GET /v1/leaves/<key>: the leaves of the named segments, one after the other.
[[nodiscard]] std::vector<std::byte> encode_leaves(const std::vector<Digest>& leaves);
[[nodiscard]] Result<std::vector<Digest>> decode_leaves(Bytes body);

// GET /v1/peers.
struct CataloguePeer {
  AgentId agent{};
  Endpoint catalogue;
  friend bool operator==(const CataloguePeer&, const CataloguePeer&) = default;
};
[[nodiscard]] std::vector<std::byte> encode(const std::vector<CataloguePeer>& peers);
[[nodiscard]] Result<std::vector<CataloguePeer>> decode_known_peers(Bytes body);

}  // namespace larder::peer
