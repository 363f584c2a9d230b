#include "peer/messages/attestation.h"

#include <string_view>

#include "peer/common/wire.h"

namespace larder::peer {
namespace {

constexpr std::string_view kSignedAs = "larder-attestation-1";

void write_field(WireWriter& out, std::string_view text) {
  // Length first, so that no two lists of fields have the same bytes.
  out.number(static_cast<std::uint32_t>(text.size()));
  out.bytes(as_bytes(text));
}

// Writes all fields except the signature.
void write_facts(WireWriter& out, const Attestation& attestation) {
  out.bytes(attestation.agent);
  out.bytes(attestation.version);
  out.number(attestation.size);
  out.number(attestation.segment);
  out.bytes(attestation.root);
  out.number(static_cast<std::uint8_t>(attestation.transport));
  out.number(attestation.at_s);
}

std::vector<std::byte> signed_bytes(const Attestation& attestation, const Digest& group) {
  WireWriter out;
  out.bytes(as_bytes(kSignedAs));
  out.bytes(group);
  write_facts(out, attestation);
  return out.take();
}

void write(WireWriter& out, const Attestation& attestation) {
  write_facts(out, attestation);
  out.bytes(attestation.signature);
}

tl::unexpected<Error> malformed(std::string why) {
  return fail(ErrorCode::bad_response, "read an attestation", std::move(why));
}

}  // namespace

Digest version_digest(const cache::Version& version) {
  WireWriter out;
  write_field(out, "larder version");
  write_field(out, version.url);
  write_field(out, version.size ? std::to_string(*version.size) : std::string());
  write_field(out, version.etag);
  write_field(out, version.last_modified);
  return blake2b256(out.take());
}

Digest group_digest(const std::string& authority_pem) {
  return blake2b256(as_bytes(authority_pem));
}

void sign(Attestation& attestation, const AgentKey& key, const Digest& group) {
  attestation.agent = key.id();
  attestation.signature = key.sign(signed_bytes(attestation, group));
}

bool check(const Attestation& attestation, const Digest& group) {
  return verify(attestation.agent, signed_bytes(attestation, group), attestation.signature);
}

std::vector<std::byte> encode_attestation(const Attestation& attestation) {
  WireWriter out;
  write(out, attestation);
  return out.take();
}

Result<Attestation> decode_attestation(Bytes bytes) {
  if (bytes.size() != kAttestationSize) {
    return malformed("it has " + std::to_string(bytes.size()) + " bytes instead of " +
                     std::to_string(kAttestationSize));
  }
  WireReader in(bytes);
  Attestation attestation;
  attestation.agent = in.array<32>();
  attestation.version = in.array<32>();
  attestation.size = in.number<std::uint64_t>();
  attestation.segment = in.number<std::uint64_t>();
  attestation.root = in.array<32>();
  const auto transport = in.number<std::uint8_t>();
  if (transport > static_cast<std::uint8_t>(Transport::https)) {
    return malformed("it names transport " + std::to_string(transport) + ", which is none");
  }
  attestation.transport = static_cast<Transport>(transport);
  attestation.at_s = in.number<std::uint64_t>();
  attestation.signature = in.array<64>();
  return attestation;
}

std::vector<std::byte> encode_attestations(const std::vector<Attestation>& attestations) {
  WireWriter out;
  for (const Attestation& attestation : attestations) write(out, attestation);
  return out.take();
}

Result<std::vector<Attestation>> decode_attestations(Bytes bytes) {
  if (bytes.size() % kAttestationSize != 0) {
    return malformed(std::to_string(bytes.size()) + " bytes are not a whole number of attestations");
  }
  if (bytes.size() / kAttestationSize > kMaxAttestations) {
    return malformed(std::to_string(bytes.size() / kAttestationSize) + " attestations of one segment are too many");
  }
  std::vector<Attestation> attestations;
  attestations.reserve(bytes.size() / kAttestationSize);
  for (; !bytes.empty(); bytes = bytes.subspan(kAttestationSize)) {
    auto attestation = decode_attestation(bytes.first(kAttestationSize));
    if (!attestation) return tl::unexpected(attestation.error());
    attestations.push_back(*attestation);
  }
  return attestations;
}

}  // namespace larder::peer
