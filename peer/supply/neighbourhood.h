// The neighbours as transfers see them (neighbours.h): looks versions up, makes supplies, and turns the findings of
// transfers and of the swarm into trust. Loop thread only. Owned by agent/lan, which destroys it when this agent leaves
// its group. The destructor closes supplies that are still used: they deliver nothing more.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "base/runtime/worker_pool.h"
#include "cache/record/record.h"
#include "peer/catalogue/catalogue_link.h"
#include "peer/crowd/crowd_host.h"
#include "peer/discovery/discovery_socket.h"
#include "peer/group/member_book.h"
#include "peer/offer/offer_table.h"
#include "peer/supply/neighbours.h"
#include "peer/supply/supply.h"
#include "peer/supply/version_lookup.h"
#include "peer/trust/trust.h"

namespace larder::cache {
class Cache;
}

namespace larder::peer {

class NewestLookup;

struct NeighbourhoodParts {  // all outlive it
  DiscoverySocket& discovery;
  CatalogueLink& link;
  Swarm& swarm;
  cache::Cache& cache;
  Trust& trust;
  MemberBook& members;
  OfferTable& offers;
  WorkerPool& disk;
  Runtime runtime;
  AgentKey key;
  Digest group{};  // group_digest()
  std::function<bool(const AgentId&)> revoked;
  std::function<bool()> serving;           // policy: this agent may serve fetched segments now
  std::function<void()> shunned_changed;   // the set of shunned agents grew: refuse their connections and datagrams
  bool loopback = false;                   // members may be on loopback addresses: peer.listen names one
  std::function<void()> offers_changed{};  // an origin is not constant: the offers of its versions are to be read again
  DialNotes dials{};
};

class Neighbourhood final : public Neighbours {
 public:
  explicit Neighbourhood(NeighbourhoodParts parts);
  ~Neighbourhood() override;
  Neighbourhood(const Neighbourhood&) = delete;
  Neighbourhood& operator=(const Neighbourhood&) = delete;

  // Sets the configuration's permissions: `use`, to take bytes from peers; `crowd`, to share the origin's work with
  // agents that want the same version.
  void set_using(bool use, bool crowd) {
    using_ = use;
    crowd_ = crowd;
  }

  [[nodiscard]] bool anyone() const override;
  void prefetch_lookup(const std::string& url) override;
  [[nodiscard]] bool promising(const std::string& url) const override;
  void find_supply(NeighbourQuery query, UniqueFunction<void(std::shared_ptr<Supply>)> done) override;
  void find_newest(const std::string& url, UniqueFunction<void(std::optional<NewestEdition>)> done) override;
  [[nodiscard]] bool contradicted(const cache::Version& version) const override { return !may_share(version); }
  void judged_bad(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments) override;
  void fetched(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments) override;
  void merged(const cache::Version& version, const std::vector<cache::SegmentInfo>& segments,
              const cache::ContentId& held) override;

  void on_evidence(const AgentId& from, const EvidenceMessage& told);  // called by discovery
  // In neighbourhood_crowd.cpp. The first three are called by discovery, on_offered() by the offer feed, and
  // on_serving_changed() when the policy of serving may have changed.
  void on_crowd_entries(const AgentId& from, const CrowdStamp& stamp, const std::vector<CrowdEntry>& entries);
  void on_agents_changed();
  void on_agent_gone(const AgentId& agent);
  void on_offered(const cache::ContentInfo& info, const std::vector<cache::SegmentInfo>& segments);
  void on_serving_changed();
  void on_key_changed();                                      // the group's key changed, and with it every version key
  [[nodiscard]] bool is_refused(const AgentId& agent) const;  // revoked or shunned

 private:
  struct Prefetch {
    SteadyTime at{};
    bool answered = false;
    std::vector<Holder> holders;                  // of any version of the URL
    std::vector<UniqueFunction<void()>> waiting;  // look-ups that start once this is answered
  };
  static constexpr Duration kPrefetchFor = std::chrono::seconds(2);
  static constexpr std::size_t kMaxPrefetches = 256;
  static constexpr Duration kHeardLately = std::chrono::milliseconds(700);
  static constexpr Duration kGatherUrls = std::chrono::milliseconds(1);
  // After an empty answer for the URL, a look-up of its version within this time does not ask again.
  static constexpr Duration kJustAsked = std::chrono::milliseconds(300);

  void ask_prefetches();
  void on_prefetch_answer(const std::string& url, const std::vector<Holder>& holders);
  void warm_up(const Digest& url_key, const Holder& holder);
  void on_lie(const AgentId& agent);
  void weigh(const Evidence& evidence);
  [[nodiscard]] Trust::Circle circle() const;
  [[nodiscard]] bool may_share(const cache::Version& version) const;
  [[nodiscard]] bool counted_on(const AgentId& agent) const;  // in a crowd
  void act_on(const Trust::Outcome& outcome);
  void share_no_more(const std::vector<Digest>& versions);
  void stop_supplies();
  void tell_group(const Evidence& evidence);
  void meet_member(const Evidence& evidence, Bytes certificate);
  [[nodiscard]] bool not_heard(const AgentId& agent) const;  // as an attester
  std::shared_ptr<SupplyImpl> look_up(const cache::Version& version, std::vector<Holder> prefetched,
                                      VersionLookup::Found found);
  void make_crowds();
  void join_crowd(const NeighbourQuery& query, const std::shared_ptr<SupplyImpl>& supply, VersionLookup& lookup,
                  bool asked);
  void give_own(const cache::ContentId& content, const std::shared_ptr<SupplyImpl>& supply);
  void tidy();

  NeighbourhoodParts parts_;
  bool using_ = true;
  bool crowd_ = false;
  std::map<std::string, Prefetch> prefetches_;  // by URL
  std::vector<std::string> prefetches_to_ask_;  // those of prefetches_ that are not asked for yet
  std::shared_ptr<SupplyTools> supply_tools_;
  std::shared_ptr<LookupTools> lookup_tools_;
  std::vector<std::shared_ptr<VersionLookup>> lookups_;
  std::vector<std::weak_ptr<SupplyImpl>> supplies_;
  std::vector<std::weak_ptr<NewestLookup>> newest_;
  std::unique_ptr<CrowdHost> crowds_;
  Alive alive_;
};

}  // namespace larder::peer
