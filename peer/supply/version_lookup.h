// The look-up of one version among the neighbours: who has it (discovery), what they say of it (their catalogues, a few
// at a time), until a supply can be made of it or nobody is left to ask. While the supply lives and is not complete, it
// looks again from time to time, and soon once where it knows one holder or none. In a crowd (version_lookup_crowd.cpp)
// it hears who holds what, asks for the proof of that alone, hears a second member where one is known (opinions.h), and
// hands a supply over though nobody has anything yet. Loop thread. Owned by neighbourhood.*.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/runtime/clock.h"
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
  std::function<bool(const AgentId&)> not_heard;  // as an attester
  std::function<void(const AgentId&)> lied;
  std::function<void(const AgentId&)> unreachable;
  AgentId self{};
  bool loopback = false;                                // members may be on loopback addresses: peer.listen names one
  std::function<void(const Evidence&)> contradicted{};  // what members told of a version; acted on later
};

class VersionLookup final : public std::enable_shared_from_this<VersionLookup> {
 public:
  static constexpr std::size_t kTogether = 3;       // catalogues asked at once
  static constexpr std::size_t kMaxManifests = 12;  // in one look
  static constexpr Duration kHedgeAfter = std::chrono::milliseconds(40);
  static constexpr std::size_t kOpinions = 2;                          // heard where so many have it
  static constexpr Duration kWithin = std::chrono::milliseconds(400);  // after which what is there must do
  static constexpr Duration kAgain = std::chrono::seconds(1);
  static constexpr Duration kWithinInCrowd = std::chrono::milliseconds(250);  // who is asked answers sooner
  static constexpr Duration kAgainInCrowd = std::chrono::seconds(5);          // members tell by themselves
  // Where one alone has all of it, or nobody any of it: a holder may not have been heard, and the one may go, or stall.
  static constexpr Duration kSecondLook = std::chrono::milliseconds(200);
  // In a crowd a holder is asked by many at once; who gives up and asks anew makes it worse.
  static constexpr Duration kBusyCrowd = std::chrono::seconds(3);
  static constexpr Duration kProofGap = std::chrono::milliseconds(100);  // between two manifests of one holder
  static constexpr Duration kReadmit = std::chrono::seconds(2);          // who did not answer and is heard all the same

  using Found = UniqueFunction<void(std::shared_ptr<SupplyImpl>)>;  // null: nobody has any of it

  // `foreseen`: holders that are known already; with any of this version the first look asks nobody else.
  VersionLookup(std::shared_ptr<LookupTools> tools, std::shared_ptr<SupplyImpl> supply, std::vector<Holder> foreseen,
                Found found);
  ~VersionLookup();
  VersionLookup(const VersionLookup&) = delete;
  VersionLookup& operator=(const VersionLookup&) = delete;

  // Before start(), and before anybody of the crowd is heard. `asked`: everybody around was asked a moment ago, and had
  // none of it.
  void in_crowd(bool is, bool asked) {
    crowd_ = is;
    asked_around_ = asked;
  }
  void start();
  // A member of the crowd says what it holds.
  void heard(const AgentId& agent, const CrowdEntry& entry);
  [[nodiscard]] bool is_for(const std::shared_ptr<SupplyImpl>& supply) const { return supply_.lock() == supply; }
  // Nobody can use its result any more.
  [[nodiscard]] bool over() const { return ended_ || (!found_ && supply_.expired()); }
  void stop();  // what it uses goes away: answers that nothing was found, from the loop
  // Others that a holder named.
  void add_others(const std::vector<std::byte>& body);

 private:
  void look();
  void answered(const std::vector<Holder>& holders);
  void pump();
  void call(const HolderFacts& holder);
  void manifest(const HolderFacts& holder, Result<CatalogueResponse> answer, bool with_bytes);
  void take(const HolderFacts& holder, Manifest manifest);
  void failed(const AgentId& agent, const Error& error);
  void learn(const std::vector<CatalogueHolder>& others);
  void settle();
  void finish();
  void again_later();
  void look_again();
  [[nodiscard]] bool depends_on_one() const;
  [[nodiscard]] bool finds_nobody() const;
  void hedge();
  [[nodiscard]] bool awaits_opinion() const;
  void time_over();
  void believe(const HolderFacts& holder, const Manifest& manifest);
  void tell_crowd(const HolderFacts& holder);
  void tell_unproven(const HolderFacts& asked);
  void tell_contradicted(const AgentId& agent);
  void note_in_vain(const HolderFacts& asked);
  bool hear_opinions();
  void await_opinions();
  void remember_first();
  [[nodiscard]] std::size_t named_alike(std::uint64_t segment, const Digest& root) const;
  void ask_proofs();
  [[nodiscard]] std::vector<bool> unproven() const;
  [[nodiscard]] bool anybody_named(std::uint64_t segment) const;
  [[nodiscard]] bool may_tell(const HolderFacts& holder, std::uint64_t segment) const;
  [[nodiscard]] std::optional<HolderFacts> next_to_prove(const std::vector<bool>& unproven, bool& later) const;
  [[nodiscard]] const ManifestSegment* named(const AgentId& agent, std::uint64_t segment) const;
  [[nodiscard]] bool contradicts(const AgentId& agent, std::uint64_t segment) const;
  [[nodiscard]] bool small() const;
  [[nodiscard]] bool enough() const;
  [[nodiscard]] bool usable(const AgentId& agent) const;

  std::shared_ptr<LookupTools> tools_;
  std::shared_ptr<SupplyImpl> building_;  // until it is handed over
  std::weak_ptr<SupplyImpl> supply_;
  std::vector<Holder> foreseen_;
  Found found_;
  SteadyTime started_{};
  std::uint32_t query_ = 0;
  bool asking_ = false;
  std::size_t together_ = kTogether;
  std::size_t under_way_ = 0, asked_count_ = 0, bytes_under_way_ = 0;
  std::set<AgentId> asked_;
  std::map<AgentId, HolderFacts> others_;  // named by holders, not asked yet
  std::map<AgentId, Manifest> manifests_;  // without bytes and attestations
  std::set<CallId> calls_;
  TimerId deadline_ = 0, hedge_ = 0, again_ = 0, proofs_ = 0, opinions_ = 0;
  bool ended_ = false;
  bool crowd_ = false, asked_around_ = false, bytes_asked_ = false;
  bool second_over_ = false;
  std::map<AgentId, SteadyTime> manifest_at_;  // asked last; bounded by the holders
  std::map<AgentId, HolderFacts> proving_;     // being asked, and what they had when they were
  std::map<AgentId, SteadyTime> readmitted_;
  std::set<AgentId> without_bytes_;  // whose manifests came, and were not asked for the bytes
  std::set<AgentId> known_first_;    // of a small one: known to have it when the bytes were asked for, or by discovery
};

}  // namespace larder::peer
