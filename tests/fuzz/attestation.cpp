// Attestations of one segment: what is decoded keeps its bounds and has exactly the bytes that it came from; whatever
// is offered, only what is signed as it says is believed.
#include <cstddef>
#include <cstdint>

#include "peer/messages/attestation.h"
#include "peer/trust/trust.h"
#include "tests/fuzz/must.h"

using namespace larder;
using namespace larder::peer;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool kReady = initialise_crypto().has_value();
  must(kReady);
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto attestations = decode_attestations(bytes);
  if (!attestations) {
    must(attestations.error().code == ErrorCode::bad_response && !attestations.error().detail.empty());
    return 0;
  }
  must(attestations->size() <= kMaxAttestations && attestations->size() * kAttestationSize == size);
  const auto again = encode_attestations(*attestations);
  must(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
  const Digest group = group_digest("-----BEGIN CERTIFICATE-----\nexample\n-----END CERTIFICATE-----\n");
  const Trust trust;
  for (const Attestation& one : *attestations) {
    const auto believed =
        trust.believe(*attestations, {one.version, one.size, one.segment, true}, group, {}, WallTime{}).root;
    bool vouched = false;
    for (const Attestation& other : *attestations) vouched |= other.root == believed && check(other, group);
    must(!believed || vouched);
  }
  return 0;
}
