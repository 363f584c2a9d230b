// Whom to believe (design §7): checks attestations, keeps suspicions until they are proven, and shuns attesters that
// were contradicted. Deciding part; pure, `now` is an argument; trust_store.* makes it durable. Loop thread.
//
// Evidence is two attestations of one segment of one version with different roots: the accused one's and the accuser's.
// An attester is shunned when this agent's own fetch contradicts it, or when two other agents do. Which of two
// contradicting agents is the accused is for the receiver to doubt: the same two statements can be sent the other way
// round by anybody. So one accuser never suffices, and who is counted has to be known.
//
// A signature says only that a key signed. Anybody can make keys, so who does not hold a certificate of the group has
// to be kept out by `refused`: it answers true for revoked agents and for those not known to be members.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"
#include "peer/attestation.h"

namespace larder::peer {

struct Evidence {
  Attestation accused;
  Attestation accuser;
  friend bool operator==(const Evidence&, const Evidence&) = default;
};
inline constexpr std::size_t kEvidenceSize = 2 * kAttestationSize;               // bytes, encoded
[[nodiscard]] std::vector<std::byte> encode_evidence(const Evidence& evidence);  // fits a datagram
[[nodiscard]] Result<Evidence> decode_evidence(Bytes bytes);
// Both signatures hold, same version, size and segment, different roots, different agents.
[[nodiscard]] Status check_evidence(const Evidence& evidence, const Digest& group);

enum class ShunReason : std::uint8_t { contradicted_here = 0, contradicted_by_two = 1, sent_bad_blocks = 2 };
struct Shunned {
  AgentId agent{};
  ShunReason reason = ShunReason::contradicted_here;
  WallTime since{};
  WallTime until{};    // bad blocks: an hour, then another chance; contradictions: for good (the far future)
  std::string detail;  // for people: which URL is not told, the version's digest is
  friend bool operator==(const Shunned&, const Shunned&) = default;
};

// One agent contradicts another; the first such pair of statements counts.
struct Accusation {
  AgentId accused{};
  AgentId accuser{};
  Digest version{};  // what of
  WallTime at{};     // when this agent learnt of it
  friend bool operator==(const Accusation&, const Accusation&) = default;
};
struct Pardon {
  AgentId agent{};
  WallTime at{};
  friend bool operator==(const Pardon&, const Pardon&) = default;
};

// All that Trust keeps, to make it durable.
struct TrustState {
  std::vector<Shunned> shunned;
  std::vector<Pardon> pardons;
  std::vector<Attestation> suspected;   // the oldest first
  std::vector<Accusation> accusations;  // the oldest first
};

// Hears each change of what Trust keeps, as it happens.
class TrustJournal {
 public:
  virtual ~TrustJournal() = default;
  virtual void keep(const Shunned& shunned) = 0;
  virtual void keep(const Pardon& pardon) = 0;
  virtual void keep(const Attestation& suspected) = 0;
  virtual void keep(const Accusation& accusation) = 0;
  virtual void forget_shunned(const AgentId& agent) = 0;
  virtual void forget_pardon(const AgentId& agent) = 0;
  virtual void forget(const Attestation& suspected) = 0;
  virtual void forget(const Accusation& accusation) = 0;
  virtual void forget_all() = 0;
};

class Trust {
 public:
  static constexpr std::size_t kMaxShunned = 4096;     // pardons as many
  static constexpr std::size_t kMaxSuspicions = 4096;  // attestations of content judged bad; the oldest goes
  static constexpr std::size_t kMaxEvidence = 16384;   // accusations kept; the oldest goes
  static constexpr std::size_t kMaxAccused = 256;      // by one accuser; more are not counted
  static constexpr std::size_t kMaxOffered = 64;       // attestations looked at for one segment
  static constexpr Duration kBadBlocks = std::chrono::hours(1);
  using Refused = std::function<bool(const AgentId&)>;  // empty: nobody

  // `min_attesters`: so many different believed agents must attest a root; 0 counts as 1.
  explicit Trust(std::size_t min_attesters = 1);

  void set_min_attesters(std::size_t count);
  // What an earlier run kept, before anything else is asked; what does not fit the bounds is left out.
  void restore(TrustState state, WallTime now);
  void set_journal(TrustJournal* journal) { journal_ = journal; }  // outlives this, or null
  // The group was left: its agents are no concern any more.
  void forget_all();

  [[nodiscard]] bool shunned(const AgentId& agent, WallTime now) const;
  [[nodiscard]] std::vector<Shunned> all_shunned(WallTime now) const;
  // By the admin: what was said against it until now counts no more.
  void pardon(const AgentId& agent, WallTime now);

  // Which root of the segment is attested well enough; none when nobody believed attests it, or believed agents
  // contradict each other (then the origin is asked). One that attests two roots is not heard. Signatures are checked
  // here, `refused` agents do not count.
  [[nodiscard]] std::optional<Digest> believe(const std::vector<Attestation>& offered, const Digest& version,
                                              std::uint64_t size, std::uint64_t segment, const Digest& group,
                                              const Refused& refused, WallTime now) const;

  // Content judged not valid: who attested what of it. What is not signed as it says is left out: it proves nothing,
  // and anybody may have written it.
  void suspect(const std::vector<Attestation>& attested, const Digest& group);
  // This agent fetched these segments from the origin itself (`own` are its attestations): attesters of other roots
  // among the suspected are contradicted here. The evidence to tell the group, and who is shunned now.
  struct Outcome {
    std::vector<Evidence> evidence;
    std::vector<AgentId> shunned;  // newly, or for good now
  };
  Outcome fetched(const std::vector<Attestation>& own, WallTime now);
  // From the group; `self` fetched nothing of it. Invalid evidence changes nothing and is the sender's fault (it is not
  // looked at where the same two are known to contradict each other already). What is
  // against `self`, from or against a refused agent, or from a shunned one changes nothing either.
  [[nodiscard]] Result<Outcome> receive(const Evidence& evidence, const AgentId& self, const Digest& group,
                                        WallTime now, const Refused& refused = {});
  // A peer sent a block that does not match its leaf hash.
  bool sent_bad_block(const AgentId& agent, WallTime now);  // whether it is shunned newly

 private:
  using Pair = std::pair<AgentId, AgentId>;  // accused, accuser
  struct Counted {
    Accusation accusation;
    std::uint64_t order = 0;
  };
  bool shun(const AgentId& agent, ShunReason reason, WallTime now, const Digest* version);
  void make_room_for_shun(WallTime now);
  void add_suspicion(const Attestation& attestation);
  void drop_oldest_suspicion();
  bool add_accusation(const Accusation& accusation);
  void drop_accusation(const Pair& pair);
  void drop_accusations_against(const AgentId& agent);
  Outcome weigh(const AgentId& accused, const Digest& version, WallTime now);
  [[nodiscard]] std::size_t accusers_of(const AgentId& agent, WallTime now) const;
  void add_pardon(const Pardon& pardon);

  std::size_t min_attesters_;
  TrustJournal* journal_ = nullptr;
  std::map<AgentId, Shunned> shunned_;
  std::map<AgentId, WallTime> pardons_;
  std::vector<Attestation> suspected_;  // the oldest first
  std::map<Pair, Counted> accusations_;
  std::map<std::uint64_t, Pair> by_order_;  // the oldest first
  std::map<AgentId, std::size_t> accused_by_;
  std::uint64_t last_order_ = 0;
};

}  // namespace larder::peer
