// The agent's part on the LAN: identity and membership for the whole run; discovery, catalogue, swarm and neighbourhood
// while the agent is in a group and sharing is on. Loop thread only. Owned by the composition root.
//
// Without a group, when the configuration says so, and when a port cannot be opened, the agent works alone: sharing is
// never a condition. Ports that could not be opened are tried again.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/group_service.h"
#include "agent/peer_facts.h"
#include "base/io/file_system.h"
#include "base/runtime/loop.h"
#include "base/runtime/worker_pool.h"
#include "database/database.h"
#include "peer/discovery/peer_table.h"
#include "peer/supply/neighbours.h"
#include "peer/trust/trust.h"

namespace larder::cache {
class Cache;
}

namespace larder::agent {

struct LanParts {  // all outlive it
  Loop& loop;
  Runtime runtime;
  FileSystem& files;
  WorkerPool& disk;
  cache::Database& database;
  cache::Cache& cache;
};

// For `larder peers` and `larder doctor`.
struct LanFacts {
  bool enabled = false;  // by the configuration
  bool in_group = false;
  bool up = false;
  std::string trouble;  // why it is not up: "cannot …"
  std::uint16_t catalogue_port = 0, swarm_port = 0, discovery_port = 0;
  std::size_t offered = 0;  // records
  bool offering_idle = false;
};

class LanComposition final : public PeerFactsSource {
 public:
  static constexpr Duration kRetry = std::chrono::seconds(10);

  // Reads the identity (blocks). A damaged one is reported with the group; the agent then works alone.
  LanComposition(LanParts parts, std::shared_ptr<const Config> config);
  ~LanComposition() override;
  LanComposition(const LanComposition&) = delete;
  LanComposition& operator=(const LanComposition&) = delete;

  void start();  // once the cache answers; returns at once
  void stop();   // says good-bye and closes everything; transfers find no peers from now on
  void apply(std::shared_ptr<const Config> config);
  void network_changed();

  [[nodiscard]] peer::Neighbours& neighbours();
  [[nodiscard]] GroupService& group();
  [[nodiscard]] LanFacts facts() const;
  [[nodiscard]] SharingFacts sharing_facts() const override;
  // Has `answer` called on the thread of the swarm or of the catalogue, or from within the call while sharing is not
  // up.
  void ask_swarm(UniqueFunction<void()> answer);
  void ask_catalogue(UniqueFunction<void()> answer);
  Result<PardonAnswer> pardon(const std::string& agent) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace larder::agent
