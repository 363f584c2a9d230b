// Evidence from the group: what is decoded has the bytes that it came from; what does not hold changes nothing, and
// what holds shuns nobody by itself, however often it is heard.
#include <cstddef>
#include <cstdint>

#include "peer/trust/trust.h"
#include "tests/fuzz/must.h"

using namespace larder;
using namespace larder::peer;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool kReady = initialise_crypto().has_value();
  must(kReady);
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto evidence = decode_evidence(bytes);
  if (!evidence) {
    must(evidence.error().code == ErrorCode::bad_response && !evidence.error().detail.empty());
    return 0;
  }
  const auto again = encode_evidence(*evidence);
  must(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
  const Digest group = group_digest("-----BEGIN CERTIFICATE-----\nexample\n-----END CERTIFICATE-----\n");
  const WallTime now(std::chrono::seconds(1'790'000'100));
  const Status holds = check_evidence(*evidence, group);
  Trust trust;
  for (int i = 0; i < 3; ++i) {
    const auto outcome = trust.receive(*evidence, {AgentId{}, group, 9, {}}, now);
    must(outcome.has_value() == holds.has_value() || i > 0);
    must(!outcome || (outcome->shunned.empty() && outcome->evidence.empty()));
  }
  must(trust.all_shunned(now).empty());
  if (!holds) return 0;
  // Who has fetched what the accuser says finds the accused out; the accuser is not blamed.
  trust.suspect({evidence->accused}, group);
  const auto outcome =
      trust.fetched("https://example.org/a", {evidence->accuser}, {evidence->accuser.agent, group, 9, {}}, now);
  must(outcome.evidence.size() == 1 && outcome.evidence.front() == *evidence);
  must(trust.all_shunned(now).empty() && !trust.doubted(evidence->accuser.agent, false, now));
  must(trust.doubted(evidence->accused.agent, false, now));
  return 0;
}
