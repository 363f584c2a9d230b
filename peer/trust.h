// Whom to believe (design §7): checks attestations, keeps suspicions until they are proven, and shuns attesters that
// were contradicted. Deciding part; pure, `now` is an argument; trust_store.* makes it durable. Loop thread.
//
// Evidence is two attestations of one segment of one version with different roots: the accused one's and the accuser's.
// An attester is shunned when this agent's own fetch contradicts it, or when two other agents do.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cache/record.h"
#include "peer/attestation.h"

namespace larder::peer {

struct Evidence {
  Attestation accused;
  Attestation accuser;
  friend bool operator==(const Evidence&, const Evidence&) = default;
};
[[nodiscard]] std::vector<std::byte> encode_evidence(const Evidence& evidence);  // fits a datagram
[[nodiscard]] Result<Evidence> decode_evidence(Bytes bytes);
// Both signatures hold, same version, size and segment, different roots, different agents.
[[nodiscard]] Status check_evidence(const Evidence& evidence, const Digest& group);

enum class ShunReason : std::uint8_t { contradicted_here, contradicted_by_two, sent_bad_blocks };
struct Shunned {
  AgentId agent{};
  ShunReason reason = ShunReason::contradicted_here;
  WallTime since{};
  WallTime until{};    // bad blocks: an hour, then another chance; contradictions: for good (the far future)
  std::string detail;  // for people: which URL is not told, the version's digest is
};

class Trust {
 public:
  static constexpr std::size_t kMaxShunned = 4096;
  static constexpr std::size_t kMaxSuspicions = 4096;  // attestations of content judged bad; the oldest goes
  static constexpr std::size_t kMaxEvidence = 16384;   // accuser counts kept

  // `min_attesters`: so many different believed agents must attest a root.
  explicit Trust(std::size_t min_attesters = 1);

  void set_min_attesters(std::size_t count);
  [[nodiscard]] bool shunned(const AgentId& agent, WallTime now) const;
  [[nodiscard]] std::vector<Shunned> all_shunned(WallTime now) const;
  void pardon(const AgentId& agent);  // by the admin

  // Which root of the segment is attested well enough; none when nobody believed attests it, or believed agents
  // contradict each other (then the origin is asked). Signatures are checked here, `refused` agents do not count.
  [[nodiscard]] std::optional<Digest> believe(const std::vector<Attestation>& offered, const Digest& version,
                                              std::uint64_t size, std::uint64_t segment, const Digest& group,
                                              const std::function<bool(const AgentId&)>& refused, WallTime now) const;

  // Content judged not valid: who attested what of it.
  void suspect(const std::vector<Attestation>& attested, WallTime now);
  // This agent fetched these segments from the origin itself (`own` are its attestations): attesters of other roots
  // among the suspected are contradicted here. The evidence to tell the group, and who is shunned now.
  struct Outcome {
    std::vector<Evidence> evidence;
    std::vector<AgentId> shunned;  // newly
  };
  Outcome fetched(const std::vector<Attestation>& own, WallTime now);
  // From the group; `self` fetched nothing of it. Invalid evidence changes nothing and is the sender's fault.
  [[nodiscard]] Result<Outcome> receive(const Evidence& evidence, const AgentId& self, const Digest& group,
                                        WallTime now);
  // A peer sent a block that does not match its leaf hash.
  bool sent_bad_block(const AgentId& agent, WallTime now);  // whether it is shunned newly

 private:
  std::size_t min_attesters_;
  std::map<AgentId, Shunned> shunned_;
  std::vector<Attestation> suspected_;
  std::map<std::pair<AgentId, Digest>, std::set<AgentId>> accusers_;  // accused and what of; who says so
};

}  // namespace larder::peer
