// Decides which agents and attestations to believe (docs/formats/attestation.md, docs/decisions/0024-blame.md). Pure,
// `now` is an argument; trust_store.* makes it durable. Loop thread.
//
// A contradiction, two roots for one segment of one version, proves that two agents got different bytes. It does not
// prove that one lied: an origin may give each asker other bytes. So it counts against the version first, which is no
// longer shared. It counts against the origin where no single member explains several contradictions over that origin.
// It counts against a member last: this agent doubts a member that contradicts its own fetch, and shuns a member that a
// share of the group contradicts over several unrelated origins. All of that ends by itself.
//
// A signature proves only that a key signed, and anybody can make keys. So `refused` has to keep out agents without a
// certificate of the group: it returns true for revoked agents and for those not known to be members.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/hash/digest.h"
#include "base/result.h"
#include "base/runtime/clock.h"
#include "peer/messages/attestation.h"
#include "peer/trust/condemned_versions.h"
#include "peer/trust/contradictions.h"
#include "peer/trust/evidence.h"
#include "peer/trust/member_standing.h"
#include "peer/trust/origin_hosts.h"
#include "peer/trust/own_roots.h"
#include "peer/trust/suspicions.h"

namespace larder::peer {

// The durable state of Trust. Of each kind the oldest first.
struct TrustState {
  std::vector<Shunned> shunned;
  std::vector<Doubted> doubted;
  std::vector<Pardon> pardons;
  std::vector<Attestation> suspected;
  std::vector<Contradiction> contradictions;
  std::vector<Condemned> condemned;
  std::vector<HostMark> hosts;
  std::vector<OwnRoot> own_roots;  // of versions that are suspected or condemned
};

// Called for each change of the durable state, within the call that makes it.
class TrustJournal {
 public:
  virtual ~TrustJournal() = default;
  virtual void keep(const Shunned& shunned) = 0;
  virtual void keep(const Doubted& doubted) = 0;
  virtual void keep(const Pardon& pardon) = 0;
  virtual void keep(const Attestation& suspected) = 0;
  virtual void keep(const Contradiction& contradiction) = 0;
  virtual void keep(const Condemned& condemned) = 0;
  virtual void keep(const HostMark& mark) = 0;
  virtual void keep(const OwnRoot& root) = 0;
  virtual void forget_shunned(const AgentId& agent) = 0;
  virtual void forget_doubted(const AgentId& agent) = 0;
  virtual void forget_pardon(const AgentId& agent) = 0;
  virtual void forget(const Attestation& suspected) = 0;
  virtual void forget(const Contradiction& contradiction) = 0;
  virtual void forget_condemned(const Digest& version) = 0;
  virtual void forget_host(const std::string& host) = 0;
  virtual void forget_own_roots(const Digest& version) = 0;
  virtual void forget_all() = 0;
};

class Trust {
 public:
  static constexpr std::size_t kMaxOffered = 64;  // attestations considered for one segment
  static constexpr std::size_t kMinAccusers =
      3;  // and at least a third of the known members: docs/decisions/0024-blame.md
  static constexpr std::size_t kMinSites = 3;           // unrelated origins, by HTTPS
  using Refused = std::function<bool(const AgentId&)>;  // empty: no agent is refused

  // The group as this agent sees it now.
  struct Circle {
    AgentId self{};
    Digest group{};
    std::size_t members = 0;  // number of known members, this agent included
    Refused refused;
  };

  // `min_attesters`: number of different believed agents that must attest a root; 0 counts as 1.
  explicit Trust(std::size_t min_attesters = 1);

  void set_min_attesters(std::size_t count);
  // Takes over the state that an earlier run kept, before any other call; entries beyond the bounds are left out.
  void restore(TrustState state, WallTime now);
  void set_journal(TrustJournal* journal) { journal_ = journal; }  // outlives this, or null
  // Forgets everything; call when this agent leaves the group.
  void forget_all();

  // -- members
  [[nodiscard]] bool shunned(const AgentId& agent, WallTime now) const { return standing_.shunned(agent, now); }
  [[nodiscard]] bool doubted(const AgentId& agent, bool https, WallTime now) const {
    return standing_.doubted(agent, https, now);
  }
  [[nodiscard]] std::vector<Shunned> all_shunned(WallTime now) const { return standing_.all_shunned(now); }
  [[nodiscard]] std::vector<Doubted> all_doubted(WallTime now) const { return standing_.all_doubted(now); }
  // Pardons a member on the admin's order: statements against it until now no longer count. True: it was shunned or
  // doubted.
  bool pardon(const AgentId& agent, WallTime now);
  // Records that a peer sent a block or leaves that do not match the root: it is shunned for MemberStanding::kBadBlocks
  // from now on, anew with each call; a shunning for another reason stays as it is. True: it is newly shunned.
  bool sent_bad_block(const AgentId& agent, WallTime now);

  // -- versions and origins
  // Records the URL of a version that this agent asks for or has, so that contradictions over it can count against its
  // origin.
  void know(const Digest& version, std::string_view url) { hosts_.know(version, url); }
  // Returns whether the version may be offered, taken and attested: it is not condemned, and its origin is constant.
  [[nodiscard]] bool may_share(const Digest& version, std::string_view url, WallTime now) const;
  [[nodiscard]] bool condemned(const Digest& version, WallTime now) const { return condemned_.has(version, now); }
  [[nodiscard]] std::size_t condemned_count() const { return condemned_.size(); }
  [[nodiscard]] std::vector<HostMark> inconstant_hosts(WallTime now) const { return hosts_.marks(now); }

  // The segment that believe() is asked about, and its answer.
  struct Asked {
    Digest version{};
    std::uint64_t size = 0;
    std::uint64_t segment = 0;
    bool https = true;  // the version's URL is an HTTPS one
  };
  struct Believed {
    std::optional<Digest> root;             // attested by min_attesters agents
    std::optional<Evidence> contradiction;  // between two heard agents; there is no root then
  };
  // Returns the root to believe. No root: fewer than min_attesters heard agents attest it, or heard agents contradict
  // each other (then the origin is asked). Not heard: refused, shunned and doubted agents, those that attest two roots,
  // and for an HTTPS URL attestations by plain HTTP. Signatures are checked here.
  [[nodiscard]] Believed believe(const std::vector<Attestation>& offered, const Asked& asked, const Digest& group,
                                 const Refused& refused, WallTime now) const;

  // -- events
  // Records the attestations of content that was judged not valid. Those whose signature does not hold are left out:
  // anybody may have written them.
  void suspect(const std::vector<Attestation>& attested, const Digest& group);
  struct Outcome {
    std::vector<Evidence> evidence;  // with this agent's own attestation, to be sent to the group
    std::vector<AgentId> shunned;    // newly
    std::vector<AgentId> doubted;    // newly
    std::vector<Digest> condemned;   // newly
    std::vector<std::string> hosts;  // newly not constant
    [[nodiscard]] bool empty() const {
      return evidence.empty() && shunned.empty() && doubted.empty() && condemned.empty() && hosts.empty();
    }
  };
  // Records that this agent fetched segments of one version from the origin itself (`own` are its attestations), and
  // settles the suspicions about them.
  Outcome fetched(std::string_view url, const std::vector<Attestation>& own, const Circle& circle, WallTime now);
  // Takes evidence that a member sent, or that this agent found between members' statements. Invalid evidence is an
  // error, the sender's fault, and changes nothing. Evidence is ignored unchecked where the two agents are known to
  // contradict each other over this version, and without effect where one of the two is refused or shunned.
  [[nodiscard]] Result<Outcome> receive(const Evidence& evidence, const Circle& circle, WallTime now);
  // Ends what is due. True: a version or origin may be shared again, or a member is heard again.
  bool tidy(WallTime now);

 private:
  struct Said {  // two statements that contradict each other
    const Attestation& one;
    const Attestation& other;
  };
  void add_suspicion(const Attestation& attestation);
  void forget_suspicions_of(const Digest& version);
  bool note_own(const std::vector<Attestation>& own, WallTime now);
  void give_up_blame(const Digest& version, const Circle& circle, Outcome& outcome, WallTime now);
  void contradicted_here(const Said& said, const AgentId& agent, const Circle& circle, Outcome& outcome, WallTime now);
  void contradicted_there(const Said& said, const Circle& circle, Outcome& outcome, WallTime now);
  void judge_evidence(const Attestation& mine, std::vector<AgentId>& agreed, std::vector<Attestation>& against);
  bool add_contradiction(const Said& said, WallTime now);
  void condemn(const CondemnedVersions::Change& change, Outcome& outcome);
  void doubt(const AgentId& agent, DoubtReason reason, bool https, const std::string& site, Outcome& outcome,
             WallTime now);
  void not_heard_for_a_while(const Said& said, Outcome& outcome, WallTime now);
  void look_at_host(const Digest& version, const Circle& circle, Outcome& outcome, WallTime now);
  void mark_host(const std::string& host, Outcome& outcome, WallTime now);
  void weigh(const AgentId& agent, const Circle& circle, Outcome& outcome, WallTime now);
  [[nodiscard]] bool is_https(const Said& said) const;
  template <class T>
  void note(const T& what) {
    if (journal_ != nullptr) journal_->keep(what);
  }

  std::size_t min_attesters_;
  TrustJournal* journal_ = nullptr;
  MemberStanding standing_;
  OriginHosts hosts_;
  CondemnedVersions condemned_;
  Contradictions contradictions_;
  Suspicions suspicions_;
  OwnRoots own_roots_;
};

}  // namespace larder::peer
