#include "peer/trust/evidence.h"

#include <string>
#include <string_view>
#include <utility>

namespace larder::peer {
namespace {

constexpr std::string_view kReadEvidence = "read evidence of a contradiction";

}  // namespace

bool same_segment(const Attestation& a, const Attestation& b) {
  return a.version == b.version && a.size == b.size && a.segment == b.segment;
}

std::vector<std::byte> encode_evidence(const Evidence& evidence) {
  return encode_attestations({evidence.accused, evidence.accuser});
}

Result<Evidence> decode_evidence(Bytes bytes) {
  if (bytes.size() != kEvidenceSize) {
    return fail(ErrorCode::bad_response, std::string(kReadEvidence),
                std::to_string(bytes.size()) + " bytes are not two attestations");
  }
  const auto both = decode_attestations(bytes);
  if (!both) return tl::unexpected(both.error());
  return Evidence{both->front(), both->back()};
}

Status check_evidence(const Evidence& evidence, const Digest& group) {
  const auto invalid = [](std::string why) {
    return fail(ErrorCode::bad_response, std::string(kReadEvidence), std::move(why));
  };
  const auto& [accused, accuser] = evidence;
  if (accused.agent == accuser.agent) return invalid("both statements are of one agent");
  if (!same_segment(accused, accuser)) return invalid("the two statements are about different things");
  if (accused.root == accuser.root) return invalid("the two statements agree");
  if (!check(accused, group)) return invalid("the first is not signed by the agent that it names");
  if (!check(accuser, group)) return invalid("the second is not signed by the agent that it names");
  return {};
}

}  // namespace larder::peer
