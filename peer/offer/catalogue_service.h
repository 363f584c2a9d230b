// Answers neighbours' catalogue requests (docs/formats/catalogue.md, Paths): manifests of versions with their proofs,
// leaves, the opening of torrents, the members that this agent knows. Loop thread; the cache answers later, and
// signatures and file reads are done by a worker. Owned by agent/lan. `respond` may be called within handle(); requests
// in flight at the destructor are answered by the link (their `respond` is destroyed uncalled).
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/runtime/worker_pool.h"
#include "cache/record/record.h"
#include "peer/catalogue/catalogue_link.h"
#include "peer/discovery/peer_table.h"
#include "peer/group/member_book.h"
#include "peer/messages/catalogue_paths.h"
#include "peer/messages/catalogue_wire.h"
#include "peer/offer/offer_table.h"
#include "peer/swarm/swarm.h"

namespace larder::cache {
class Cache;
}

namespace larder::peer {

struct CatalogueServiceParts {  // all outlive it
  cache::Cache& cache;
  const OfferTable& offers;
  MemberBook& members;
  Swarm& swarm;
  WorkerPool& disk;
  Runtime runtime;
  AgentKey key;
  Digest group{};
  std::size_t max_connections = 200;  // of the swarm; above it askers get 503 with other holders' names
  // Handles the paths of the group; true: it took the request and answers it.
  std::function<bool(const CatalogueRequest&, UniqueFunction<void(CatalogueResponse)>&)> group_paths;
  std::function<const PeerTable&()> peers;
  std::function<bool(const AgentId&)> refused;
  std::function<bool()> serving;  // policy: not metered, not on a low battery
};

class CatalogueService {
 public:
  static constexpr std::size_t kMaxUnderWay = 64;     // requests being answered
  static constexpr std::size_t kMaxRemembered = 512;  // manifests; also versions whose takers are kept
  static constexpr std::size_t kMaxOpened = 64;       // torrents of segments opened by one request

  explicit CatalogueService(CatalogueServiceParts parts);
  ~CatalogueService();
  CatalogueService(const CatalogueService&) = delete;
  CatalogueService& operator=(const CatalogueService&) = delete;

  void handle(CatalogueRequest request, UniqueFunction<void(CatalogueResponse)> respond);
  void changed(const cache::ContentId& id);  // for Cache::observe
  void forget_all();                         // the group's key changed: all version keys are new
  [[nodiscard]] std::uint8_t load() const;   // swarm connections and requests in flight, for discovery

 private:
  struct Job;
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace larder::peer
