// Keeps the state of Trust in larder.db over restarts. It is read once at the start; changes are written behind, those
// of one turn of the loop together. Loop thread only. Owned by agent/lan: destroyed before the Database, and after the
// last use of the Trust whose journal it is.
//
// A change that cannot be written is retried (write_behind.h); Trust goes on with it in memory.
#pragma once

#include <memory>
#include <span>

#include "base/result.h"
#include "base/runtime/alive.h"
#include "base/runtime/clock.h"
#include "database/database.h"
#include "peer/common/write_behind.h"
#include "peer/trust/trust.h"

namespace larder::peer {

// Returns the schema steps; docs/formats/attestation.md describes the columns.
[[nodiscard]] std::span<const cache::SchemaStep> trust_schema();

class TrustStore final : public TrustJournal {
 public:
  TrustStore(cache::Database& database, Runtime runtime);
  TrustStore(const TrustStore&) = delete;
  TrustStore& operator=(const TrustStore&) = delete;

  // Restores `trust` from the database and becomes its journal. `trust` must not be used before `done`; after an error
  // it begins empty. `done` is called on the loop thread, not within the call, and not after the destructor.
  void load(Trust& trust, WallTime now, UniqueFunction<void(Status)> done);

  void keep(const Shunned& shunned) override;
  void keep(const Doubted& doubted) override;
  void keep(const Pardon& pardon) override;
  void keep(const Attestation& suspected) override;
  void keep(const Contradiction& contradiction) override;
  void keep(const Condemned& condemned) override;
  void keep(const HostMark& mark) override;
  void keep(const OwnRoot& root) override;
  void forget_shunned(const AgentId& agent) override;
  void forget_doubted(const AgentId& agent) override;
  void forget_pardon(const AgentId& agent) override;
  void forget(const Attestation& suspected) override;
  void forget(const Contradiction& contradiction) override;
  void forget_condemned(const Digest& version) override;
  void forget_host(const std::string& host) override;
  void forget_own_roots(const Digest& version) override;
  void forget_all() override;

 private:
  void forget_what_is_over(WallTime now);
  void delete_by_digest(const char* sql, const Digest& key);

  cache::Database& database_;
  WriteBehind writes_;
  Alive alive_;
};

}  // namespace larder::peer
