// The look-up of one version among the neighbours. It finds holders by discovery and reads their manifests from their
// catalogues, a few at a time, until the supply can be handed over or no holder is left to ask. While the supply lives
// and is not complete, the look-up repeats from time to time, and once soon where it knows one holder or none.
//
// In a crowd (version_lookup_crowd.cpp) it hands the supply over, even empty, as soon as discovery has answered, and
// adds segments as members announce them. It reads manifests only to prove what was announced, two of them where two
// members hold a segment (opinions.h).
//
// Loop thread. Owned by neighbourhood.*. start() may call `found` within the call. `found` is called once; after stop()
// or the destructor it is posted with null.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/runtime/clock.h"
#include "base/runtime/in_flight.h"
#include "peer/catalogue/catalogue_link.h"
#include "peer/discovery/discovery_socket.h"
#include "peer/group/member_book.h"
#include "peer/supply/supply.h"

namespace larder::peer {

struct LookupTools {
  DiscoverySocket& discovery;
  CatalogueLink& link;
  Runtime runtime;
  const Trust& trust;
  MemberBook& members;
  std::function<bool(const AgentId&)> refused;    // revoked or shunned
  std::function<bool(const AgentId&)> not_heard;  // its attestations do not count
  std::function<void(const AgentId&)> lied;       // has it shunned: its bytes do not match the root
  std::function<void(const AgentId&)> unreachable;
  AgentId self{};
  bool loopback = false;  // members may be on loopback addresses: peer.listen names one
  std::function<void(const Evidence&)>
      contradicted{};  // two members' statements disagree; must not act within the call
};

class VersionLookup final : public std::enable_shared_from_this<VersionLookup> {
 public:
  static constexpr std::size_t kTogether = 3;       // requests in flight
  static constexpr std::size_t kMaxManifests = 12;  // requested in one round of the look-up
  static constexpr Duration kHedgeAfter = std::chrono::milliseconds(40);
  static constexpr std::size_t kOpinions = 2;                          // manifests read, where so many hold it
  static constexpr Duration kWithin = std::chrono::milliseconds(400);  // then the hand-over, with what is known
  static constexpr Duration kAgain = std::chrono::seconds(1);
  static constexpr Duration kWithinInCrowd = std::chrono::milliseconds(250);  // members answer sooner
  static constexpr Duration kAgainInCrowd = std::chrono::seconds(5);          // members announce by themselves
  // Where one holder alone is complete, or none is known: others may have answered late or not been heard, and the one
  // may leave or stall.
  static constexpr Duration kSecondLook = std::chrono::milliseconds(200);
  // Timeout of a request in a crowd, where many ask one holder at once: giving up early and asking again adds load.
  static constexpr Duration kBusyCrowd = std::chrono::seconds(3);
  static constexpr Duration kProofGap = std::chrono::milliseconds(100);  // between two manifests of one holder
  static constexpr Duration kReadmit =
      std::chrono::seconds(2);  // between readmissions of a dropped holder that is heard

  using Found = UniqueFunction<void(std::shared_ptr<SupplyImpl>)>;  // null: no neighbour has any of it

  // `prefetched`: holders known already. If any of them has this version, the first round sends no question of its own.
  VersionLookup(std::shared_ptr<LookupTools> tools, std::shared_ptr<SupplyImpl> supply, std::vector<Holder> prefetched,
                Found found);
  ~VersionLookup();
  VersionLookup(const VersionLookup&) = delete;
  VersionLookup& operator=(const VersionLookup&) = delete;

  // Sets whether the look-up is for a crowd. Call it before start() and before on_crowd_entry(). `asked`: all
  // neighbours were asked a moment ago and none had the version.
  void in_crowd(bool is, bool asked) {
    crowd_ = is;
    asked_around_ = asked;
  }
  void start();
  // Called when a member of the crowd announces what it holds; may be called before start().
  void on_crowd_entry(const AgentId& agent, const CrowdEntry& entry);
  [[nodiscard]] bool is_for(const std::shared_ptr<SupplyImpl>& supply) const { return supply_.lock() == supply; }
  // Returns whether its result can no longer be used.
  [[nodiscard]] bool is_over() const { return ended_ || (!found_ && supply_.expired()); }
  void stop();  // called before its tools end: cancels all requests and posts `found` with null, if not called yet
  // Adds further holders, named in the body of a holder's "busy" answer.
  void add_others(const std::vector<std::byte>& body);

 private:
  void ask_discovery();
  void on_holders(const std::vector<Holder>& holders);
  void pump();
  void call_holder(const HolderFacts& holder);
  void on_manifest(const HolderFacts& holder, Result<CatalogueResponse> answer, bool with_bytes);
  void learn_manifest(const HolderFacts& holder, Manifest manifest);
  void on_holder_failed(const AgentId& agent, const Error& error);
  void add_named_holders(const std::vector<CatalogueHolder>& others);
  void hand_over_if_ready();
  void hand_over();
  void schedule_next_look();
  void look_again();
  [[nodiscard]] bool depends_on_one() const;
  [[nodiscard]] bool finds_nobody() const;
  void call_another();
  [[nodiscard]] bool awaits_opinion() const;
  void on_deadline();
  void believe(const HolderFacts& holder, const Manifest& manifest);
  void report_holder_to_crowd(const HolderFacts& holder);
  void report_unproven(const HolderFacts& asked);
  void report_contradicted(const AgentId& agent);
  void note_without_answer(const HolderFacts& asked);
  bool hear_opinions();
  void await_opinions();
  void remember_first();
  [[nodiscard]] std::size_t named_alike(std::uint64_t segment, const Digest& root) const;
  void ask_proofs();
  [[nodiscard]] std::vector<bool> unproven() const;
  [[nodiscard]] bool anybody_named(std::uint64_t segment) const;
  [[nodiscard]] bool may_name(const HolderFacts& holder, std::uint64_t segment) const;
  [[nodiscard]] std::optional<HolderFacts> next_to_prove(const std::vector<bool>& unproven, bool& later) const;
  [[nodiscard]] const ManifestSegment* named(const AgentId& agent, std::uint64_t segment) const;
  [[nodiscard]] bool contradicts(const AgentId& agent, std::uint64_t segment) const;
  [[nodiscard]] bool small() const;
  [[nodiscard]] bool enough() const;
  [[nodiscard]] bool usable(const AgentId& agent) const;

  std::shared_ptr<LookupTools> tools_;
  std::shared_ptr<SupplyImpl> building_;  // until the hand-over
  std::weak_ptr<SupplyImpl> supply_;
  std::vector<Holder> prefetched_;
  Found found_;
  SteadyTime started_at_{};
  std::uint32_t query_ = 0;
  bool asking_ = false;
  std::size_t together_ = kTogether;
  std::size_t asked_count_ = 0;
  InFlight bytes_;  // calls that ask for the bytes too
  std::set<AgentId> asked_;
  std::map<AgentId, HolderFacts> others_;  // named by holders, not asked yet
  std::map<AgentId, Manifest> manifests_;  // as received, without bytes and attestations
  std::set<CallId> calls_;
  TimerId deadline_timer_ = 0, hedge_timer_ = 0, next_look_timer_ = 0, proofs_timer_ = 0, opinions_timer_ = 0;
  bool ended_ = false;
  bool crowd_ = false, asked_around_ = false, bytes_asked_ = false;
  bool second_over_ = false;
  std::map<AgentId, SteadyTime> manifest_asked_at_;  // time of the last request to each; bounded by the holders
  std::map<AgentId, HolderFacts> proving_;           // requests in flight, with what the holder had at their start
  std::map<AgentId, SteadyTime> readmitted_at_;
  std::set<AgentId> without_bytes_;  // agents whose manifest came without the bytes, as they were not asked for
  std::set<AgentId> first_holders_;  // holders of a small content when its bytes were asked for, or found by discovery
};

}  // namespace larder::peer
