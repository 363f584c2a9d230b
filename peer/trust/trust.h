// Whom and what to believe (docs/formats/attestation.md, docs/decisions/0024-blame.md). Deciding part; pure, `now` is
// an argument; trust_store.* makes it durable. Loop thread.
//
// A contradiction, two roots for one segment of one version, proves that two agents got different bytes. It does not
// prove that one lied: an origin may give each asker something else. So it is held against the version first (shared by
// nobody), then against the origin where several contradictions over it cannot be one member's doing, and against a
// member last: doubted by an agent whose own fetch it contradicts, shunned where a share of the group contradicts it
// over several unrelated origins. All of that ends by itself.
//
// A signature says only that a key signed. Anybody can make keys, so who does not hold a certificate of the group has
// to be kept out by `refused`: it answers true for revoked agents and for those not known to be members.
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

// All that Trust keeps, to make it durable. Of each kind the oldest first.
struct TrustState {
  std::vector<Shunned> shunned;
  std::vector<Doubted> doubted;
  std::vector<Pardon> pardons;
  std::vector<Attestation> suspected;
  std::vector<Contradiction> contradictions;
  std::vector<Condemned> condemned;
  std::vector<HostMark> hosts;
  std::vector<OwnRoot> own_roots;  // of versions that are in doubt
};

// Hears each change of what Trust keeps, as it happens.
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
  static constexpr std::size_t kMaxOffered = 64;  // attestations looked at for one segment
  static constexpr std::size_t kMinAccusers =
      3;  // and at least a third of the known members: docs/decisions/0024-blame.md
  static constexpr std::size_t kMinSites = 3;           // unrelated origins, by HTTPS
  using Refused = std::function<bool(const AgentId&)>;  // empty: nobody

  // The group as it is for whoever asks.
  struct Circle {
    AgentId self{};
    Digest group{};
    std::size_t members = 0;  // known, this agent among them
    Refused refused;
  };

  // `min_attesters`: so many different believed agents must attest a root; 0 counts as 1.
  explicit Trust(std::size_t min_attesters = 1);

  void set_min_attesters(std::size_t count);
  // What an earlier run kept, before anything else is asked; what does not fit the bounds is left out.
  void restore(TrustState state, WallTime now);
  void set_journal(TrustJournal* journal) { journal_ = journal; }  // outlives this, or null
  // The group was left: its agents are no concern any more.
  void forget_all();

  // -- members
  [[nodiscard]] bool shunned(const AgentId& agent, WallTime now) const { return standing_.shunned(agent, now); }
  [[nodiscard]] bool doubted(const AgentId& agent, bool https, WallTime now) const {
    return standing_.doubted(agent, https, now);
  }
  [[nodiscard]] std::vector<Shunned> all_shunned(WallTime now) const { return standing_.all_shunned(now); }
  [[nodiscard]] std::vector<Doubted> all_doubted(WallTime now) const { return standing_.all_doubted(now); }
  // By the admin: what was said against it until now counts no more. Whether anything held against it.
  bool pardon(const AgentId& agent, WallTime now);
  // A peer sent a block that does not match its leaf hash.
  bool sent_bad_block(const AgentId& agent, WallTime now);  // whether it is shunned newly

  // -- versions and origins
  // This agent asks for, or has, this version: statements about it can be laid at its origin's door.
  void know(const Digest& version, std::string_view url) { hosts_.know(version, url); }
  // Neither is the version condemned nor its origin "not constant": it may be offered, taken and attested.
  [[nodiscard]] bool may_share(const Digest& version, std::string_view url, WallTime now) const;
  [[nodiscard]] bool condemned(const Digest& version, WallTime now) const { return condemned_.has(version, now); }
  [[nodiscard]] std::size_t condemned_count() const { return condemned_.size(); }
  [[nodiscard]] std::vector<HostMark> inconstant_hosts(WallTime now) const { return hosts_.marks(now); }

  // What is to be believed of one segment.
  struct Asked {
    Digest version{};
    std::uint64_t size = 0;
    std::uint64_t segment = 0;
    bool https = true;  // the version's URL is
  };
  struct Believed {
    std::optional<Digest> root;             // attested well enough
    std::optional<Evidence> contradiction;  // between two that are heard: there is no root then
  };
  // No root when nobody believed attests it, or believed agents contradict each other (then the origin is asked). One
  // that attests two roots is not heard, nor is one that is doubted. Signatures are checked here, `refused` agents do
  // not count.
  [[nodiscard]] Believed believe(const std::vector<Attestation>& offered, const Asked& asked, const Digest& group,
                                 const Refused& refused, WallTime now) const;

  // -- what happens
  // Content judged not valid: who attested what of it. What is not signed as it says is left out: it proves nothing,
  // and anybody may have written it.
  void suspect(const std::vector<Attestation>& attested, const Digest& group);
  struct Outcome {
    std::vector<Evidence> evidence;  // this agent's own: to tell the group
    std::vector<AgentId> shunned;    // newly
    std::vector<AgentId> doubted;    // newly
    std::vector<Digest> condemned;   // newly
    std::vector<std::string> hosts;  // newly not constant
    [[nodiscard]] bool empty() const {
      return evidence.empty() && shunned.empty() && doubted.empty() && condemned.empty() && hosts.empty();
    }
  };
  // This agent fetched these segments of one version from the origin itself (`own` are its attestations).
  Outcome fetched(std::string_view url, const std::vector<Attestation>& own, const Circle& circle, WallTime now);
  // Of the group, or found by this agent in what members told it. Invalid evidence changes nothing and is the sender's
  // fault (it is not looked at where the same two are known to contradict each other over this version already). What
  // is from or against a refused or shunned agent changes nothing either.
  [[nodiscard]] Result<Outcome> receive(const Evidence& evidence, const Circle& circle, WallTime now);
  // Time passed. Whether anything that was held back may be shared again, or somebody heard.
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
  void settle(const Attestation& mine, std::vector<AgentId>& agreed, std::vector<Attestation>& against);
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
