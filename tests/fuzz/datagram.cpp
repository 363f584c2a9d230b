// Datagrams of discovery: the clear bytes of anything at all, and the body as a broken member could seal it.
#include "peer/messages/datagram.h"
#include "tests/fuzz/must.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

using namespace larder;
using namespace larder::peer;

namespace {

void check_body(Bytes body) {
  const auto datagram = decode_body(body);
  if (!datagram) return;
  if (const auto* hello = std::get_if<Hello>(&datagram->message)) {
    must(hello->name.size() <= 64 && hello->certificate.size() <= kMaxHelloCertificate);
    must(std::all_of(hello->name.begin(), hello->name.end(), [](char c) { return c > ' ' && c < 0x7f; }));
    must(hello->version.size() <= kMaxHelloVersion && (hello->protocol != 0 || hello->version.empty()));
    must(std::all_of(hello->version.begin(), hello->version.end(), [](char c) { return c > ' ' && c < 0x7f; }));
  }
  must(!signature_holds(*datagram, 1, 1));  // nobody forges one by chance
  if (const auto* ask = std::get_if<Ask>(&datagram->message))
    must(!ask->keys.empty() && ask->keys.size() <= kMaxAskKeys);
  if (const auto* have = std::get_if<Have>(&datagram->message)) {
    must(have->items.size() <= kMaxAskKeys);
    for (const HaveItem& item : have->items) {
      must(item.key < kMaxAskKeys && item.segments.size() <= kMaxSegmentBitmap);
    }
  }
  if (const auto* reach = std::get_if<ReachMessage>(&datagram->message)) must(reach->items.size() <= kMaxReachItems);
  if (const auto* evidence = std::get_if<EvidenceMessage>(&datagram->message)) {
    must(!evidence->bytes.empty() && evidence->bytes.size() <= kMaxEvidence);
    must(evidence->certificate.size() <= kMaxHelloCertificate);
  }
  if (const auto* crowd = std::get_if<CrowdMessage>(&datagram->message)) {
    must(!crowd->entries.empty() && crowd->entries.size() <= kMaxCrowdEntries);
    for (const CrowdEntry& entry : crowd->entries) {
      must(entry.segments > 0 && entry.segments <= kMaxCrowdSegments && entry.first < entry.segments);
      must(entry.held.size() <= kMaxCrowdBitmap && entry.claims.size() <= kMaxCrowdClaims);
      for (const CrowdClaim& claim : entry.claims) must(claim.segment < entry.segments);
    }
  }
  // What was understood is written in one way, which means the same.
  const auto again = decode_body(encode_body(*datagram));
  must(again.has_value());
  must(again->message == datagram->message && again->sender == datagram->sender);
  must(again->start_epoch == datagram->start_epoch && again->sequence == datagram->sequence);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool ready = initialise_crypto().has_value();
  must(ready);
  static const GroupKey key = GroupKey::from_secret(4, Digest{});
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  (void)read_envelope(bytes);
  must(!decode(bytes, key));  // without the key nothing opens
  check_body(bytes);
  return 0;
}
