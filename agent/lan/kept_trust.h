// Knowledge of the other agents of the group that is kept in larder.db: whom to trust, and certificates that were met.
// Loop thread only. Owned by the LAN's composition, destroyed before the Database.
#pragma once

#include <functional>
#include <vector>

#include "base/runtime/clock.h"
#include "database/database.h"
#include "peer/group/member_book.h"
#include "peer/group/member_store.h"
#include "peer/trust/trust.h"
#include "peer/trust/trust_store.h"

namespace larder::agent {

class KeptTrust {
 public:
  KeptTrust(cache::Database& database, Runtime runtime, std::size_t min_attesters);

  peer::Trust trust;
  peer::MemberBook members;

  // Loads both. No agent is asked or judged before `done`. Unreadable data is logged, and starts empty.
  void load(WallTime now, std::function<void()> done);
  void forget_all();  // after leaving the group
  // Remembers the certificate of an agent, if it is one of the group.
  void on_member_met(const peer::AgentId& agent, Bytes certificate, WallTime now);
  [[nodiscard]] std::vector<peer::AgentId> all_shunned(WallTime now) const;

 private:
  peer::TrustStore trust_store_;
  peer::MemberStore member_store_;
};

}  // namespace larder::agent
